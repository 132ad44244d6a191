"""Files of events, and what a replay makes of them."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec

from streams.parts import build
from streams.replay import Request, replay
from streams.settings import Settings

Json = dict[str, Any]
NOW_MS = time.time_ns() // 1_000_000


def write(path: Path, *events: Json | bytes) -> Path:
    """Write events, or raw lines, one a line, and return the path."""
    lines = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def read(path: Path) -> list[Json]:
    """Return the objects of a JSONL file."""
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def run(
    out: Path, *files: Path, settings: Settings | None = None, wall_ms: int = NOW_MS, **request: Any
) -> Json:
    """Replay with categories as tags; return the summary."""
    parts = build(settings or Settings(), tags="category")
    return replay(Request(files=files, out=out, **request), parts, lambda *_: None, wall_ms)

"""Larger replays: bounded memory, and real shoppers on several processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.replay_memory import lines
from schemas.decode import Border
from streams.importers.rees46 import import_rees46
from tests.support.lines import run

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data/rees46_multi/2019-Oct-first3h.shared.csv.xz"
FILES = ("profiles", "decisions", "promotions", "dead_letters")
_REPLAY = """
import resource, sys
from pathlib import Path
from streams.parts import build
from streams.replay import Request, replay
from streams.settings import Settings

request = Request([Path(sys.argv[1])], Path(sys.argv[2]), jobs=2, buckets=32)
summary = replay(request, build(Settings(), tags="category"), lambda *_: None, 2_000_000_000_000)
assert summary["accepted"] == 150_000, summary
# Not ru_maxrss of this process: it remembers the one that started it.
mine = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
print(max(mine, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024)
"""


def test_memory_does_not_grow_with_the_events(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines(150_000)))
    command = [sys.executable, "-c", _REPLAY, tmp_path / "events.jsonl", tmp_path / "out"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    # In MiB; the events alone, all at once, take more than 100.
    assert int(done.stdout) < 90


@pytest.mark.skipif(not DATA.exists(), reason="the REES46 history is not here")
def test_real_shoppers_give_the_same_bytes_on_any_number_of_processes(tmp_path: Path) -> None:
    import_rees46([DATA], tmp_path / "in", Border("USD"), "USD")
    events = sorted((tmp_path / "in").glob("*.jsonl"))
    found = []
    for jobs, buckets in ((1, 1), (1, 5), (3, 8)):
        run(tmp_path / "out", *events, jobs=jobs, buckets=buckets)
        found.append({name: (tmp_path / f"out/{name}.jsonl").read_bytes() for name in FILES})
    assert len(found[0]["profiles"]) > 1000
    assert found[0] == found[1] == found[2]

"""How much memory a replay takes as it goes: `python -m benchmarks.replay_memory --events 10000000 --png FILE`.

Makes that many events of a growing number of shoppers (one for every 40 events), some of whom turn out to be the
same, replays them with ten campaigns and notes the memory of all its processes while it runs: their proportional
set size, so that pages they share count once. Prints a table; with --png (and matplotlib) a picture as well.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from msgspec import Struct

from schemas.timestamps import iso_utc
from streams.parts import build
from streams.replay import Request, replay
from streams.settings import load

START_MS = 1_704_067_200_000
EVENTS_PER_SHOPPER = 40
#: From one event to the next over all shoppers, in ms.
STEP_MS = 250
SAMPLE_S = 0.5
TAGS = (
    "running-shoes",
    "yoga",
    "camping",
    "coffee",
    "kitchen",
    "headphones",
    "gaming",
    "skincare",
    "garden",
    "books",
)
_EVENTS = ("Product Viewed",) * 17 + ("Product Added",) * 2 + ("Order Completed",)


class Sample(Struct, frozen=True):
    """`done` events of a stage ("reading", "folding"), and the memory of all processes then, in MiB."""

    stage: str
    done: int
    mib: float


def main() -> None:
    """Make, replay, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--png", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        samples, summary = measure(Path(name), asked.events, asked.jobs)
    write = sys.stdout.write
    write(
        f"{summary['read']:,} events, {summary['profiles']:,} profiles, {summary['decisions']:,} decisions; "
    )
    write(
        f"{summary['jobs']} processes, {summary['seconds']:.0f} s, {summary['events_per_second']:,} events/s\n"
    )
    for stage in ("reading", "folding"):
        mine = [sample for sample in samples if sample.stage == stage]
        for part in range(10):
            share = mine[part * len(mine) // 10 : (part + 1) * len(mine) // 10]
            if share:
                peak = max(sample.mib for sample in share)
                write(f"{stage:<8} up to {share[-1].done:>12,} events {peak:>8.0f} MiB\n")
    if asked.png is not None:
        draw(samples, asked.png)


def measure(folder: Path, events: int, jobs: int | None) -> tuple[list[Sample], dict[str, int]]:
    """Replay so many events below `folder`; return samples of its memory and the summary."""
    path, campaigns = folder / "events.jsonl", folder / "campaigns.yaml"
    with path.open("wb", 1 << 20) as file:
        for line in lines(events):
            file.write(line)
    campaigns.write_text(campaign_file(), encoding="utf-8")
    parts = build(load({"campaigns.file": str(campaigns)}), tags="category")
    samples: list[Sample] = []
    told = 0.0

    def note(stage: str, done: int, _: int) -> None:
        nonlocal told
        if time.monotonic() - told >= SAMPLE_S:
            samples.append(Sample(stage, done, memory_mib()))
            told = time.monotonic()

    request = Request([path], folder / "out", jobs=jobs)
    return samples, replay(request, parts, note, time.time_ns() // 1_000_000)


def lines(count: int) -> Iterator[bytes]:
    """Yield events in the order of time; every thousandth says that a device belongs to a user."""
    random = Random("memory")
    shoppers = max(1, count // EVENTS_PER_SHOPPER)
    for number in range(count):
        shopper, at = random.randrange(shoppers), iso_utc(START_MS + number * STEP_MS)
        head = f'"messageId":"{number:08x}","timestamp":"{at}"'
        if number % 1000 == 999:
            yield f'{{"type":"identify",{head},"userId":"u{shopper}","anonymousId":"d{shopper}"}}\n'.encode()
            continue
        who = f'"anonymousId":"d{shopper}"' if number % 10 == 0 else f'"userId":"u{shopper}"'
        product, name = random.randrange(5_000), _EVENTS[number % len(_EVENTS)]
        told = f'"product_id":"p{product}","name":"article {product}","category":"{TAGS[product % 10]}","price":19.9'
        if name == "Order Completed":
            told = (
                f'"order_id":"o{number}","total":19.9,"currency":"USD","products":[{{{told},"quantity":1}}]'
            )
        yield f'{{"type":"track","event":"{name}",{head},{who},"properties":{{{told}}}}}\n'.encode()


def campaign_file() -> str:
    """Return ten campaigns, one for each tag."""
    return "campaigns:\n" + "".join(
        f"  - {{id: {tag}, triggers: [Product Added], purpose: profiling, caps: [{{at_most: 1, per: 7d}}],\n"
        f"     when: {{feature: affinity, tag: {tag}, at_least: 8}},\n"
        f"     offers: [{{promotion_id: {tag}-10, name: 10 % off}}]}}\n"
        for tag in TAGS
    )


def memory_mib() -> float:
    """Return the memory of this process and its children; pages that they share count once. Linux only."""
    me = os.getpid()
    children = Path(f"/proc/{me}/task/{me}/children").read_text(encoding="ascii").split()
    return sum(map(_pss_kib, [str(me), *children])) / 1024


def _pss_kib(pid: str) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:  # it has just ended
        return 0
    return int(rollup.partition("Pss:")[2].split(maxsplit=1)[0]) if "Pss:" in rollup else 0


def draw(samples: Sequence[Sample], path: Path) -> None:
    """Draw memory over events, one line for each stage."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4))
    for stage in ("reading", "folding"):
        mine = [sample for sample in samples if sample.stage == stage]
        axes.plot([sample.done / 1e6 for sample in mine], [sample.mib for sample in mine], label=stage)
    axes.set_xlabel("events, millions")
    axes.set_ylabel("memory of all processes, MiB")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()

"""Faults in random order for so many minutes: `python -m tests.faults.soak --minutes 30 [--seed N]`.

The seed decides which faults meet which loads in which order, and is printed first; the same seed does the same
again, but for the moments, which the machine decides. Ends with 1 at the first run that is not clean.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random

from tests.faults import longer
from tests.faults import on_one_broker as faults
from tests.faults.brokers import proxied_broker
from tests.faults.loads import disturbed, hot, mixed, plain, poisoned
from tests.faults.results import Results
from tests.faults.stand import FENCE_ALONE, Fault, run
from tests.faults.verdict import Verdict
from tests.support.kafka import Topics
from tests.support.proxy import Proxy
from tests.support.stand import stand_on

LOADS = (plain, poisoned, hot, mixed, disturbed)
#: The longest faults take a minute and a half on a busy machine.
_PER_SECOND = 100.0


def main(arguments: list[str]) -> int:
    """Run until the minutes are over; return the exit code."""
    parser = argparse.ArgumentParser(prog="soak", description="Faults in random order.")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    chosen = parser.parse_args(arguments)
    print(
        f"seed {chosen.seed}: `python -m tests.faults.soak --minutes {chosen.minutes:g} --seed {chosen.seed}`"
    )
    total, deadline = Verdict(), time.monotonic() + 60 * chosen.minutes
    with proxied_broker() as (servers, proxy):
        number = 0
        while time.monotonic() < deadline:
            number += 1
            one = _one(Random(f"{chosen.seed}/{number}"), number, servers, proxy)
            total.add(one)
            if not one.clean:
                break
    Results(Path(".beckon") / "faults").add(0, f"soak: {number} faults, seed {chosen.seed}", "on", total)
    return 0 if total.clean else 1


def _one(rng: Random, number: int, servers: str, proxy: Proxy) -> Verdict:
    # `stop` asks how fast a group is left, which a machine that does other things too may miss.
    chosen: dict[str, Fault] = {
        "kill": faults.kill,
        "pause": faults.pause,
        "storm": longer.storm,
        "rolling": longer.rolling,
        "away": longer.away(proxy),
        "stalls": longer.stalls(proxy),
        "resets": longer.resets(proxy),
    }
    name, load = rng.choice(sorted(chosen)), rng.choice(LOADS)
    print(f"run {number}: {name} under {load.__name__}", flush=True)
    topics = Topics(servers)
    with tempfile.TemporaryDirectory(prefix="beckon-soak-") as folder:
        stand = stand_on(topics, Path(folder))
        # Copies need the message ids that are kept; everything else has to do without.
        stand.flags = {} if load is disturbed else FENCE_ALONE
        sent = replace(load(rng.randrange(1_000_000)), per_second=_PER_SECOND)
        verdict = run(stand, sent, chosen[name])
    topics.remove()
    return verdict


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The plain view, for pipes and logs: a line every few seconds, each promotion's words once in a while."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console

from streams.demo.status import Status
from streams.demo.tally import Tally
from streams.demo.words import milliseconds

_EVERY_S = 5.0


class LinesView:
    """Use it in a `with`, and call `tick` often."""

    def __init__(self, tally: Tally, status: Status, console: Console) -> None:
        self._tally = tally
        self._status = status
        self._console = console
        self._said_s = time.monotonic()
        self._stage = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def tick(self) -> None:
        """Say what is new, if it is time."""
        if self._status.stage != self._stage:
            self._stage = self._status.stage
            self._say(f"beckon demo: {self._stage}")
        now = time.monotonic()
        if self._status.opened_s is not None and now - self._said_s >= _EVERY_S:
            self._said_s = now
            self._say(self._line())
            if self._tally.recent:
                newest = self._tally.recent[-1]
                self._say(f"    newest: {newest.campaign_id} to {newest.user_id}: {newest.text}")

    def _line(self) -> str:
        tally, status = self._tally, self._status
        rate = status.rates[-1] if status.rates else 0
        reasons = ", ".join(f"{reason} {count}" for reason, count in tally.reasons.most_common(3))
        return (
            f"{status.open_for_s:4.0f} s  {rate} events/s, {len(tally.profiles)} profiles,"
            f" {len(tally.promotions)} promotions, {len(tally.dead)} dead letters,"
            f" p50 {milliseconds(tally.latency_ms(0.5))}, p99 {milliseconds(tally.latency_ms(0.99))};"
            f" not sent: {reasons or 'nothing yet'}"
        )

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

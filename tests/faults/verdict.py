"""What the checker says of one run."""

from dataclasses import dataclass, field


@dataclass
class Verdict:
    """`lost` and `doubled` count events, dead letters, decisions and promotions; `recovered_s` is filled in by the run.

    `violations` are sentences; a run without any is clean.
    """

    events: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    recovered_s: float | None = None
    restarts: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything that was promised holds."""
        return not (self.violations or self.lost or self.doubled or self.out_of_order)

    def add(self, other: "Verdict") -> None:
        """Take another run in; of the times to recover the longest counts."""
        self.events += other.events
        self.lost += other.lost
        self.doubled += other.doubled
        self.out_of_order += other.out_of_order
        self.restarts += other.restarts
        self.violations += other.violations
        times = [time for time in (self.recovered_s, other.recovered_s) if time is not None]
        self.recovered_s = max(times, default=None)

    def miss(self, count: int, what: str) -> None:
        """Note what is missing."""
        if count:
            self.lost += count
            self.violations.append(f"lost: {count} {what}")

    def double(self, count: int, what: str) -> None:
        """Note what is there more than once."""
        if count:
            self.doubled += count
            self.violations.append(f"doubled: {count} {what}")

    def disorder(self, count: int, what: str) -> None:
        """Note what came in the wrong order."""
        if count:
            self.out_of_order += count
            self.violations.append(f"out of order: {count} {what}")

    def break_(self, holds: bool, what: str) -> None:
        """Note a sentence unless it holds."""
        if not holds:
            self.violations.append(what)

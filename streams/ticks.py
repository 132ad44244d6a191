"""Ticks: what sets off the timers of shoppers who stay silent.

A lane keeps the nearest deadline of each of its shoppers, up to a bound. Once its time has passed one, it writes a
tick to `beckon.internal`, and reading that fires the timers. Too early would be wrong, since an event that is still
waiting may move or cancel a deadline; late is right, since a trigger's time and id are the deadline's. So ticks are
written only by a lane that has read all there is.

The lane's time is the newest event time, and the wall clock once nothing has come for `IDLE_S`.
"""

import heapq
from collections.abc import Iterator, Mapping

from processors.timers import next_deadline
from schemas.ids import EventTime, ShopperId
from schemas.profiles import Profile
from streams.internal import Tick, note_output
from streams.outputs import Output
from streams.parts import Parts
from streams.reading import Read, Rules
from streams.shard import Shard

#: Deadlines kept per lane, about 250 bytes each; of more, the nearer half, and the others are looked up again.
DEADLINES_MAX = 50_000
#: Profiles looked at, and ticks written, in one turn: about 25 ms of a lane.
TURN_MAX = 1000
#: Seconds without a record until the wall clock is the lane's time.
IDLE_S = 5.0
#: Seconds from one turn of a lane to the next, while it has nothing to do, and while profiles are still looked at.
TURN_S, LOOKING_S = 0.25, 0.01
_NEVER = EventTime(1 << 62)


class Ticks:
    """The deadlines of one lane. An entry may be earlier than its shopper's deadline is by now, never later."""

    def __init__(self, shard: Shard, now_s: float) -> None:
        self._shard = shard
        self._heap: list[tuple[EventTime, ShopperId]] = []
        self._noted: dict[ShopperId, EventTime] = {}
        #: Nearest deadline that was dropped: by then all profiles must be looked at again.
        self._horizon = _NEVER
        self._parts: Parts | None = None
        self._unseen: Iterator[bytes] | None = None
        self._newest = EventTime(-1)
        self._heard_at_s = self._turned_at_s = now_s

    def until_turn_s(self, now_s: float) -> float:
        """Return for how many seconds a lane without records may wait; `now_s` is any clock that goes on evenly."""
        pause_s = TURN_S if self._unseen is None else LOOKING_S
        return max(0.0, self._turned_at_s + pause_s - now_s)

    def hear(self, found: Read, touched: Mapping[ShopperId, Profile], rules: Rules, now_s: float) -> None:
        """Take over the time that a batch has come to, and the deadlines of the profiles that it has changed."""
        self._follow(rules)
        if not _has_timers(rules.parts):
            return
        newest = found.stream_time()
        if newest is not None:  # ticks that come back are no news from outside
            self._heard_at_s = now_s
            self._newest = max(self._newest, newest)
        for shopper, profile in touched.items():
            self._note(shopper, profile, rules.parts)

    def look(self, rules: Rules, now_s: float) -> None:
        """Look at some of the profiles that were not looked at yet."""
        self._turned_at_s = now_s
        self._follow(rules)
        for _ in range(TURN_MAX if self._unseen is not None else 0):
            assert self._unseen is not None
            key = next(self._unseen, None)
            if key is None:
                self._unseen = None
                return
            profile = self._shard.peek(ShopperId(key.decode()))
            if profile is not None:
                self._note(profile.shopper, profile, rules.parts)

    def due(self, rules: Rules, now_s: float, wall_ms: int) -> list[Output]:
        """Return the ticks of deadlines that have passed, for a lane that has read all there is."""
        is_idle = now_s - self._heard_at_s >= IDLE_S
        until = max(self._newest, EventTime(wall_ms)) if is_idle else self._newest
        if until >= self._horizon:
            self._look_again()
        outputs: list[Output] = []
        while self._heap and self._heap[0][0] <= until and len(outputs) < TURN_MAX:
            deadline, shopper = heapq.heappop(self._heap)
            if self._noted.get(shopper) != deadline:
                continue  # an earlier one replaced it
            del self._noted[shopper]
            profile = self._shard.peek(shopper)
            if profile is None or (actual := _deadline_of(profile, rules.parts)) is None:
                continue
            if actual > until:
                self._note(shopper, profile, rules.parts)
            else:
                outputs.append(note_output(shopper, Tick(actual), rules.partitions))
        return outputs

    def _follow(self, rules: Rules) -> None:
        """Other campaigns have other timers; the first ones are new to every profile."""
        if rules.parts is self._parts:
            return
        self._parts = rules.parts
        self._heap, self._noted = [], {}
        if _has_timers(rules.parts):
            self._look_again()

    def _look_again(self) -> None:
        self._horizon = _NEVER
        self._unseen = iter(self._shard.shoppers())

    def _note(self, shopper: ShopperId, profile: Profile, parts: Parts) -> None:
        deadline = _deadline_of(profile, parts)
        if deadline is None or deadline >= self._noted.get(shopper, _NEVER):
            return  # an entry that is too early is looked up when it is due
        if deadline >= self._horizon:
            return
        self._noted[shopper] = deadline
        heapq.heappush(self._heap, (deadline, shopper))
        if len(self._heap) > DEADLINES_MAX:
            self._forget()

    def _forget(self) -> None:
        """Drop entries that earlier ones replaced; then the farther half, if it is still too many."""
        kept = sorted((deadline, shopper) for shopper, deadline in self._noted.items())
        half = DEADLINES_MAX // 2
        if len(kept) > half:
            self._horizon = min(self._horizon, kept[half][0])
            kept = kept[:half]
        self._heap, self._noted = kept, {shopper: deadline for deadline, shopper in kept}


def _deadline_of(profile: Profile, parts: Parts) -> EventTime | None:
    campaigns = parts.campaigns
    if campaigns is None or not (campaigns.timers or profile.pending):
        return None
    return next_deadline(profile, campaigns, parts.policy)


def _has_timers(parts: Parts) -> bool:
    campaigns = parts.campaigns
    return campaigns is not None and bool(campaigns.timers or campaigns.delays)

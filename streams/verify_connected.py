"""The second check of decisions about shoppers with several ids: their profiles are folded and joined again."""

from collections.abc import Iterable, Sequence

from processors.fold import fold
from processors.identity import hand_over, named_by, resolve, take_in
from processors.policy import ProfilePolicy
from schemas.decisions import Decision
from schemas.events import IdentityEvent, ShopEvent
from schemas.ids import Digest, EventTime, ShopperId
from schemas.profiles import Profile
from streams.verify import REORDERED_MAX, TagsOf, Verifier


def verify_connected(
    verifier: Verifier,
    events: Sequence[ShopEvent],
    decisions: Iterable[Decision],
    policy: ProfilePolicy,
    tags_of: TagsOf,
) -> None:
    """Check the decisions about connected ids; `events` are those of all of them, in the order of the run.

    A decision is about the id that the shopper had then (ruling 63).
    """
    group = _Group(verifier, policy, tags_of)
    group.expect(decisions, {event.envelope.message_id for event in events})
    for event in events:
        group.take(event)
    verifier.report.events += len(events)
    group.finish()


class _Group:
    """Profiles by id, as in `streams.replay_fold`, and the decisions that are still to come about each id."""

    def __init__(self, verifier: Verifier, policy: ProfilePolicy, tags_of: TagsOf) -> None:
        self._verifier = verifier
        self._policy = policy
        self._tags_of = tags_of
        self._profiles: dict[ShopperId, Profile] = {}
        self._known: dict[ShopperId, dict[Digest, ShopEvent]] = {}
        self._doubled: set[ShopperId] = set()
        self._asked: dict[tuple[str, str], Decision] = {}
        self._timers: dict[ShopperId, list[Decision]] = {}

    def expect(self, decisions: Iterable[Decision], message_ids: set[str]) -> None:
        """Note the decisions: those that no event asked for are of timers, the next one last."""
        for record in decisions:
            if record.trigger.message_id in message_ids:
                self._asked[record.user_id, record.trigger.message_id] = record
            else:
                self._timers.setdefault(ShopperId(record.user_id), []).append(record)
        for timers in self._timers.values():
            timers.sort(key=lambda record: (record.trigger.at, record.trigger.event), reverse=True)

    def take(self, event: ShopEvent) -> None:
        """Fold one event into whom it belongs to now, after the timers that were due before it."""
        envelope = event.envelope
        profile = self._profile(resolve(envelope.shopper, self._redirect_of))
        self._fire(profile, envelope.at)
        if not fold(profile, event, self._tags_of(event), self._policy):
            return
        self._known[profile.shopper][envelope.digest] = event
        record = self._asked.pop((profile.shopper, envelope.message_id), None)
        if record is not None:
            self._compare(record, profile)
        if isinstance(event, IdentityEvent):
            self._identify(profile, event)

    def finish(self) -> None:
        """Check the timers that a silent shopper's ticks fired; tell of decisions that nothing asked for."""
        for shopper, timers in self._timers.items():
            profile = self._profile(shopper)
            while timers:
                self._compare(timers.pop(), profile)
        for record in self._asked.values():
            self._verifier.tell(record, "the event that asked was another shopper's by then, or came before")

    def _identify(self, profile: Profile, event: IdentityEvent) -> None:
        other = named_by(event, profile.shopper)
        if other is None:
            return
        its = self._profile(other)
        self._fire(its, event.envelope.at)
        moved = hand_over(its, profile.shopper)
        if moved is not None and take_in(profile, moved, self._policy):
            self._join(profile.shopper, other)

    def _join(self, shopper: ShopperId, other: ShopperId) -> None:
        mine, its = self._known[shopper], self._known[other]
        # A message of both ids counts twice in a profile that was joined, and once in one folded as a whole.
        if other in self._doubled or mine.keys() & its.keys():
            self._doubled.add(shopper)
        mine.update(its)
        self._known[other] = {}

    def _fire(self, profile: Profile, until: EventTime) -> None:
        timers = self._timers.get(profile.shopper, [])
        while timers and timers[-1].trigger.at <= until:
            self._compare(timers.pop(), profile)

    def _compare(self, record: Decision, profile: Profile) -> None:
        shopper = profile.shopper
        known = self._known[shopper]
        is_short = len(known) <= REORDERED_MAX and shopper not in self._doubled
        self._verifier.compare(record, profile, known, self._tags_of, in_another_order=is_short)

    def _profile(self, shopper: ShopperId) -> Profile:
        profile = self._profiles.get(shopper)
        if profile is None:
            profile = self._profiles[shopper] = Profile(shopper)
            self._known[shopper] = {}
        return profile

    def _redirect_of(self, shopper: ShopperId) -> str:
        profile = self._profiles.get(shopper)
        return "" if profile is None else profile.redirect

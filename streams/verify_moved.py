"""The second check of decisions of a worker's run about shoppers with several ids.

Each lane folded what its partition brought it, in an order of its own; what a decision knew is in its `positions`:
the events up to there, those that were redirected among them, and the profiles that had arrived by then. A moved
profile is folded again from the events up to the positions at which its lane handed it over.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from processors.fold import fold
from processors.identity import hand_over, take_in
from processors.policy import ProfilePolicy
from schemas.codec import decode_profile, encode_profile
from schemas.decisions import Decision
from schemas.events import ShopEvent
from schemas.ids import Digest, ShopperId
from schemas.profiles import Profile
from streams.verify import REORDERED_MAX, Seen, TagsOf, Verifier, by_position


class Arrival(NamedTuple):
    """A profile that was taken in: whose, up to which positions of its own lane, and where its transfer lay."""

    shopper: ShopperId
    handed_over: Mapping[str, int]
    source: str
    offset: int


@dataclass
class History:
    """What came for one id: events and profiles of others."""

    events: list[Seen] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)


@dataclass
class _State:
    """A profile folded again. `doubled`: a message of two ids counts twice in it, as it did in the run."""

    profile: Profile
    known: dict[Digest, ShopEvent] = field(default_factory=dict)
    joined: set[ShopperId] = field(default_factory=set)
    doubled: bool = False


def verify_moved(
    verifier: Verifier,
    histories: Mapping[ShopperId, History],
    decided: Mapping[ShopperId, Sequence[Decision]],
    policy: ProfilePolicy,
    tags_of: TagsOf,
) -> None:
    """Check the decisions about ids of which some were moved to others."""
    group = _Group(verifier, histories, decided, policy, tags_of)
    for shopper in sorted(histories):
        group.told(shopper)


class _Group:
    def __init__(
        self,
        verifier: Verifier,
        histories: Mapping[ShopperId, History],
        decided: Mapping[ShopperId, Sequence[Decision]],
        policy: ProfilePolicy,
        tags_of: TagsOf,
    ) -> None:
        self._verifier = verifier
        self._histories = histories
        self._decided = decided
        self._policy = policy
        self._tags_of = tags_of
        self._states: dict[ShopperId, _State] = {}
        #: Up to where each moved id holds events; the first transfer is the one that took its profile along.
        self._handed_over: dict[ShopperId, Mapping[str, int]] = {}
        for history in histories.values():
            for arrival in history.arrivals:
                self._handed_over[arrival.shopper] = arrival.handed_over

    def told(self, shopper: ShopperId) -> _State:
        """Fold an id's events again, hold its decisions against them, and return it as it was handed over."""
        found = self._states.get(shopper)
        if found is not None:
            return found
        history = self._histories[shopper]
        # Known from now on: ids that went round in a circle find each other half told instead of for ever.
        state = self._states[shopper] = _State(Profile(shopper))
        for cut in by_position(history.events, self._decided.get(shopper, ())):
            record = cut.decision
            if cut.anew:
                self._begin_again(state)
            self._fold(state, cut.fresh)
            self._join(state, history, record.positions)
            self._verifier.report.events += len(cut.fresh)
            is_short = len(state.known) <= REORDERED_MAX and not state.doubled
            self._verifier.compare(
                record, state.profile, state.known, self._tags_of, in_another_order=is_short
            )
        end = self._handed_over.get(shopper)
        if end is not None:
            rest = [item.event for item in history.events if item.offset <= end.get(item.source, -1)]
            self._fold(state, (event for event in rest if event.envelope.digest not in state.known))
            self._join(state, history, end)
        return state

    def _begin_again(self, state: _State) -> None:
        """Keep the offers that were made to this id, and nothing that came from another."""
        made = {
            campaign: [offer for offer in offers if not offer.made_for]
            for campaign, offers in state.profile.offers.items()
        }
        state.profile = Profile(state.profile.shopper, offers=made)
        state.known, state.joined, state.doubled = {}, set(), False

    def _fold(self, state: _State, events: Iterable[ShopEvent]) -> None:
        for event in events:
            fold(state.profile, event, self._tags_of(event), self._policy)
            state.known.setdefault(event.envelope.digest, event)

    def _join(self, state: _State, history: History, positions: Mapping[str, int]) -> None:
        for arrival in history.arrivals:
            if arrival.shopper in state.joined or arrival.offset > positions.get(arrival.source, -1):
                continue
            state.joined.add(arrival.shopper)
            its = self.told(arrival.shopper)
            moved = hand_over(decode_profile(encode_profile(its.profile)), state.profile.shopper)
            if moved is None or not take_in(state.profile, moved, self._policy):
                continue
            state.doubled |= its.doubled or bool(state.known.keys() & its.known.keys())
            state.known.update(its.known)

"""Identities across lanes: a user claims an id, the id's lane hands its profile over, the user's takes it in.

Each step happens in the lane that holds the profile, as an output of its batch, so it is durable exactly when the
batch is, and what one lane tells another arrives in order: a transfer comes before the events that are redirected
after it. docs/identities-in-lanes.md has the whole way.
"""

from processors.identity import hand_over, named_by, take_in
from processors.revoking import revoke
from processors.side_inputs import SideInputs
from processors.step import trigger_of
from schemas.codec import decode_profile, encode_profile
from schemas.decisions import Revocation
from schemas.errors import BeckonError
from schemas.events import IdentityEvent
from schemas.ids import digest_of
from schemas.profiles import ClaimMade, Profile
from streams.internal import Claim, Transfer, note_output
from streams.outputs import VALUE_BYTES_MAX, Output
from streams.parts import Parts

#: Claims that an id remembers to have made, for the moment in which two ids claim each other.
CLAIMS_MAX = 8


def claims_of(event: IdentityEvent, profile: Profile, partitions: int) -> list[Output]:
    """Return the claim that an event, folded into `profile`, makes to another id; noted in the profile.

    It is sent again whenever the shop says so again: another user may have claimed the id in between.
    """
    other = named_by(event, profile.shopper)
    if other is None:
        return []
    envelope = event.envelope
    _note_claim(profile, ClaimMade(envelope.at, envelope.digest, other))
    return [note_output(other, Claim(profile.shopper, trigger_of(event)), partitions)]


def has_claimed_earlier(profile: Profile, claim: Claim) -> bool:
    """Return whether the id that is claimed has itself claimed the user, by an earlier event.

    Of two that claim each other at once the earlier event wins, in both lanes, as it does in a replay.
    """
    trigger = claim.trigger
    mine = [made for made in profile.claims if made.other == claim.user]
    return any((made.at, made.digest) < (trigger.at, digest_of(trigger.message_id)) for made in mine)


def hand_over_to(profile: Profile, claim: Claim, partitions: int) -> list[Output]:
    """Point an id to the user who claimed it; return the transfer of its profile, if that had not moved before.

    Raise `BeckonError` for a profile that no record would hold.
    """
    moved = hand_over(profile, claim.user)
    if moved is None:
        return []
    raw = encode_profile(moved)
    if len(raw) > VALUE_BYTES_MAX:
        problem = f"one has {len(raw)} bytes, more than the {VALUE_BYTES_MAX} that fit in a record"
        raise BeckonError("profile", problem, "lower the bounds in [profile]")
    transfer = Transfer(raw, dict(profile.positions), claim.trigger, hops=1)
    return [note_output(claim.user, transfer, partitions)]


def take_in_transfer(
    profile: Profile, transfer: Transfer, parts: Parts, side: SideInputs
) -> list[Revocation]:
    """Merge a profile that was handed over; return what takes back offers that came along and hold no longer."""
    moved = decode_profile(transfer.profile)
    if not take_in(profile, moved, parts.policy) or parts.campaigns is None:
        return []
    return revoke(profile, transfer.trigger, (), parts.campaigns, side)


def _note_claim(profile: Profile, made: ClaimMade) -> None:
    """Remember the earliest claim to each id, of the ids claimed last."""
    before = [each for each in profile.claims if each.other == made.other]
    rest = [each for each in profile.claims if each.other != made.other]
    profile.claims = [*rest, min([*before, made])][-CLAIMS_MAX:]

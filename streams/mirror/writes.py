"""A record of Kafka -> what it does to Redis. Pure: no clock, no client; versions come in as values.

Same shopper, same partition: of two records about one key the greater offset is the newer one.
"""

from typing import Literal, NamedTuple

import msgspec
from msgspec import Struct

from streams.redis_keys import Keys


class PutProfile(NamedTuple):
    """Keep a profile, unless a newer record was here before."""

    key: str
    version: str
    value: bytes


class DropProfile(NamedTuple):
    """Erase a profile with all that lies in its inbox, and keep out promotions that are not younger."""

    key: str
    inbox: str
    version: str
    broker_ms: int


class Offer(NamedTuple):
    """Put a promotion into its shopper's inbox. `at`, `expires_at` and `broker_ms` in ms."""

    key: str
    inbox: str
    profile: str
    version: str
    decision_id: str
    value: bytes
    at: int
    expires_at: int
    broker_ms: int


class Revoke(NamedTuple):
    """Take a promotion back."""

    key: str
    inbox: str
    version: str
    decision_id: str


Write = PutProfile | DropProfile | Offer | Revoke


class Unreadable(NamedTuple):
    """A record that this version cannot use, and why."""

    problem: str


class _Trigger(Struct, frozen=True):
    at: int


class _Offered(Struct, frozen=True, tag="promotion.offered", tag_field="type"):
    decision_id: str
    expires_at: int
    trigger: _Trigger


class _Revoked(Struct, frozen=True, tag="promotion.revoked", tag_field="type"):
    decision_id: str


_decode = msgspec.json.Decoder(_Offered | _Revoked).decode
Kind = Literal["profiles", "promotions"]
KINDS: tuple[Kind, ...] = ("profiles", "promotions")


class Record(NamedTuple):
    """What the mirror looks at of a Kafka record; `broker_ms` is the time that its topic stamps."""

    kind: Kind
    key: bytes | None
    value: bytes | None
    broker_ms: int


def write_of(record: Record, keys: Keys, version: str) -> Write | Unreadable:
    """Return what one record of the changelog (`profiles`) or of `promotions` does."""
    if record.key is None:
        return Unreadable("has no key")
    try:
        shopper = record.key.decode()
    except UnicodeDecodeError:
        return Unreadable("has a key that is not UTF-8")
    if record.kind == "promotions":
        return _promotion(shopper, record, keys, version)
    profile = keys.profile(shopper)
    if record.value is None:
        return DropProfile(profile, keys.inbox(shopper), version, record.broker_ms)
    return PutProfile(profile, version, record.value)


def _promotion(shopper: str, record: Record, keys: Keys, version: str) -> Write | Unreadable:
    value = record.value
    if value is None:
        return Unreadable("has no value")
    try:
        found = _decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Unreadable(f"is no promotion: {error}")
    decision_id = found.decision_id
    key, inbox = keys.promotion(decision_id), keys.inbox(shopper)
    if isinstance(found, _Revoked):
        return Revoke(key, inbox, version, decision_id)
    return Offer(
        key=key,
        inbox=inbox,
        profile=keys.profile(shopper),
        version=version,
        decision_id=decision_id,
        value=value,
        at=found.trigger.at,
        expires_at=found.expires_at,
        broker_ms=record.broker_ms,
    )

"""Records on `beckon.internal`: what the worker sends itself, under the id that it is for.

| kind | under | value |
|---|---|---|
| `stray` | the event's shopper | the event's bytes: they came in on the wrong partition |
| `redirected` | whom the event's id belongs to now | the event's bytes |
| `claim` | an anonymous id | a user says: this id is me |
| `transfer` | that user | the profile of the id, as it was when the claim came |
| `tick` | a silent shopper | a deadline that has passed |

Headers of events say where they were first read and which time the broker gave them there; those of a redirected
one, how many redirects were followed. Other values are a format byte, then MessagePack.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from schemas.codec import decode_profile
from schemas.decisions import Trigger
from schemas.errors import BeckonError
from schemas.events import DeadLetter, Rejection
from schemas.ids import EventTime, ShopperId
from schemas.topics import INTERNAL
from streams.outputs import Headers, Origin, Output
from streams.partitioner import partition_of

FORMAT = b"\x01"
_SHOWN_CHARACTERS = 100


class Claim(Struct, frozen=True, array_like=True):
    """`user` says by `trigger`, an identify or alias, that the id of the key is the same person."""

    user: ShopperId
    trigger: Trigger


class Transfer(Struct, frozen=True, array_like=True):
    """A profile on its way to whom `trigger` named; `hops` is the number of redirects followed, with this one.

    `profile` as `schemas.codec` writes it; `positions` are those up to which it holds its id's events.
    """

    profile: bytes
    positions: dict[str, int]
    trigger: Trigger
    hops: int


class Tick(Struct, frozen=True, array_like=True):
    """The lane's time has passed `deadline`, in ms, and its shopper was silent."""

    deadline: EventTime


Note = Claim | Transfer | Tick
_NOTES: dict[bytes, type[Note]] = {b"claim": Claim, b"transfer": Transfer, b"tick": Tick}
_KINDS = {what: kind for kind, what in _NOTES.items()}
#: Kinds whose value is an event as the shop sent it.
STRAY, REDIRECTED = b"stray", b"redirected"
_encode = msgspec.msgpack.Encoder().encode
_decoders = {kind: msgspec.msgpack.Decoder(what).decode for kind, what in _NOTES.items()}


class Sent(NamedTuple):
    """An event on `beckon.internal`: whom it is for, where it was first read, how many redirects were followed."""

    shopper: ShopperId
    origin: Origin
    hops: int


def stray_output(shopper: ShopperId, value: bytes, origin: Origin, partitions: int) -> Output:
    """Return an event under its right key, for its home partition."""
    return _output(shopper, value, [("kind", STRAY), *_origin_headers(origin)], partitions)


def redirected_output(to: ShopperId, value: bytes, origin: Origin, hops: int, partitions: int) -> Output:
    """Return an event for whom its id belongs to now."""
    headers = [("kind", REDIRECTED), *_origin_headers(origin), ("hops", str(hops).encode())]
    return _output(to, value, headers, partitions)


def note_output(shopper: ShopperId, note: Note, partitions: int) -> Output:
    """Return what one lane tells another, or itself, about a shopper."""
    return _output(shopper, FORMAT + _encode(note), [("kind", _KINDS[type(note)])], partitions)


def origin_of(record: Any) -> Origin:
    """Return where a record of `beckon.internal` was first read; itself, if it is no event or not ours."""
    found = dict(record.headers)
    try:
        return Origin(
            found["topic"].decode(), int(found["partition"]), int(found["offset"]), int(found["broker_ms"])
        )
    except (KeyError, ValueError, AttributeError):
        return Origin(record.topic, record.partition, record.offset, record.timestamp)


def content_of(record: Any) -> Sent | tuple[ShopperId, Note] | DeadLetter:
    """Return what a record of `beckon.internal` says; the value of an event is left to the border."""
    headers = dict(record.headers)
    kind = headers.get("kind")
    try:
        shopper = ShopperId((record.key or b"").decode())
        hops = int(headers.get("hops", b"0"))
    except ValueError as error:
        return DeadLetter(Rejection.BAD_VALUE, "", f"its key or headers are none of ours ({error})")
    if not shopper:
        return DeadLetter(Rejection.MISSING_FIELD, "", "it has no key")
    if kind in (STRAY, REDIRECTED):
        return Sent(shopper, origin_of(record), hops)
    if kind not in _decoders:
        shown = repr(kind)[:_SHOWN_CHARACTERS]
        return DeadLetter(Rejection.UNSUPPORTED_VERSION, "", f"its kind is {shown}, unknown here")
    raw = record.value or b""
    if raw[:1] != FORMAT:
        return DeadLetter(Rejection.UNSUPPORTED_VERSION, "", f"its format is {raw[:1].hex() or 'nothing'}")
    try:
        note = _decoders[kind](memoryview(raw)[1:])
        if isinstance(note, Transfer):
            decode_profile(note.profile)
    except (msgspec.MsgspecError, UnicodeDecodeError, BeckonError) as error:
        return DeadLetter(Rejection.BAD_VALUE, "", f"it cannot be read: {error}")
    return shopper, note


def _output(shopper: ShopperId, value: bytes, headers: Headers, partitions: int) -> Output:
    key = shopper.encode()
    return Output(INTERNAL.name, partition_of(key, partitions), key, value, headers)


def _origin_headers(origin: Origin) -> Headers:
    return [
        ("topic", origin.topic.encode()),
        ("partition", str(origin.partition).encode()),
        ("offset", str(origin.offset).encode()),
        ("broker_ms", str(origin.broker_ms).encode()),
    ]

"""What lanes tell each other: read back as it was sent, and a dead letter where it cannot be read."""

from typing import Any

import msgspec
import pytest

from schemas.codec import encode_profile
from schemas.decisions import Trigger
from schemas.events import DeadLetter, Rejection
from schemas.ids import EventTime, ShopperId
from schemas.profiles import Profile
from streams.internal import (
    Claim,
    Note,
    Sent,
    Tick,
    Transfer,
    content_of,
    note_output,
    redirected_output,
    stray_output,
)
from streams.outputs import Origin, Output
from tests.support.chunks import BROKER_MS, record

ANN, PHONE = ShopperId("ann"), ShopperId("phone")
TRIGGER = Trigger("Identify", "i1", 1_772_409_600_000)
ORIGIN = Origin("clicks", 3, 17, BROKER_MS)
TRANSFER = Transfer(encode_profile(Profile(PHONE, views=3)), {"clicks-1": 9}, TRIGGER, 1)


def come_back(output: Output, **changed: Any) -> Any:
    """Return an output as the record that its lane reads."""
    fields = {"value": output.value, "key": output.key, "headers": output.headers} | changed
    return record("beckon.internal", output.partition, 5, **fields)


@pytest.mark.parametrize("note", [Claim(ANN, TRIGGER), TRANSFER, Tick(EventTime(12))])
def test_what_a_lane_tells_is_read_as_it_was_told_at_the_home_of_whom_it_is_for(note: Note) -> None:
    output = note_output(ANN, note, 12)
    assert (output.topic, output.partition, output.key) == ("beckon.internal", 2, b"ann")
    assert content_of(come_back(output)) == (ANN, note)


def test_an_event_on_its_way_keeps_where_it_was_first_read() -> None:
    stray, redirected = stray_output(PHONE, b"{}", ORIGIN, 12), redirected_output(ANN, b"{}", ORIGIN, 2, 12)
    assert content_of(come_back(stray)) == Sent(PHONE, ORIGIN, 0)
    assert content_of(come_back(redirected)) == Sent(ANN, ORIGIN, 2)


@pytest.mark.parametrize(
    ("changed", "reason", "detail"),
    [
        ({"headers": ()}, Rejection.UNSUPPORTED_VERSION, "its kind is None, unknown here"),
        (
            {"headers": [("kind", b"gift")]},
            Rejection.UNSUPPORTED_VERSION,
            "its kind is b'gift', unknown here",
        ),
        ({"value": b"\x02" + b"later"}, Rejection.UNSUPPORTED_VERSION, "its format is 02"),
        ({"value": None}, Rejection.UNSUPPORTED_VERSION, "its format is nothing"),
        ({"value": b"\x01\x90"}, Rejection.BAD_VALUE, "it cannot be read: Expected `array` of at least"),
        ({"key": None}, Rejection.MISSING_FIELD, "it has no key"),
        ({"key": b"\xff"}, Rejection.BAD_VALUE, "its key or headers are none of ours"),
        ({"headers": [("kind", b"redirected"), ("hops", b"x")]}, Rejection.BAD_VALUE, "its key or headers"),
        (
            {"value": b"\x01" + msgspec.msgpack.encode(msgspec.structs.replace(TRANSFER, profile=b"\x09"))},
            Rejection.BAD_VALUE,
            "it cannot be read: profile: has format 09",
        ),
    ],
)
def test_what_is_none_of_ours_is_a_dead_letter(
    changed: dict[str, Any], reason: Rejection, detail: str
) -> None:
    letter = content_of(come_back(note_output(ANN, TRANSFER, 12), **changed))
    assert isinstance(letter, DeadLetter)
    assert letter.reason is reason
    assert letter.detail.startswith(detail)

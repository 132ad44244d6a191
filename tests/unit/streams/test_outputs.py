"""Records that leave the worker: cut where Kafka would refuse them, with headers that say why and whence."""

from hashlib import sha256

from schemas.events import DeadLetter, Rejection
from streams.internal import origin_of, stray_output
from streams.outputs import Origin, dead_letter_output
from tests.support.chunks import BROKER_MS, record

LETTER = DeadLetter(Rejection.BAD_VALUE, "properties.price", "is below 0")
ORIGIN = Origin("clicks", 2, 17, BROKER_MS)


def test_a_dead_letter_keeps_key_and_bytes_and_says_why_and_whence() -> None:
    output = dead_letter_output(LETTER, ORIGIN, b"ann", b"{broken")
    assert (output.topic, output.partition, output.key, output.value) == (
        "dead-letters",
        2,
        b"ann",
        b"{broken",
    )
    assert output.headers == [
        ("reason", b"bad_value"),
        ("field", b"properties.price"),
        ("error", b"is below 0"),
        ("topic", b"clicks"),
        ("partition", b"2"),
        ("offset", b"17"),
    ]


def test_a_long_error_is_cut_at_200_characters() -> None:
    letter = DeadLetter(Rejection.NOT_JSON, "", "x" * 500)
    assert dict(dead_letter_output(letter, ORIGIN, None, b"{").headers)["error"] == b"x" * 200


def test_half_a_character_in_a_field_or_error_can_still_be_written() -> None:
    letter = DeadLetter(Rejection.NOT_JSON, "\ud800", "\ud800")
    assert dict(dead_letter_output(letter, ORIGIN, None, b"{").headers)["field"] == b"?"


def test_a_value_that_would_not_fit_is_cut_and_its_length_and_digest_kept() -> None:
    value = b"v" * 900_001
    output = dead_letter_output(LETTER, ORIGIN, None, value)
    assert output.value == b"v" * 900_000
    headers = dict(output.headers)
    assert headers["original_bytes"] == b"900001"
    assert headers["original_sha256"].decode() == sha256(value).hexdigest()


def test_a_key_that_is_no_id_is_cut_and_its_length_kept() -> None:
    output = dead_letter_output(LETTER, ORIGIN, b"k" * 10_001, b"v")
    assert output.key == b"k" * 10_000
    assert dict(output.headers)["key_bytes"] == b"10001"


def test_a_tombstone_without_key_still_makes_a_record() -> None:
    assert dead_letter_output(LETTER, ORIGIN, None, None).value == b""
    assert dead_letter_output(LETTER, ORIGIN, b"ann", None).value is None


def test_a_stray_remembers_where_it_was_first_read() -> None:
    output = stray_output("ann", b"value", ORIGIN, partitions=12)  # type: ignore[arg-type]
    assert (output.topic, output.partition, output.key) == ("beckon.internal", 2, b"ann")
    again = record("beckon.internal", 2, 5, output.value, headers=output.headers)
    assert origin_of(again) == ORIGIN


def test_a_record_on_the_internal_topic_without_our_headers_is_its_own_origin() -> None:
    assert origin_of(record("beckon.internal", 1, 5, b"")) == Origin("beckon.internal", 1, 5, BROKER_MS)
    odd = record("beckon.internal", 1, 5, b"", headers=[("topic", b"clicks"), ("partition", b"x")])
    assert origin_of(odd).offset == 5

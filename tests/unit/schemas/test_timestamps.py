"""Times as shops write them."""

import pytest

from schemas.timestamps import from_number, iso_utc, parse_time, parse_utc

NOON = 1_793_448_000_000  # 2026-10-31T12:00:00Z


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-31T12:00:00.000Z",
        "2026-10-31T12:00:00Z",
        "2026-10-31 12:00:00",
        "2026-10-31T12:00:00",
        "2026-10-31T12:00:00.0Z",
        "2026-10-31T12:00:00.000999999Z",
        "2026-10-31T14:00:00+02:00",
        "2026-10-31T14:00:00+0200",
        "2026-10-31 07:30:00.000-04:30",
        "2026-11-01T00:00:00+12:00",
        "2026-10-31T12:00:00-00:00",
        "1793448000000",
        "0001793448000000",
        "00000000000000000000001793448000000",
    ],
)
def test_ruling_45_these_all_say_noon_on_31_october(text: str) -> None:
    assert parse_time(text) == NOON


def test_ruling_45_a_date_alone_is_midnight() -> None:
    assert parse_time("2026-10-31") == NOON - 12 * 3_600_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-10-31T12:00Z",
        "2026-10-31T12:00:00.Z",
        "2026-10-31T12:00:00.0000000000Z",
        "2026-10-31T12:00:00+01",
        "2026-10-31T12:00:00+24:00",
        "2026-10-31T12:00:00+01:60",
        "2026-10-31T12:00:00 Z",
        "2026-10-31t12:00:00z",
        "2026-10-31T12:00:00Z\n",
        " 2026-10-31T12:00:00Z",
        "20261031T120000Z",
        "2026-W44-6",
        "2026-304",
        "2026-10-31Z",
        "26-10-31",
        "2026-02-29",
        "2026-13-01",
        "2026-00-10",
        "\uff12\uff10\uff12\uff16-10-31",
        "-1793448000000",
        "1793448000000.5",
        "1" * 19,
        "Sat, 31 Oct 2026 12:00:00 GMT",
    ],
)
def test_ruling_45_nothing_else_is_a_time(text: str) -> None:
    assert parse_time(text) is None
    assert parse_utc(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-31T24:00:00Z",
        "2026-10-31T24:00:00.000Z",
        "2026-10-31T23:59:60Z",
        "2026-12-31T23:59:60.000Z",
        "0000-01-01T00:00:00Z",
        "0000-01-01",
        "2026-10-31T12:60:00Z",
    ],
)
def test_ruling_69_hour_24_second_60_and_year_0000_are_no_times(text: str) -> None:
    assert parse_time(text) is None
    assert parse_utc(text) is None


def test_the_quick_way_reads_the_usual_form() -> None:
    assert parse_utc("2026-10-31T12:00:00.000Z") == NOON
    assert parse_utc("2026-10-31T12:00:00.999Z") == NOON + 999
    assert (
        parse_utc("2024-02-29T23:59:59.123Z") == parse_time("2024-02-29T23:59:59.123Z") == 1_709_251_199_123
    )
    assert parse_utc("2026-10-31T12:00:00.1 3Z") is None


def test_numbers_are_epoch_milliseconds_floored() -> None:
    assert from_number(1_793_448_000_000.999) == NOON
    assert from_number(-0.5) == -1
    assert from_number(float("inf")) is None


def test_times_are_shown_in_utc() -> None:
    assert iso_utc(NOON + 7) == "2026-10-31T12:00:00.007Z"

"""Profiles as bytes: what a version of Beckon wrote, every later one reads."""

from pathlib import Path

import msgspec
import pytest

from schemas.codec import CodecError, decode_profile, encode_profile, field_sizes
from schemas.ids import Digest, EventTime, Minor, ShopperId
from schemas.profiles import (
    CartEntry,
    ClaimMade,
    DayCounts,
    OfferMade,
    Order,
    Pending,
    Profile,
    Stated,
    Strength,
    Touch,
)

#: Written by the first version, never to be written again: `test_bytes_of_format_1...` says what it holds.
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "profile_format_1.bin"
#: Written when identities and timers came, and when ids began to remember their claims: fields were appended, so
#: it is format 1 still.
GOLDEN_TIMERS = GOLDEN.with_name("profile_format_1_timers.bin")
GOLDEN_TODAY = GOLDEN.with_name("profile_format_1_claims.bin")
NOON, DIGEST = EventTime(1_793_448_000_000), Digest(0xA61406E01EEA)


def full_profile() -> Profile:
    """Return a profile in which no field has its default."""
    return Profile(
        shopper=ShopperId("ännchen\x00👟"),
        first_seen=EventTime(NOON - 86_400_000),
        last_seen=NOON,
        views=1,
        clicks=2,
        cart_adds=3,
        searches=4,
        orders=5,
        refunds=6,
        spend=Minor(123_456_789_012),
        is_known=True,
        approximate=True,
        affinity={"running-shoes": Strength(3.25, NOON), "yoga": Strength(-0.5, EventTime(NOON - 1))},
        days={20_757: DayCounts(1, 2, 3, 4, 5, Minor(600))},
        recent=[Touch(NOON, DIGEST, 0, "p1", "view"), Touch(NOON, DIGEST, 1, "p2", "buy")],
        cart_log=[
            CartEntry(NOON, DIGEST, 0, "p1", "add", 2, Minor(8995)),
            CartEntry(NOON, DIGEST, 1, "p2", "bought"),
        ],
        orders_log=[
            Order(
                order_id="o1",
                completed_at=NOON,
                noted_at=EventTime(NOON + 1),
                total=Minor(4000),
                total_at=NOON,
                total_digest=DIGEST,
                discounted=True,
                discounted_at=NOON,
                discounted_digest=DIGEST,
                refunded=Minor(500),
                refunded_whole=True,
                cancelled=True,
            ),
            Order("waits", noted_at=NOON),
        ],
        offers={
            "first-run": [
                OfferMade(NOON, "d1", "run-10"),
                OfferMade(NOON, "d2", "run-10", held_out=True),
            ]
        },
        consent={"marketing": Stated(True, NOON, DIGEST)},
        traits={"plan": Stated("gold", NOON, DIGEST), "age": Stated(42.5, NOON, DIGEST)},
        seen=[DIGEST, 1],
        positions={"clicks-3": 17},
        merged_from=["anon-1"],
    )


def today() -> Profile:
    """Return the same with what was appended since, and no field at its default."""
    profile = full_profile()
    profile.offers["first-run"].append(
        OfferMade(NOON, "d3", "run-10", False, EventTime(NOON + 1), ("p1",), "training", True, "anna")
    )
    profile.redirect = "anna"
    profile.timers_at = NOON
    profile.pending = [Pending(EventTime(NOON + 1), "Order Completed after 3d")]
    profile.claims = [ClaimMade(NOON, DIGEST, ShopperId("phone"))]
    return profile


def test_bytes_of_format_1_hold_the_profile_they_were_written_from() -> None:
    assert decode_profile(GOLDEN.read_bytes()) == full_profile()


def test_bytes_of_before_claims_hold_the_profile_without_them() -> None:
    assert decode_profile(GOLDEN_TIMERS.read_bytes()) == msgspec.structs.replace(today(), claims=[])


def test_bytes_with_all_that_was_appended_hold_the_profile_they_were_written_from() -> None:
    assert decode_profile(GOLDEN_TODAY.read_bytes()) == today()
    assert encode_profile(today()) == GOLDEN_TODAY.read_bytes()


def test_an_offer_of_older_bytes_counts_as_expired_so_that_nothing_takes_it_back() -> None:
    (first, _) = decode_profile(GOLDEN.read_bytes()).offers["first-run"]
    assert (first.expires_at, first.product_ids, first.revoked) == (0, (), False)


def test_the_golden_profile_leaves_no_field_at_its_default() -> None:
    full, empty = today(), Profile(ShopperId(""))
    missing = [name for name in Profile.__struct_fields__ if getattr(full, name) == getattr(empty, name)]
    assert missing == []


def test_a_profile_comes_back_as_it_was() -> None:
    assert decode_profile(encode_profile(today())) == today()
    assert decode_profile(encode_profile(Profile(ShopperId("new")))) == Profile(ShopperId("new"))


@pytest.mark.parametrize("profile", [today(), Profile(ShopperId("new"))])
def test_the_sizes_of_the_fields_add_up_to_the_profile(profile: Profile) -> None:
    sizes = field_sizes(profile)
    assert list(sizes) == list(Profile.__struct_fields__)
    assert sum(sizes.values()) + 4 == len(encode_profile(profile))


def test_a_field_is_as_large_as_its_message_pack() -> None:
    sizes = field_sizes(full_profile())
    assert (sizes["views"], sizes["spend"], sizes["is_known"]) == (1, 9, 1)  # fixint, uint 64, bool
    assert sizes["merged_from"] == 1 + 1 + 6  # array of 1, text of 6: anon-1


def test_fields_that_a_later_version_appends_are_passed_over_and_missing_ones_have_their_default() -> None:
    assert decode_profile(b"\x01" + b"\x91" + b"\xa3ann") == Profile(ShopperId("ann"))
    whole = encode_profile(Profile(ShopperId("ann")))
    assert whole[:4] == b"\x01\xdc\x00\x1b"  # format 1, an array of 27
    assert decode_profile(whole[:3] + b"\x1c" + whole[4:] + b"\xc3") == Profile(ShopperId("ann"))


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "profile: has format nothing, known is 01; run the Beckon version that wrote it"),
        (b"\x02\x91\xa3ann", "profile: has format 02, known is 01; run the Beckon version that wrote it"),
        (b"{}", "profile: has format 7b, known is 01; run the Beckon version that wrote it"),
    ],
)
def test_an_unknown_format_is_named(raw: bytes, problem: str) -> None:
    with pytest.raises(CodecError) as caught:
        decode_profile(raw)
    assert str(caught.value) == problem


@pytest.mark.parametrize(
    "raw", [b"\x01", b"\x01\x91", b"\x01\x91\x05", b"\x01\xc0", b"\x01\x91\xa3ann\x00", b"\x01\x91\xa1\xff"]
)
def test_damaged_bytes_are_one_readable_line(raw: bytes) -> None:
    with pytest.raises(CodecError) as caught:
        decode_profile(raw)
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith("profile: cannot be read: ")
    assert str(caught.value).endswith("; restore the changelog topic")


def test_every_cut_of_a_profile_is_noticed() -> None:
    whole = encode_profile(today())
    for length in range(len(whole)):
        with pytest.raises(CodecError):
            decode_profile(whole[:length])

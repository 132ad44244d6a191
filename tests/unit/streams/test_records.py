"""Records: the same decision gives the same bytes, and floats are written as ruling 7 says."""

from typing import Any

import msgspec
import pytest

from schemas.decisions import Check, CouponOut, Decision
from streams.records import decision_json, promotion_json
from tests.support.story import MONDAY, campaigns_of, consent, tell, track

STORY = (
    consent(MONDAY, "yes", marketing=True),
    track("Product Viewed", MONDAY, "m1", product_id="p1", category="shoes"),
    track("Product Viewed", MONDAY + 777, "m2", product_id="p1", category="shoes"),
)
CAMPAIGNS = campaigns_of({"id": "c1", "when": {"feature": "affinity", "tag": "shoes", "at_least": 1}})


def a_decision(**scores: float) -> Decision:
    return msgspec.structs.replace(tell(CAMPAIGNS, STORY).decision, scores=scores)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.1234564, b"0.123456"),
        (0.1234565, b"0.123456"),  # half even, on the binary value
        (0.0078125, b"0.007812"),
        (0.0234375, b"0.023438"),
        (-0.0000001, b"0.0"),
        (-0.0, b"0.0"),
        (2.0, b"2.0"),
    ],
)
def test_floats_have_6_digits_half_even_and_no_negative_zero(value: float, written: bytes) -> None:
    assert b'"scores":{"s":' + written + b"}" in decision_json(a_decision(s=value))


@pytest.mark.parametrize("place", ["propensity", "features", "scores", "expected_value", "flip_to"])
def test_a_float_is_rounded_wherever_it_stands_in_a_decision(place: str) -> None:
    value: float = 0.1234565
    decision = a_decision()
    (candidate,) = decision.candidates
    changes: dict[str, dict[str, Any]] = {
        "propensity": {"propensity": value},
        "features": {"features": {"trait(size)": value}},
        "scores": {"scores": {"s": value}},
        "expected_value": {"candidates": (msgspec.structs.replace(candidate, expected_value=value),)},
        "flip_to": {
            "candidates": (
                msgspec.structs.replace(candidate, checks=(Check("trait", "", True, "", "", value),)),
            )
        },
    }
    raw = decision_json(msgspec.structs.replace(decision, **changes[place]))
    assert b"0.123456" in raw
    assert b"0.1234565" not in raw


@pytest.mark.parametrize("place", ["propensity", "scores", "coupon"])
def test_a_float_is_rounded_wherever_it_stands_in_a_promotion(place: str) -> None:
    changes: dict[str, dict[str, Any]] = {
        "propensity": {"propensity": 0.1234565},
        "scores": {"scores": {"s": 0.1234565}},
        "coupon": {"coupon": CouponOut("percent", 0.1234565, "")},
    }
    promotion = tell(CAMPAIGNS, STORY).promotions[0]
    raw = promotion_json(msgspec.structs.replace(promotion, **changes[place]))
    assert b"0.123456" in raw
    assert b"0.1234565" not in raw


def test_keys_are_sorted_at_every_depth_and_nothing_is_left_out() -> None:
    raw = decision_json(a_decision())
    line = msgspec.json.decode(raw)
    assert set(line) == set(Decision.__struct_fields__)
    assert msgspec.json.encode(line, order="sorted") == raw


def test_a_record_read_back_and_written_again_is_the_same() -> None:
    told = tell(CAMPAIGNS, STORY)
    raw = decision_json(told.decision)
    assert decision_json(msgspec.json.decode(raw, type=Decision)) == raw
    promotion = promotion_json(told.promotions[0])
    assert promotion_json(msgspec.json.decode(promotion, type=type(told.promotions[0]))) == promotion
    assert b'"type":"promotion.offered"' in promotion

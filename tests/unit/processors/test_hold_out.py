from processors.hold_out import HoldOut, check
from processors.ids import share_of
from schemas.ids import ShopperId

ANN = ShopperId("ann")


def test_nobody_is_held_out_by_a_share_of_0_and_everybody_by_1() -> None:
    assert check(HoldOut("", 0.0, 0.0), "c", ANN) == []
    (found,) = check(HoldOut("", 0.0, 1.0), "c", ANN)
    assert not found.passed


def test_whoever_stands_exactly_at_the_share_is_not_held_out() -> None:
    place = share_of("salt", "c", ANN)
    (found,) = check(HoldOut("salt", 0.0, place), "c", ANN)
    assert found.passed


def test_both_hold_outs_are_said_and_the_shops_comes_first() -> None:
    shop, campaign = check(HoldOut("s", 1e-9, 1e-9), "c", ANN)
    assert (shop.passed, campaign.passed) == (True, True)
    assert "of all campaigns" in shop.sentence
    assert "of campaign c" in campaign.sentence
    (only,) = check(HoldOut("s", 1.0, 1.0), "c", ANN)
    assert "of all campaigns" in only.sentence


def test_the_sentence_has_the_place_and_the_share_and_the_flip_is_enough() -> None:
    place = share_of("", "c", ANN)
    (found,) = check(HoldOut("", 0.0, 1.0), "c", ANN)
    assert found.sentence == f"place {place:.6f} in the hold-out of campaign c, which takes those below 1"
    most = float(found.flip.removeprefix("a hold-out of ").removesuffix(" or less"))
    assert place - 0.000_001 < most <= place


def test_whom_both_hold_outs_take_both_must_let_go() -> None:
    shop, campaign = share_of("", "", ANN), share_of("", "c", ANN)
    (found,) = check(HoldOut("", 1.0, 1.0), "c", ANN)
    words = found.flip.removeprefix("a hold-out of ").split(" or less for all campaigns, and of ")
    first, second = (float(text.removesuffix(" or less for this one")) for text in words)
    assert (shop - 0.000_001 < first <= shop, campaign - 0.000_001 < second <= campaign) == (True, True)
    assert all(one.passed for one in check(HoldOut("", first, second), "c", ANN))
    assert not check(HoldOut("", first, 1.0), "c", ANN)[-1].passed


def test_a_tenth_of_10000_shoppers_is_held_out_by_a_share_of_a_tenth() -> None:
    held = sum(
        not check(HoldOut("salt", 0.0, 0.1), "c", ShopperId(f"u{n}"))[-1].passed for n in range(10_000)
    )
    assert 900 < held < 1_100  # three standard deviations are 90

"""What the demo counts: once per decision and event, whatever an at-least-once worker repeats."""

import msgspec
import pytest

from schemas.campaign_file import load_campaigns
from schemas.campaigns import Condition, FeatureName
from schemas.codec import encode_profile
from schemas.decisions import Promotion, Revocation, RevokedBecause, Trigger
from schemas.events import DeadLetter, Rejection
from schemas.ids import Digest, ShopperId
from schemas.profiles import Profile
from streams.demo.results import promotions_of
from streams.demo.tally import Dead, Tally, Truth, tags_of
from streams.demo.words import bar, sparkline
from streams.demo.worker_process import read_counts
from streams.simulator import Shop

SHOP = Shop(1, 16, 1_780_304_400_000)
PEOPLE = SHOP.shoppers
CAMPAIGNS = """
campaigns:
  - id: run
    triggers: [Product Viewed]
    when: {all: [{feature: affinity, tag: running-shoes, at_least: 1}, {not: {feature: affinity, tag: yoga, at_least: 1}}]}
    offers: [{promotion_id: run-10, name: Run}]
  - id: anyone
    triggers: [Product Viewed]
    offers: [{promotion_id: any-5, name: Anything}]
"""


@pytest.fixture
def tally() -> Tally:
    return Tally(Truth(SHOP, load_campaigns(CAMPAIGNS, "campaigns.yaml")))


def promotion(decision_id: str, user_id: str, campaign_id: str = "run") -> bytes:
    return msgspec.json.encode(
        Promotion(
            type="promotion.offered",
            promotion_id="run-10",
            name="Run",
            creative=None,
            decision_id=decision_id,
            user_id=user_id,
            campaign_id=campaign_id,
            product_ids=(),
            coupon=None,
            copy=None,
            channels=(),
            not_before=1000,
            deliver_before=2000,
            expires_at=3000,
            reasons=(),
            trigger=Trigger("Product Viewed", f"m-{decision_id}", 1000),
        )
    )


def test_a_promotion_that_comes_again_counts_once(tally: Tally) -> None:
    runner = next(s.id for s in PEOPLE if s.interest == "running-shoes")
    assert tally.promotion(promotion("d1", runner), arrived_ms=1040.0) is not None
    assert tally.promotion(promotion("d1", runner), arrived_ms=9999.0) is None
    assert tally.offered_by_campaign == {"run": 1}
    assert tally.latency_ms(0.99) == 40.0


def test_an_offer_to_somebody_with_another_interest_is_no_match(tally: Tally) -> None:
    people = {s.interest: s.id for s in PEOPLE}
    tally.promotion(promotion("d1", people["running-shoes"]), 1001.0)
    tally.promotion(promotion("d2", people["coffee"]), 1001.0)
    tally.promotion(promotion("d3", people["coffee"], campaign_id="anyone"), 1001.0)  # about no interest
    assert tally.interest_match() == 0.5
    assert tally.match_by_guessing() == 1 / 8


def test_an_event_is_settled_once_in_a_profile_or_as_a_dead_letter(tally: Tally) -> None:
    tally.profile(encode_profile(Profile(ShopperId("ann"), seen=[Digest(1), Digest(2)])))
    tally.profile(encode_profile(Profile(ShopperId("ann"), seen=[Digest(2), Digest(3)])))
    dead = Dead("clicks", 0, 7, b"x", DeadLetter(Rejection.NOT_JSON, "", "is not JSON"))
    tally.dead_letter(dead)
    tally.dead_letter(dead)
    assert tally.settled == 4
    assert list(tally.profiles) == ["ann"]


def test_a_tag_under_not_is_not_what_a_campaign_asks_for() -> None:
    interest = Condition(feature=FeatureName.AFFINITY, tag="yoga", at_least=1)
    other = Condition(feature=FeatureName.AFFINITY, tag="coffee", at_least=1)
    assert tags_of(Condition(any=(interest, Condition(not_=other)))) == {"yoga"}
    assert tags_of(None) == frozenset()


def test_the_workers_counts_are_read_over_all_labels() -> None:
    page = "# HELP x\nbeckon_model_calls_total 3.0\nbeckon_model_texts_total 12.0\nbeckon_model_fallbacks_total 0.0\n"
    assert read_counts(page) == {"model_calls": 3, "texts_scored": 12, "fallbacks": 0}


def test_bars_and_sparklines_grow_with_their_numbers() -> None:
    assert bar(10, 10, 4) == "████"
    assert bar(0, 10, 4) == ""
    assert len(sparkline([1, 2, 3])) == 3
    assert sparkline([0, 0])[0] == sparkline([0, 0])[1]


def test_an_offer_that_was_taken_back_is_kept_apart_and_written_in_its_place(tally: Tally) -> None:
    offered = promotion("d1", PEOPLE[0].id)
    revoked = Revocation(
        type="promotion.revoked",
        promotion_id="run-10",
        decision_id="d1",
        user_id=PEOPLE[0].id,
        campaign_id="run",
        reason=RevokedBecause.BOUGHT,
        at=1_780_304_500_000,
        trigger=Trigger("Order Completed", "m9", 1_780_304_500_000),
    )
    raw = msgspec.json.encode(revoked)
    assert tally.promotion(raw, 0.0) is None
    assert tally.promotion(offered, 0.0) is not None
    assert tally.promotion(raw, 0.0) is None  # a worker that restarted says it again
    assert (len(tally.promotions), len(tally.revoked)) == (1, 1)
    assert promotions_of(tally) == [offered, raw]

"""What stands between a shopper and a campaign, recorded or not."""

import msgspec
import pytest

from processors.side_inputs import SideInputs
from processors.why_not import Answer, Standing, ask, only
from processors.words.languages import WORDS, Language
from schemas.catalog import Product
from schemas.decisions import Reason
from schemas.ids import EventTime
from schemas.profiles import OfferMade
from tests.support.story import DAY, MINUTE, MONDAY, Json, campaigns_of, consent, profile_of, track

ANN = (
    consent(MONDAY, marketing=True),
    track("Product Viewed", MONDAY + MINUTE, product_id="boots", category="shoes"),
)
SIDE = SideInputs()


def asked(*campaigns: Json, at: int = MONDAY + 2 * MINUTE, **shop: object) -> Answer:
    ready = campaigns_of(*campaigns, **shop)
    return ask(profile_of(*ANN), "Product Viewed", EventTime(at), ready, SIDE)


def offered(answer: Answer) -> str | None:
    return None if answer.offer is None else answer.offer.campaign_id


def lines(answer: Answer, campaign_id: str) -> tuple[str | None, list[str]]:
    (standing,) = only(answer, campaign_id).standings
    return standing.reason, list(standing.lines)


def test_the_one_that_would_be_offered_and_the_one_that_loses_to_it() -> None:
    answer = asked({"id": "a"}, {"id": "b", "priority": 1})
    assert offered(answer) == "b"
    assert lines(answer, "b") == (None, [])
    reason, said = lines(answer, "a")
    assert reason == "lost_arbitration"
    assert said[1] == "it would take priority 1"


def test_a_failed_condition_is_said_with_its_number_and_what_it_would_take() -> None:
    when = {
        "all": [{"feature": "views", "at_least": 1}, {"feature": "affinity", "tag": "shoes", "at_least": 1.5}]
    }
    assert lines(asked({"id": "a", "when": when}), "a") == (
        "not_eligible",
        ["interest in shoes is 1.0, at least 1.5 needed", "it would take 0.51 more interest in shoes"],
    )


def test_of_alternatives_each_is_said_under_its_heading_and_those_that_hold_are_not() -> None:
    views, clicks = {"feature": "views", "at_least": 3}, {"feature": "clicks", "at_least": 1}
    when = {"all": [{"any": [views, clicks]}, {"any": [views, {"feature": "is_known", "equals": True}]}]}
    assert lines(asked({"id": "a", "when": when}), "a")[1] == [
        "one of these is needed:",
        "  number of product views is 1, at least 3 needed",
        "  it would take 2 more product views",
        "  number of product clicks is 0, at least 1 needed",
        "  it would take 1 more product click",
    ]
    denied = {"not": {"any": [{"feature": "views", "at_least": 1}, clicks]}}  # neither of them
    assert lines(asked({"id": "a", "when": denied}), "a")[1] == [
        "number of product views is 1, less than 1 needed",
        "it would take 1 fewer product view",
    ]


@pytest.mark.parametrize(
    ("campaign", "words", "flip"),
    [
        ({"paused": True}, "it is paused", "a campaign that is not paused"),
        ({"live": {"from": "2026-03-03T00:00:00Z"}}, "it is live from 2026-03-03T00:00:00.000Z, and it is 2026-03-02T00:02:00.000Z", "the same event at 2026-03-03T00:00:00.000Z or later"),
        ({"live": {"to": "2026-03-01T00:00:00Z"}}, "it was live until 2026-03-01T00:00:00.000Z, and it is 2026-03-02T00:02:00.000Z", "a campaign that ends after 2026-03-02T00:02:00.000Z"),
    ],
)  # fmt: skip
def test_a_campaign_that_is_not_live_says_since_when(campaign: Json, words: str, flip: str) -> None:
    assert lines(asked({"id": "a", **campaign}), "a") == ("not_live", [words, f"it would take {flip}"])


def test_an_event_before_an_offer_that_time_set_off_is_stale_and_says_so() -> None:
    """Nothing was seen of the shopper since Monday, but a timer made an offer a month later."""
    profile = profile_of(*ANN)
    profile.offers["a"] = [OfferMade(EventTime(MONDAY + 30 * DAY), "d", "p")]
    answer = ask(profile, "Product Viewed", EventTime(MONDAY + DAY), campaigns_of({"id": "a"}), SIDE)
    assert lines(answer, "a") == (
        "stale",
        [
            "the event is of 2026-03-03T00:00:00.000Z, and one before 2026-03-31T23:00:00.000Z is too old to ask",
            "it would take the same event at 2026-03-31T23:00:00.000Z or later",
        ],
    )


def test_a_later_time_sees_the_same_profile_from_there() -> None:
    when = {"feature": "days_since_seen", "at_least": 7}
    assert offered(asked({"id": "a", "when": when}, at=MONDAY + 8 * DAY)) == "a"
    assert lines(asked({"id": "a", "when": when}, at=MONDAY + 3 * DAY), "a")[1][1] == (
        "it would take 5 more days since the last visit"
    )


def test_consent_and_hold_out_are_reasons_too() -> None:
    assert lines(asked({"id": "a", "purpose": "training"}), "a") == (
        "no_consent",
        ["the shopper has not agreed to training", "it would take consent to training"],
    )
    answer = asked({"id": "a", "hold_out": 1})
    assert (offered(answer), lines(answer, "a")[0]) == (None, "held_out")


class Doing(msgspec.Struct, frozen=True):
    """What stops campaign `a`, what is said of it in both languages, and the same with that done."""

    stopped: Json
    flip: str
    chinese: str
    done: Json


#: Every reason there is. One without a line here has no flip that was tried.
DOING: dict[Reason, Doing] = {
    Reason.STALE: Doing(
        {"offered_at": MONDAY + 30 * DAY},
        "the same event at 2026-03-31T23:00:00.000Z or later",
        "同样的事件在 2026-03-31T23:00:00.000Z 或之后发生",
        {"offered_at": MONDAY + 30 * DAY, "at": MONDAY + 30 * DAY - 60 * MINUTE},
    ),
    Reason.NOT_LIVE: Doing(
        {"live": {"to": "2026-03-01T00:00:00Z"}},
        "a campaign that ends after 2026-03-02T00:02:00.000Z",
        "活动结束时间晚于 2026-03-02T00:02:00.000Z",
        {"live": {"to": "2026-03-02T00:02:00.001Z"}},
    ),
    Reason.NOT_ELIGIBLE: Doing(
        {"when": {"feature": "views", "at_least": 1}, "views": 0},
        "1 more product view",
        "商品浏览次数增加 1",
        {"when": {"feature": "views", "at_least": 1}, "views": 1},
    ),
    Reason.NO_CONSENT: Doing(
        {"purpose": "training", "said": {"profiling": False}},
        "consent to profiling and training",
        "顾客同意用户画像和模型训练",
        {"purpose": "training", "said": {"profiling": True, "training": True}},
    ),
    Reason.TOO_LATE: Doing(
        {"lag_ms": 10 * MINUTE + 1500}, "1.5 s less delay", "少延迟 1.5 秒", {"lag_ms": 10 * MINUTE}
    ),
    Reason.CAPPED: Doing(
        {"caps": [{"at_most": 1, "per": "1h"}, {"at_most": 1, "per": "1d"}], "offered_at": MONDAY},
        "the same event at 2026-03-03T00:00:00.000Z or later",
        "同样的事件在 2026-03-03T00:00:00.000Z 或之后发生",
        {
            "caps": [{"at_most": 1, "per": "1h"}, {"at_most": 1, "per": "1d"}],
            "offered_at": MONDAY,
            "at": MONDAY + DAY,
        },
    ),
    Reason.COOLING_DOWN: Doing(
        {"shop": {"cool_down": "3h"}, "offered_at": MONDAY},
        "the same event at 2026-03-02T03:00:00.000Z or later",
        "同样的事件在 2026-03-02T03:00:00.000Z 或之后发生",
        {"shop": {"cool_down": "3h"}, "offered_at": MONDAY, "at": MONDAY + 180 * MINUTE},
    ),
    Reason.OUT_OF_STOCK: Doing(
        {"offer": {"products": {"from": "viewed"}}, "product": {"stock": 0}},
        "one of them in stock again",
        "其中一件重新有货",
        {"offer": {"products": {"from": "viewed"}}, "product": {"stock": 1}},
    ),
    Reason.LOW_VALUE: Doing(
        {"offer": {"products": {"from": "viewed"}, "cost": 1.02}, "product": {"margin": 2020}},
        "a cost of USD 1.01 or less",
        "成本不高于 USD 1.01",
        {"offer": {"products": {"from": "viewed"}, "cost": 1.01}, "product": {"margin": 2020}},
    ),
    Reason.COPY_REJECTED: Doing(
        {"offer": {"products": {"from": "viewed"}, "copy": {"template": "{first_product}!"}}, "views": 0},
        "a product to name",
        "有可提的商品",
        {"offer": {"products": {"from": "viewed"}, "copy": {"template": "{first_product}!"}}, "views": 1},
    ),
    Reason.QUIET_HOURS: Doing(
        {"shop": {"quiet_hours": {"from": "00:00", "to": "08:00"}}, "valid_for": "478m"},
        "an offer valid for at least 479 minutes",
        "优惠有效期至少 479 分钟",
        {"shop": {"quiet_hours": {"from": "00:00", "to": "08:00"}}, "valid_for": "479m"},
    ),
    Reason.LOST_ARBITRATION: Doing(
        {"beside": {"id": "b", "priority": 7}}, "priority 7", "优先级 7", {"beside": {"id": "b", "priority": 7}, "priority": 7}
    ),
    Reason.HELD_OUT: Doing(
        {"hold_out": 1}, "a hold-out of 0.426716 or less", "对照组比例为 0.426716 或更低", {"hold_out": 0.426716}
    ),
}  # fmt: skip


def standing_of_a(done: Json, language: Language) -> Standing:
    """Return how campaign `a` and ann stand when all this is so; what is not said is no obstacle."""
    left = dict(done)
    viewed = ANN[1:] if left.pop("views", 1) else (track("Products Searched", MONDAY + MINUTE, query="x"),)
    said = {"marketing": True, **left.pop("said", {})}
    profile = profile_of(consent(MONDAY, **said), *viewed)
    if offered_at := left.pop("offered_at", None):
        profile.offers["a"] = [OfferMade(EventTime(offered_at), "d", "p")]
    product = Product("boots", **left.pop("product", {}))
    side = SideInputs(lag_ms=left.pop("lag_ms", 0), catalog={"boots": product})
    at, shop, beside = (
        EventTime(left.pop("at", MONDAY + 2 * MINUTE)),
        left.pop("shop", {}),
        left.pop("beside", None),
    )
    offer = {"promotion_id": "p", "name": "Boots", **left.pop("offer", {})}
    ready = campaigns_of({"id": "a", "offers": [offer], **left}, *([beside] if beside else []), **shop)
    answer = ask(profile, "Product Viewed", at, ready, side, WORDS[language])
    return only(answer, "a").standings[0]


@pytest.mark.parametrize("reason", DOING, ids=lambda reason: reason.value)
def test_doing_what_is_said_of_a_reason_is_enough(reason: Reason) -> None:
    doing = DOING[reason]
    assert standing_of_a(doing.stopped, Language.EN).reason is reason
    assert standing_of_a(doing.stopped, Language.EN).lines[-1] == f"it would take {doing.flip}"
    assert standing_of_a(doing.stopped, Language.ZH).lines[-1] == f"需要的变化：{doing.chinese}"
    assert standing_of_a(doing.done, Language.EN).reason is None


def test_every_reason_was_tried_but_the_one_that_cannot_come_yet() -> None:
    assert set(Reason) - DOING.keys() == {Reason.BUDGET_EXHAUSTED}  # a budget is refused (ruling 3)


def test_an_event_that_asks_nobody_has_no_standings() -> None:
    answer = ask(profile_of(*ANN), "Product Added", EventTime(MONDAY), campaigns_of({"id": "a"}), SIDE)
    assert (answer.decision, answer.standings) == (None, ())


def test_what_stands_in_the_way_is_said_in_chinese_too() -> None:
    views, clicks = {"feature": "views", "at_least": 3}, {"feature": "clicks", "at_least": 1}
    ready = campaigns_of(
        {"id": "a", "when": {"any": [views, clicks]}},
        {"id": "b", "paused": True},
        {"id": "c", "purpose": "training"},
        {"id": "d", "live": {"from": "2026-03-03T00:00:00Z"}},
        {"id": "e", "live": {"to": "2026-03-01T00:00:00Z"}},
    )
    at = EventTime(MONDAY + 2 * MINUTE)
    answer = ask(profile_of(*ANN), "Product Viewed", at, ready, SIDE, WORDS[Language.ZH])
    assert {standing.campaign_id: list(standing.lines) for standing in answer.standings} == {
        "a": [
            "至少需要满足以下一项：",
            "  商品浏览次数为 1，至少需要 3",
            "  需要的变化：商品浏览次数增加 2",
            "  商品点击次数为 0，至少需要 1",
            "  需要的变化：商品点击次数增加 1",
        ],
        "b": ["活动已暂停", "需要的变化：活动不再暂停"],
        "c": ["顾客没有同意模型训练", "需要的变化：顾客同意模型训练"],
        "d": [
            "活动从 2026-03-03T00:00:00.000Z 开始，现在是 2026-03-02T00:02:00.000Z",
            "需要的变化：同样的事件在 2026-03-03T00:00:00.000Z 或之后发生",
        ],
        "e": [
            "活动已于 2026-03-01T00:00:00.000Z 结束，现在是 2026-03-02T00:02:00.000Z",
            "需要的变化：活动结束时间晚于 2026-03-02T00:02:00.000Z",
        ],
    }

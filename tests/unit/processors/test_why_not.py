"""What stands between a shopper and a campaign, recorded or not."""

import pytest

from processors.side_inputs import SideInputs
from processors.why_not import Answer, ask, only
from processors.words.languages import WORDS, Language
from schemas.ids import EventTime
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
    ("campaign", "words"),
    [
        ({"paused": True}, "it is paused"),
        ({"live": {"from": "2026-03-03T00:00:00Z"}}, "it is live from 2026-03-03T00:00:00.000Z, and it is 2026-03-02T00:02:00.000Z"),
        ({"live": {"to": "2026-03-01T00:00:00Z"}}, "it was live until 2026-03-01T00:00:00.000Z, and it is 2026-03-02T00:02:00.000Z"),
    ],
)  # fmt: skip
def test_a_campaign_that_is_not_live_says_since_when(campaign: Json, words: str) -> None:
    assert lines(asked({"id": "a", **campaign}), "a") == ("not_live", [words])


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
        "b": ["活动已暂停"],
        "c": ["顾客没有同意模型训练", "需要的变化：顾客同意模型训练"],
        "d": ["活动从 2026-03-03T00:00:00.000Z 开始，现在是 2026-03-02T00:02:00.000Z"],
        "e": ["活动已于 2026-03-01T00:00:00.000Z 结束，现在是 2026-03-02T00:02:00.000Z"],
    }

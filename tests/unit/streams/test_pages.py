"""The page about a shopper says what the profile holds, in words, and nothing that was sent can forge it."""

import msgspec

from processors.words.languages import WORDS, Language
from schemas.decisions import Decision
from streams.pages import decision_lines, profile_page, read_profile
from streams.records import profile_json
from tests.support.story import DAY, MINUTE, MONDAY, campaigns_of, consent, line_of, order, tell, track

STORY = (
    consent(MONDAY, "yes", marketing=True, training=False),
    track("Product Viewed", MONDAY + MINUTE, product_id="boots", category="shoes"),
    track("Product Added", MONDAY + 2 * MINUTE, product_id="boots", category="shoes", price=19.9, quantity=2),
    track("Products Searched", MONDAY + 3 * MINUTE, query="tents"),
    track("Product Viewed", MONDAY + 4 * MINUTE, product_id="mug", category="kitchen"),
    order("o1", MONDAY + 5 * MINUTE, 40, "tent", coupon="SPRING"),
    track("Order Refunded", MONDAY + 6 * MINUTE, order_id="o1", total=15),
    track("Order Refunded", MONDAY + 7 * MINUTE, order_id="o2"),
)
CAMPAIGNS = campaigns_of(
    {
        "id": "spring",
        "caps": [{"at_most": 1, "per": "7d"}],
        "offers": [{"promotion_id": "p10", "name": "Ten"}],
    }
)


def page(*events: dict[str, object], decisions: tuple[Decision, ...] = ()) -> str:
    return profile_page(read_profile(profile_json(line_of(*events))), decisions, "EUR")


def test_the_page_tells_the_whole_story() -> None:
    told = tell(CAMPAIGNS, STORY)
    first = told.decisions[0].decision_id
    assert (
        page(*STORY, decisions=tuple(told.decisions))
        == f"""Shopper ann
-----------
  seen from 2026-03-02 00:00:00 to 2026-03-02 00:07:00 (UTC)
  2 product views, 0 product clicks, 1 search, 1 addition to the cart

Interests
---------
  shoes    ████████████████████  5.00
  kitchen  ████                  1.00

Cart
----
  2 x boots, EUR 19.90, put in at 2026-03-02 00:02:00
  worth EUR 39.80

Visit
-----
  the newest began at 2026-03-02 00:01:00: 4 product events
  2026-03-02 00:05:00  bought tent
  2026-03-02 00:04:00  looked at mug
  2026-03-02 00:02:00  put into the cart boots
  2026-03-02 00:01:00  looked at boots

Orders
------
  1 order, 2 refunds, EUR 25.00 spent
  2026-03-02 00:07:00  o2: not ordered yet, all of it given back
  2026-03-02 00:05:00  o1: EUR 40.00, with a discount, EUR 15.00 given back

Offers
------
  2026-03-02 00:01:00  {first}  Product Viewed: p10 of spring offered
  1 more decision ended without one

Consent
-------
  marketing: yes, said at 2026-03-02 00:00:00
  training: no, said at 2026-03-02 00:00:00
"""
    )


def test_the_page_tells_the_same_story_in_chinese() -> None:
    told = tell(CAMPAIGNS, STORY)
    line = read_profile(profile_json(line_of(*STORY)))
    first = told.decisions[0].decision_id
    assert (
        profile_page(line, told.decisions, "EUR", WORDS[Language.ZH])
        == f"""顾客 ann
--------
  首次出现 2026-03-02 00:00:00，最近出现 2026-03-02 00:07:00（UTC）
  商品浏览 2 次，商品点击 0 次，搜索 1 次，加入购物车 1 次

兴趣
----
  shoes    ████████████████████  5.00
  kitchen  ████                  1.00

购物车
------
  2 x boots，EUR 19.90，加入于 2026-03-02 00:02:00
  合计 EUR 39.80

访问
----
  最近一次访问始于 2026-03-02 00:01:00：4 个商品事件
  2026-03-02 00:05:00  购买 tent
  2026-03-02 00:04:00  浏览 mug
  2026-03-02 00:02:00  加入购物车 boots
  2026-03-02 00:01:00  浏览 boots

订单
----
  1 个订单，2 次退款，共消费 EUR 25.00
  2026-03-02 00:07:00  o2: 尚未下单，已全额退款
  2026-03-02 00:05:00  o1: EUR 40.00，有折扣，已退款 EUR 15.00

优惠
----
  2026-03-02 00:01:00  {first}  Product Viewed: 已发送活动 spring 的 p10
  另有 1 个决策没有发送优惠

同意情况
--------
  营销：是，表示于 2026-03-02 00:00:00
  模型训练：否，表示于 2026-03-02 00:00:00
"""
    )


def test_a_shopper_of_whom_little_is_known_gets_a_page_too() -> None:
    text = page(track("Cart Viewed", MONDAY))
    for words in ("none known", "empty", "no product was looked at", "0 orders, 0 refunds", "never stated"):
        assert words in text


def test_long_lists_are_cut_and_say_so() -> None:
    events = [track("Product Viewed", MONDAY + n, product_id=f"p{n}", category=f"c{n:02}") for n in range(40)]
    text = page(*events)
    assert "and 28 weaker" in text
    assert "and 30 older" in text
    assert "looked at p30\n" in text
    assert "looked at p29\n" not in text


def test_every_decision_is_one_line_with_an_id_to_ask_with() -> None:
    held_out = campaigns_of({"id": "ghost", "hold_out": 1.0})
    kinds = [tell(campaigns, STORY).decisions[0] for campaigns in (CAMPAIGNS, held_out)]
    kinds += tell(CAMPAIGNS, STORY).decisions[1:] + tell(CAMPAIGNS, STORY[1:2]).decisions
    lines = list(decision_lines(kinds))
    assert [line.partition("Product Viewed: ")[2] for line in lines] == [
        "p10 of spring offered",
        "p of ghost held out, so not sent",
        "nothing sent (spring capped)",
        "nothing sent (spring no_consent)",
    ]
    assert all(len(line.split()[2]) == 32 for line in lines)


def test_control_characters_in_ids_are_shown_and_not_obeyed() -> None:
    text = page(track("Product Viewed", MONDAY + DAY, "m", "ann\x1b[2J\nConsent", product_id="\x07\u202e"))
    assert "Shopper ann\\x1b[2J\\nConsent\n" in text
    assert "looked at \\x07\\u202e\n" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_a_page_needs_no_more_than_the_line_of_the_contract() -> None:
    line = msgspec.json.decode(profile_json(line_of(*STORY)))
    del line["rfm"], line["days"]
    assert profile_page(read_profile(msgspec.json.encode(line)), (), "EUR").startswith("Shopper ann\n")

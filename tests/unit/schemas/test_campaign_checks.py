"""What the types of a campaign file cannot say."""

import pytest

from schemas.campaign_checks import placeholders_of
from schemas.campaign_file import load_campaigns
from schemas.errors import CampaignError

COMPARISONS = "write one of at_least, at_most, above, below, equals, one_of"


def error_of(when: str = "", offer: str = "", triggers: str = "[Product Viewed]") -> str | None:
    """Return the line for a campaign with this condition, offer or list of triggers; None: accepted."""
    text = (
        f"campaigns:\n  - id: a\n    triggers: {triggers}\n"
        f"    offers: [{{promotion_id: p, name: n{offer and ', ' + offer}}}]\n"
        + (f"    when: {when}\n" if when else "")
    )
    try:
        load_campaigns(text, "shop.yaml")
    except CampaignError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    "when",
    [
        "{feature: affinity, tag: running-shoes, at_least: 2.0}",
        "{feature: views, within: 1d, at_least: 1}",
        "{feature: clicks, within: 35d, at_most: 1}",
        "{feature: cart_adds, within: 24h, above: 1}",
        "{feature: orders, within: 1440m, below: 1}",
        "{feature: spend, within: 1m, equals: 40.55}",
        "{feature: searches, within: 7d, one_of: [1, 2.5]}",
        "{feature: cart_value, at_least: 1000000000000}",
        "{feature: cart_items, at_least: 0}",
        "{feature: days_since_order, at_least: 30}",
        "{feature: days_since_seen, below: 0.000001}",
        "{feature: session_events, at_least: 3}",
        "{feature: session_minutes, at_least: -1}",
        "{feature: rfm, one_of: [champion, loyal, new, promising, at_risk, lost, prospect]}",
        "{feature: trait, name: plan, equals: gold}",
        "{feature: trait, name: age, at_least: 18}",
        "{feature: trait, name: vip, one_of: [true, 1, yes]}",
        "{feature: is_known, equals: true}",
        "{all: [{any: [{not: {feature: views, at_least: 1}}]}]}",
    ],
)
def test_every_feature_has_a_condition_that_is_accepted(when: str) -> None:
    assert error_of(when) is None


@pytest.mark.parametrize(
    ("when", "error"),
    [
        ("{}", ": is empty; write one of all, any, not or feature"),
        ("{all: null}", ": is empty; write one of all, any, not or feature"),
        (
            "{feature: views, at_least: 1, not: {feature: views, at_least: 2}}",
            ": has not and feature side by side; write one of all, any, not or feature",
        ),
        ("{any: [{}]}", ".any[0]: is empty; write one of all, any, not or feature"),
        ("{all: []}", ".all: wants at least 1 entry; look it up in docs/campaigns.md"),
        (
            "{feature: afinity, tag: a, at_least: 1}",
            ".feature: `afinity` is not known; did you mean `affinity`?",
        ),
        ("{feature: views}", f": has no comparison; {COMPARISONS}"),
        ("{feature: views, at_least: null}", f": has no comparison; {COMPARISONS}"),
        ("{feature: views, at_least: 1, above: 2}", f": has at_least and above side by side; {COMPARISONS}"),
        (
            "{feature: views, at_least: many}",
            ".at_least: wants a number, got a text; look it up in docs/campaigns.md",
        ),
        (
            "{feature: views, at_least: yes}",
            ".at_least: wants a number, got a text; look it up in docs/campaigns.md",
        ),
        ("{feature: views, equals: x}", ".equals: wants a number, got `x`; write digits, without quotes"),
        (
            "{feature: views, equals: true}",
            ".equals: wants a number, got `True`; write digits, without quotes",
        ),
        (
            "{feature: views, one_of: [1, x]}",
            ".one_of[1]: wants a number, got `x`; write digits, without quotes",
        ),
        ("{feature: views, one_of: []}", ".one_of: wants at least 1 entry; look it up in docs/campaigns.md"),
        (
            "{feature: views, at_least: 1.0000001}",
            ".at_least: wants a number up to 1e12 with at most 6 digits after the point; round it",
        ),
        (
            "{feature: views, below: 1000000000001}",
            ".below: wants a number up to 1e12 with at most 6 digits after the point; round it",
        ),
        ("{feature: affinity, at_least: 1}", ".tag: is missing; say which tag of `affinity` is meant"),
        ("{feature: trait, equals: x}", ".name: is missing; say which name of `trait` is meant"),
        ("{feature: views, tag: x, at_least: 1}", ".tag: has no meaning beside `views`; take it out"),
        (
            "{feature: affinity, tag: x, name: y, at_least: 1}",
            ".name: has no meaning beside `affinity`; take it out",
        ),
        (
            "{feature: cart_value, within: 2h, at_least: 1}",
            ".within: has no meaning beside `cart_value`; take it out",
        ),
        (
            "{not: {feature: views, at_least: 1}, within: 7d}",
            ".within: has no meaning beside `not`; take it out",
        ),
        (
            "{not: {feature: views, at_least: 1}, at_least: 1}",
            ".at_least: has no meaning beside `not`; put it beside a feature",
        ),
        ("{feature: views, within: 36d, at_least: 1}", ".within: `36d` is out of range; write 1d to 35d"),
        (
            "{feature: views, within: 25h, at_least: 1}",
            ".within: `25h` is out of range; write up to 24h, or whole days",
        ),
        (
            "{feature: views, within: 1441m, at_least: 1}",
            ".within: `1441m` is out of range; write up to 24h, or whole days",
        ),
        (
            "{feature: searches, within: 2h, at_least: 1}",
            ".within: searches are counted in whole days only; write 1d to 35d",
        ),
        (
            "{feature: rfm, equals: champ}",
            ".equals: `champ` is not a segment; known: champion, loyal, new, promising, at_risk, lost, prospect",
        ),
        (
            "{feature: rfm, one_of: [new, old]}",
            ".one_of[1]: `old` is not a segment; known: champion, loyal, new, promising, at_risk, lost, prospect",
        ),
        (
            "{feature: rfm, at_least: 1}",
            ".at_least: rfm is compared with the name of a segment; write `equals: champion`, say",
        ),
        (
            "{feature: is_known, equals: yes}",
            ".equals: is_known is compared with `equals: true` or `equals: false`; write that",
        ),
        (
            "{feature: is_known, at_least: 1}",
            ".at_least: is_known is compared with `equals: true` or `equals: false`; write that",
        ),
    ],
)
def test_a_wrong_condition_is_named(when: str, error: str) -> None:
    assert error_of(when) == f"campaigns[0].when{error}"


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        ("names: x", ".names: is not a field of a campaign file; did you mean `name`?"),
        ("coupon: {kind: percent}", ".coupon.value: is missing; add it"),
        ("coupon: {kind: percent, value: 101}", ".coupon.value: is more than 100 percent; write 1 to 100"),
        (
            "coupon: {kind: percent, value: 0}",
            ".coupon.value: wants a number of more than 0; look it up in docs/campaigns.md",
        ),
        (
            "coupon: {kind: percentage, value: 5}",
            ".coupon.kind: `percentage` is not known; did you mean `percent`?",
        ),
        (
            "coupon: {kind: free_shipping, value: 5}",
            ".coupon.value: has no meaning for free_shipping; take it out",
        ),
        ("coupon: {value: 5}", ".coupon.kind: is missing; add it"),
        (
            "products: {from: recommended}",
            ".products.from: `recommended` is not there yet; choose another one",
        ),
        ("products: {from: category}", ".products.from: `category` is not there yet; choose another one"),
        ("products: {from: list}", ".products.from: `list` is not there yet; choose another one"),
        ("products: {from: basket}", ".products.from: `basket` is not known; known: cart, viewed"),
        (
            "products: {from: cart, at_most: 0}",
            ".products.at_most: wants a whole number of at least 1; look it up in docs/campaigns.md",
        ),
        ("copy: hi", ".copy: wants a mapping, got a text; look it up in docs/campaigns.md"),
        (
            "copy: {template: '{discount}'}",
            ".copy.template: uses {discount}, but the offer has no `coupon`; add `coupon`",
        ),
        (
            "copy: {template: '{first_product}'}",
            ".copy.template: uses {first_product}, but the offer has no `products`; add `products`",
        ),
        (
            "copy: {template: '{expire}'}",
            ".copy.template: {expire} is not a placeholder; did you mean {expires}?",
        ),
        (
            "copy: {template: '{}'}",
            ".copy.template: {} is not a placeholder; known: {first_product}, {discount}, {expires}, {name}",
        ),
        (
            "copy: {template: 'a } b'}",
            ".copy.template: has a stray brace (Single '}' encountered in format string); write {{ or }} for a brace itself",
        ),
        ("cost: -1", ".cost: wants a number of at least 0; look it up in docs/campaigns.md"),
        ("cost: 1000000001", ".cost: wants a number of at most 1000000000; look it up in docs/campaigns.md"),
    ],
)
def test_a_wrong_offer_is_named(offer: str, error: str) -> None:
    assert error_of(offer=offer) == f"campaigns[0].offers[0]{error}"


@pytest.mark.parametrize(
    ("triggers", "error"),
    [
        (
            "[cart abandonned]",
            "[0]: `cart abandonned` is not an event; did you mean `Cart Abandoned`?",
        ),
        (
            "[Product Viewed, product clicked]",
            "[1]: `product clicked` is not an event; did you mean `Product Clicked`?",
        ),
        ("[Cart Viewed, Cart Viewed]", "[1]: repeats Cart Viewed; name it once"),
        ("[5]", "[0]: wants a text, got a whole number; look it up in docs/campaigns.md"),
        ("Product Viewed", ": wants a list, got a text; look it up in docs/campaigns.md"),
        ("[]", ": wants at least 1 entry; look it up in docs/campaigns.md"),
    ],
)
def test_a_wrong_trigger_is_named(triggers: str, error: str) -> None:
    assert error_of(triggers=triggers) == f"campaigns[0].triggers{error}"


@pytest.mark.parametrize(
    "timer", ["Cart Abandoned", "Session Ended", "Days Without Visit", "Order Anniversary"]
)
def test_ruling_9_timers_are_triggers_like_events(timer: str) -> None:
    assert error_of(triggers=f"[Product Viewed, {timer}]") is None


@pytest.mark.parametrize(
    ("after", "error"),
    [
        ("3d", None),
        ("365d", None),
        ("366d", "campaigns[0].after: `366d` is out of range; write up to 365d"),
        (
            "soon",
            "campaigns[0].after: `soon` is not a duration; write minutes, hours or days, such as 30m, 48h or 7d",
        ),
    ],
)
def test_after_is_a_duration_of_at_most_a_year(after: str, error: str | None) -> None:
    assert error_of(triggers=f"[Order Completed]\n    after: {after}") == error


def test_identify_is_no_trigger() -> None:
    line = error_of(triggers="[identify]")
    assert line is not None
    assert line.startswith("campaigns[0].triggers[0]: `identify` is not an event; known: Product Viewed, ")


def test_choosing_among_offers_is_refused_until_it_is_there() -> None:
    text = "campaigns: [{id: a, triggers: [Cart Viewed], offers: [{promotion_id: p, name: n}, {promotion_id: q, name: n}]}]"
    with pytest.raises(CampaignError) as caught:
        load_campaigns(text, "shop.yaml")
    assert caught.value.field == "campaigns[0].offers[1]"


def test_placeholders_are_named_in_their_order() -> None:
    assert placeholders_of("{{x}} {name}: {discount} off {first_product} until {expires}", "t") == [
        "name",
        "discount",
        "first_product",
        "expires",
    ]

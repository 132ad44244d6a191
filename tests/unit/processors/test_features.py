from typing import Any

import msgspec
import pytest

from processors.features import Facts, feature_of
from schemas.campaigns import Condition, FeatureName
from schemas.ids import EventTime
from tests.support.story import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    POLICY,
    Json,
    identify,
    order,
    profile_of,
    track,
)

NOW = MONDAY + 10 * DAY
HISTORY = (
    track("Product Viewed", NOW - 2 * DAY, product_id="p", category="shoes"),
    track("Product Viewed", NOW - 50 * MINUTE, product_id="p", category="shoes"),
    track("Product Clicked", NOW - 40 * MINUTE, product_id="p"),
    track("Products Searched", NOW - 30 * MINUTE, query="boots"),
    track("Product Added", NOW - 20 * MINUTE, product_id="p", quantity=2, price=10.5),
    track("Product Added", NOW - 10 * MINUTE, product_id="q"),
    order("o1", NOW - 8 * DAY, 99.99, "z"),
    order("o2", NOW - 3 * DAY - 1, 20, "z"),
    identify(NOW, vip=True, age=40.1234567, city="Berlin"),
    {**track("Cart Viewed", NOW), "context": {"timezone": "Asia/Kolkata"}},
)


def value_of(tree: Json) -> Any:
    condition = msgspec.convert(tree, Condition)
    return feature_of(condition, "USD", POLICY).read(Facts(profile_of(*HISTORY), EventTime(NOW), POLICY))


@pytest.mark.parametrize(
    ("tree", "value"),
    [
        # one view of 2 days and one of 50 minutes ago, halved every 14 days: 0.905724 + 0.998282
        ({"feature": "affinity", "tag": "shoes"}, 1.904006),
        ({"feature": "affinity", "tag": "unheard of"}, 0.0),
        ({"feature": "views"}, 2),
        ({"feature": "views", "within": "1d"}, 0),  # today began at midnight, which is now
        ({"feature": "views", "within": "2d"}, 1),
        ({"feature": "views", "within": "3d"}, 2),
        ({"feature": "views", "within": "1h"}, 1),
        ({"feature": "views", "within": "50m"}, 0),
        ({"feature": "views", "within": "51m"}, 1),
        ({"feature": "clicks"}, 1),
        ({"feature": "clicks", "within": "24h"}, 1),
        ({"feature": "searches"}, 1),
        ({"feature": "searches", "within": "2d"}, 1),
        ({"feature": "cart_adds"}, 2),
        ({"feature": "cart_adds", "within": "15m"}, 1),
        ({"feature": "orders"}, 2),
        ({"feature": "orders", "within": "7d"}, 1),
        ({"feature": "orders", "within": "24h"}, 0),
        ({"feature": "spend"}, 119.99),
        ({"feature": "spend", "within": "7d"}, 20.0),
        ({"feature": "spend", "within": "24h"}, 0.0),
        ({"feature": "cart_value"}, 21.0),
        ({"feature": "cart_items"}, 3),
        ({"feature": "days_since_order"}, 3),
        ({"feature": "days_since_seen"}, 0),
        ({"feature": "session_events"}, 4),
        ({"feature": "session_minutes"}, 40.0),
        ({"feature": "rfm"}, "promising"),
        ({"feature": "trait", "name": "vip"}, True),
        ({"feature": "trait", "name": "age"}, 40.123457),
        ({"feature": "trait", "name": "city"}, "Berlin"),
        ({"feature": "trait", "name": "timezone"}, "Asia/Kolkata"),
        ({"feature": "trait", "name": "unheard of"}, None),
        ({"feature": "is_known"}, True),
    ],
)
def test_each_feature_reads_its_value(tree: Json, value: Any) -> None:
    found = value_of(tree)
    assert found == value
    assert type(found) is type(value)


def test_every_feature_of_the_closed_list_can_be_read() -> None:
    for name in FeatureName:
        condition = msgspec.convert({"feature": name.value, "tag": "t", "name": "n"}, Condition)
        feature = feature_of(condition, "USD", POLICY)
        feature.read(Facts(profile_of(), EventTime(NOW), POLICY))
        assert feature.key.startswith(name.value)


def test_a_shopper_without_an_order_has_no_days_since_one() -> None:
    condition = msgspec.convert({"feature": "days_since_order"}, Condition)
    facts = Facts(profile_of(HISTORY[0]), EventTime(NOW), POLICY)
    assert feature_of(condition, "USD", POLICY).read(facts) is None


def test_money_is_in_major_units_of_the_currency() -> None:
    condition = msgspec.convert({"feature": "spend"}, Condition)
    facts = Facts(profile_of(*HISTORY), EventTime(NOW), POLICY)
    values = {currency: feature_of(condition, currency, POLICY).read(facts) for currency in ("JPY", "KWD")}
    assert values == {"JPY": 11999.0, "KWD": 11.999}


def test_an_hour_is_up_to_24_of_them() -> None:
    first = track("Product Viewed", NOW - 24 * HOUR, product_id="p")
    later = track("Product Viewed", NOW - 24 * HOUR + 1, product_id="p")
    condition = msgspec.convert({"feature": "views", "within": "24h"}, Condition)
    facts = Facts(profile_of(first, later), EventTime(NOW), POLICY)
    assert feature_of(condition, "USD", POLICY).read(facts) == 1

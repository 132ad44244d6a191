"""The fold against the slow model of truth, whatever the order of arrival."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.fold import fold
from processors.tagging import category_tags
from schemas.catalog import Catalog, Product
from schemas.profiles import DayCounts, Profile
from tests.oracle import profiles as oracle
from tests.support.histories import catalogs, disturbed, histories, some_histories
from tests.support.story import DAY, POLICY, Json, line_of, profile_of, read


def assert_same(found: Any, wanted: Any, path: str = "profile") -> None:
    """Compare two lines; floats by ruling 7."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), path
        for key, value in wanted.items():
            assert_same(found[key], value, f"{path}.{key}")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6), path
    else:
        assert found == wanted, path


@some_histories
@given(st.data())
def test_any_order_and_copies_give_the_profile_of_the_contract(data: st.DataObject) -> None:
    events = data.draw(histories())
    as_of = max(event["timestamp"] for event in events) + data.draw(st.sampled_from((0, 1, DAY, 40 * DAY)))
    (wanted,) = oracle.profiles(events, as_of)
    assert_same(line_of(*events, as_of=as_of), wanted)
    assert_same(line_of(*data.draw(disturbed(events)), as_of=as_of), wanted)


@some_histories
@given(histories(), catalogs)
def test_a_product_without_category_takes_the_catalogues(events: list[Json], catalog: Catalog) -> None:
    categories = {key: product.category for key, product in catalog.items() if product.category}
    (wanted,) = oracle.profiles(events, catalog=categories)
    profile = Profile(read(events[0]).envelope.shopper)
    for event in map(read, events):
        fold(profile, event, category_tags(event, catalog), POLICY)
    assert {tag for tag in profile.affinity if wanted["affinity"].get(tag)} == set(wanted["affinity"])


@some_histories
@given(st.data())
def test_the_whole_state_but_what_depends_on_arrival_is_the_same_in_any_order(data: st.DataObject) -> None:
    events = data.draw(histories())
    calm, other = profile_of(*events), profile_of(*data.draw(disturbed(events)))
    for name in Profile.__struct_fields__:
        if name not in ("seen", "affinity", "orders_log", "days"):
            assert getattr(calm, name) == getattr(other, name), name
    # A day that an order left again may stay behind, empty.
    filled = [{d: c for d, c in profile.days.items() if c != DayCounts()} for profile in (calm, other)]
    assert filled[0] == filled[1]
    by_id = [sorted(profile.orders_log, key=lambda o: o.order_id) for profile in (calm, other)]
    assert by_id[0] == by_id[1]
    assert sorted(calm.seen) == sorted(other.seen)
    assert {tag: s.as_of for tag, s in calm.affinity.items()} == {
        t: s.as_of for t, s in other.affinity.items()
    }


@some_histories
@given(histories(events_max=12))
def test_folding_everything_twice_changes_nothing(events: list[Json]) -> None:
    once, profile = profile_of(*events), profile_of(*events)
    assert [fold(profile, read(event), ((("x", 1.0),),), POLICY) for event in events] == [False] * len(events)  # type: ignore[arg-type]
    assert profile == once


def test_a_catalogues_category_counts_like_the_products_own() -> None:
    catalog = {"mug": Product("mug", category="kitchen")}
    event = {
        "type": "track",
        "event": "Product Added",
        "messageId": "m",
        "timestamp": 10**12,
        "userId": "ann",
    }
    profile = profile_of({**event, "properties": {"product_id": "mug"}}, catalog=catalog)
    assert profile.affinity["kitchen"].value == 4.0

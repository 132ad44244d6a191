"""Snowplow e-commerce events: every action, in the three shapes; what is wrong keeps its own path."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.adapters import snowplow
from schemas.adapters.drafts import Adapted
from schemas.decode import Border
from schemas.events import (
    BrowseEvent,
    DeadLetter,
    EventName,
    FeedbackEvent,
    OrderCompleted,
    OrderRefunded,
    ProductEvent,
    Rejection,
    SearchEvent,
    ShopEvent,
    Skipped,
)

NOW = 1_790_000_000_000
BORDER = Border("EUR", {"USD": 0.5}, ())
VENDOR = "com.snowplowanalytics.snowplow.ecommerce"
SCHEMAS = Path(__file__).parents[5] / "shared/data/tracking_payloads/snowplow_ecommerce_schemas"

SHOE = {
    "id": "shoe-1",
    "name": "Trail shoe",
    "category": "Woman/Shoes/Running",
    "brand": "Fleet",
    "price": 89.9,
    "list_price": 99.9,
    "quantity": 2,
    "size": "40",
    "variant": "red",
    "inventory_status": "in stock",
    "position": 3,
    "currency": "EUR",
    "creative_id": "hero",
}
SOCK = {"id": "sock-1", "category": "Woman/Socks", "price": 5, "currency": "EUR"}
CART = {"cart_id": "c1", "total_value": 89.9, "currency": "EUR"}
STEP = {"step": 1, "payment_method": "card"}
ORDER = {
    "transaction_id": "o-1",
    "revenue": 184.8,
    "currency": "EUR",
    "payment_method": "card",
    "total_quantity": 3,
    "discount_code": "RUN10",
    "discount_amount": 10.0,
}
REFUND = {"transaction_id": "o-1", "currency": "EUR", "refund_amount": 20.5, "refund_reason": "too small"}
BANNER = {"id": "run-10", "name": "Run!", "creative_id": "red", "position": 2, "slot": "top"}
HEAD = {
    "event_id": "9f6b7e0a-1111-4222-8333-123456789abc",
    "derived_tstamp": "2026-06-01T09:00:00.250Z",
    "collector_tstamp": "2026-06-01T09:00:01.000Z",
    "user_id": "ann",
    "domain_userid": "device-7",
    "br_lang": "de-DE",
    "os_timezone": "Europe/Berlin",
    "event": "unstruct",
}


def enriched(kind: str, name: str | None = None, **entities: Any) -> dict[str, Any]:
    """As the analytics SDKs write it: a column per schema."""
    prefix = "com_snowplowanalytics_snowplow_ecommerce"
    action = {"type": kind} if name is None else {"type": kind, "name": name}
    columns = {f"contexts_{prefix}_{entity}_1": [*data] for entity, data in entities.items()}
    return {**HEAD, f"unstruct_event_{prefix}_snowplow_ecommerce_action_1": action, **columns}


def iglu(name: str, data: Any, vendor: str = VENDOR, version: str = "1-0-0") -> dict[str, Any]:
    return {"schema": f"iglu:{vendor}/{name}/jsonschema/{version}", "data": data}


def general(name: str, data: Any) -> dict[str, Any]:
    return iglu(name, data, "com.snowplowanalytics.snowplow")


def self_describing(kind: str, **entities: Any) -> dict[str, Any]:
    """As Snowplow Micro shows it: Iglu addresses."""
    hung = [iglu(entity, item) for entity, data in entities.items() for item in data]
    action = iglu("snowplow_ecommerce_action", {"type": kind}, version="1-0-2")
    return {
        **HEAD,
        "unstruct_event": general("unstruct_event", action),
        "contexts": general("contexts", hung),
    }


def read(record: Any) -> list[ShopEvent | Skipped | DeadLetter]:
    """Return what the border makes of a record."""
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    seen: list[ShopEvent | Skipped | DeadLetter] = []
    for reading in snowplow.read(raw):
        if not isinstance(reading, Adapted):
            seen.append(reading)
            continue
        event = BORDER.read(json.dumps(reading.envelope).encode(), NOW)
        seen.append(reading.in_origin(event) if isinstance(event, DeadLetter) else event)
    return seen


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("product_view", EventName.PRODUCT_VIEWED),
        ("list_click", EventName.PRODUCT_CLICKED),
        ("add_to_cart", EventName.PRODUCT_ADDED),
        ("remove_from_cart", EventName.PRODUCT_REMOVED),
    ],
)
def test_an_action_on_a_product_is_our_event_about_it(kind: str, name: EventName) -> None:
    (event,) = read(enriched(kind, product=[SHOE], cart=[CART]))
    assert isinstance(event, ProductEvent)
    assert (event.name, event.product_id, event.title) == (name, "shoe-1", "Trail shoe")
    assert (event.category, event.brand, event.price) == ("Woman/Shoes/Running", "Fleet", 8990)
    assert event.quantity == (2 if name in (EventName.PRODUCT_ADDED, EventName.PRODUCT_REMOVED) else 1)
    envelope = event.envelope
    assert (envelope.shopper, envelope.known, envelope.at) == ("ann", True, 1_780_304_400_250)
    assert (envelope.message_id, envelope.locale) == (HEAD["event_id"], "de-DE")
    assert envelope.timezone == "Europe/Berlin"


def test_an_action_on_two_products_is_two_events_with_ids_of_their_own() -> None:
    shoe, sock = read(enriched("add_to_cart", product=[SHOE, SOCK], cart=[CART]))
    assert isinstance(shoe, ProductEvent)
    assert isinstance(sock, ProductEvent)
    assert (shoe.product_id, shoe.envelope.message_id) == ("shoe-1", HEAD["event_id"])
    assert (sock.product_id, sock.envelope.message_id) == ("sock-1", f"{HEAD['event_id']}-1")
    assert sock.quantity == 1


def test_lists_and_the_first_checkout_step_are_seen_and_later_steps_are_skipped() -> None:
    (seen,) = read(enriched("list_view", "shop the look", product=[SHOE, SOCK]))
    assert isinstance(seen, BrowseEvent)
    assert seen.name is EventName.LIST_VIEWED
    (begun,) = read(enriched("checkout_step", checkout_step=[STEP], cart=[CART]))
    assert isinstance(begun, BrowseEvent)
    assert begun.name is EventName.CHECKOUT_STARTED
    assert read(enriched("checkout_step", checkout_step=[{"step": 2}])) == [
        Skipped("checkout_step after the first")
    ]


def test_a_transaction_is_one_order_with_its_products_as_lines() -> None:
    (order,) = read(enriched("transaction", transaction=[ORDER], product=[SHOE, SOCK]))
    assert isinstance(order, OrderCompleted)
    assert (order.order_id, order.total, order.discounted) == ("o-1", 18480, True)
    assert [(line.product_id, line.quantity, line.price) for line in order.lines] == [
        ("shoe-1", 2, 8990),
        ("sock-1", 1, 500),
    ]


def test_a_line_in_another_currency_than_its_order_has_no_price() -> None:
    (order,) = read(enriched("transaction", transaction=[ORDER], product=[{**SOCK, "currency": "USD"}]))
    assert isinstance(order, OrderCompleted)
    assert order.lines[0].price is None


def test_a_refund_gives_its_amount_back() -> None:
    (refund,) = read(enriched("refund", refund=[REFUND], product=[SHOE]))
    assert isinstance(refund, OrderRefunded)
    assert (refund.order_id, refund.total) == ("o-1", 2050)


def test_promotions_seen_and_clicked_are_feedback() -> None:
    seen, other = read(enriched("promo_view", promotion=[BANNER, {"id": "other"}]))
    assert isinstance(seen, FeedbackEvent)
    assert isinstance(other, FeedbackEvent)
    assert (seen.name, seen.subject, seen.creative) == (EventName.PROMOTION_VIEWED, "run-10", "red")
    assert (other.subject, other.envelope.message_id) == ("other", f"{HEAD['event_id']}-1")
    (clicked,) = read(enriched("promo_click", promotion=[BANNER]))
    assert isinstance(clicked, FeedbackEvent)
    assert clicked.name is EventName.PROMOTION_CLICKED


def test_a_site_search_is_a_search_for_its_terms() -> None:
    column = "unstruct_event_com_snowplowanalytics_snowplow_site_search_1"
    (search,) = read({**HEAD, column: {"terms": ["red", "shoes"], "totalResults": 3}})
    assert isinstance(search, SearchEvent)
    assert search.query == "red shoes"


@pytest.mark.parametrize(
    ("kind", "entities"),
    [
        ("add_to_cart", {"product": [SHOE, SOCK], "cart": [CART]}),
        ("transaction", {"transaction": [ORDER], "product": [SHOE]}),
        ("refund", {"refund": [REFUND]}),
    ],
)
def test_all_shapes_say_the_same(kind: str, entities: dict[str, Any]) -> None:
    expected = read(enriched(kind, **entities))
    described = self_describing(kind, **entities)
    assert read(described) == expected
    texts = {
        field: json.dumps(described[field]) for field in ("unstruct_event", "contexts")
    }  # enriched TSV has them as text
    assert read({**HEAD, **texts}) == expected
    hit = {
        "e": "ue",
        "eid": HEAD["event_id"],
        "ttm": "1780304400250",
        "dtm": "1780304409999",
        "uid": "ann",
        "duid": "device-7",
        "lang": "de-DE",
        "tz": "Europe/Berlin",
    }
    plain = {**hit, "ue_pr": texts["unstruct_event"], "co": texts["contexts"]}
    coded = {
        **hit,
        "ue_px": base64.urlsafe_b64encode(texts["unstruct_event"].encode()).decode().rstrip("="),
        "cx": base64.urlsafe_b64encode(texts["contexts"].encode()).decode(),
    }
    payload = general("payload_data", [plain, coded])
    assert read(plain) == expected
    assert read(payload) == [*expected, *expected]


def test_columns_with_a_whole_version_in_their_name_are_read_too() -> None:
    record = {
        **HEAD,
        "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_0_2": {
            "type": "product_view"
        },
        "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1_0_0": [SHOE],
    }
    assert read(record) == read(enriched("product_view", product=[SHOE]))


def test_the_user_entity_names_the_user_unless_it_is_a_guest() -> None:
    anonymous = {**enriched("product_view", product=[SHOE]), "user_id": None}
    column = "contexts_com_snowplowanalytics_snowplow_ecommerce_user_1"
    (known,) = read({**anonymous, column: [{"id": "bob", "email": "b@example.org"}]})
    (guest,) = read({**anonymous, column: [{"id": "bob", "is_guest": True}]})
    assert isinstance(known, ProductEvent)
    assert isinstance(guest, ProductEvent)
    assert (known.envelope.shopper, known.envelope.known) == ("bob", True)
    assert (guest.envelope.shopper, guest.envelope.known) == ("device-7", False)


def test_a_phone_is_known_by_its_client_session() -> None:
    record = enriched("product_view", product=[SHOE])
    del record["user_id"], record["domain_userid"]
    column = "contexts_com_snowplowanalytics_snowplow_client_session_1"
    (event,) = read({**record, column: [{"userId": "phone-3", "sessionIndex": 1}]})
    assert isinstance(event, ProductEvent)
    assert event.envelope.shopper == "phone-3"


def test_times_as_bigquery_exports_them_are_read() -> None:
    record = {**enriched("product_view", product=[SHOE]), "derived_tstamp": "2026-06-01 09:00:00.25 UTC"}
    (event,) = read(record)
    assert isinstance(event, ProductEvent)
    assert event.envelope.at == 1_780_304_400_250


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (enriched("trns_error", transaction=[ORDER]), "trns_error"),
        (enriched("teleport"), "teleport"),
        ({**HEAD, "event": "page_view", "event_name": "page_view"}, "page_view"),
        ({"e": "pp", "eid": "x"}, "pp"),
        ({}, "no event"),
        (
            {
                **HEAD,
                "unstruct_event": general(
                    "unstruct_event", iglu("add_to_basket", {}, "com.example", "1-0-0")
                ),
            },
            "unstruct",
        ),
    ],
)
def test_what_is_no_event_for_us_is_skipped_by_its_name(record: dict[str, Any], kind: str) -> None:
    assert read(record) == [Skipped(kind)]


PRODUCTS = "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1"


@pytest.mark.parametrize(
    ("record", "reason", "field"),
    [
        (b"{", Rejection.NOT_JSON, ""),
        (b"[]", Rejection.WRONG_TYPE, ""),
        (b'{"a":"\xff"}', Rejection.NOT_JSON, ""),
        (enriched("product_view"), Rejection.MISSING_FIELD, "contexts.product"),
        (enriched("product_view", product=[{}]), Rejection.MISSING_FIELD, f"{PRODUCTS}[0].id"),
        (enriched("product_view", product=[3]), Rejection.WRONG_TYPE, f"{PRODUCTS}[0]"),
        (enriched("product_view", product=[{**SHOE, "id": "x" * 129}]), Rejection.BAD_VALUE, f"{PRODUCTS}[0].id"),
        (enriched("product_view", product=[{**SHOE, "price": -1}]), Rejection.BAD_VALUE, f"{PRODUCTS}[0].price"),
        (
            enriched("product_view", product=[{**SHOE, "currency": "SEK"}]),
            Rejection.BAD_VALUE,
            f"{PRODUCTS}[0].currency",
        ),
        (
            enriched("add_to_cart", product=[{**SHOE, "quantity": 0}]),
            Rejection.BAD_VALUE,
            f"{PRODUCTS}[0].quantity",
        ),
        (
            enriched("transaction", transaction=[ORDER], product=[SOCK, {**SOCK, "quantity": 1.5}]),
            Rejection.BAD_VALUE,
            f"{PRODUCTS}[1].quantity",
        ),
        (
            enriched("transaction", transaction=[{**ORDER, "revenue": None}], product=[SOCK]),
            Rejection.MISSING_FIELD,
            "contexts_com_snowplowanalytics_snowplow_ecommerce_transaction_1[0].revenue",
        ),
        (
            {**enriched("product_view", product=[SHOE]), "derived_tstamp": "yesterday"},
            Rejection.BAD_TIMESTAMP,
            "derived_tstamp",
        ),
        (
            {**enriched("product_view", product=[SHOE]), "event_id": None},
            Rejection.MISSING_FIELD,
            "event_id",
        ),
        (
            {**enriched("product_view", product=[SHOE]), "user_id": None, "domain_userid": None},
            Rejection.MISSING_FIELD,
            "user_id",
        ),
        (
            {**HEAD, "unstruct_event": general("unstruct_event", iglu("snowplow_ecommerce_action", {}, version="2-0-0"))},
            Rejection.UNSUPPORTED_VERSION,
            "unstruct_event.data.data",
        ),
        ({"ue_px": "%", "eid": "x"}, Rejection.NOT_JSON, "ue_px"),
        ({"ue_px": "abcde", "eid": "x"}, Rejection.BAD_VALUE, "ue_px"),
        ({"co": "{", "eid": "x"}, Rejection.NOT_JSON, "co"),
        (
            self_describing("refund", refund=[{**REFUND, "refund_amount": "much"}]),
            Rejection.WRONG_TYPE,
            "contexts.data[0].data.refund_amount",
        ),
    ],
)  # fmt: skip
def test_a_broken_record_is_a_dead_letter_with_the_path_that_the_tracker_knows(
    record: Any, reason: Rejection, field: str
) -> None:
    (letter,) = read(record)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.field) == (reason, field)


def test_reading_a_record_twice_gives_the_same_envelopes() -> None:
    record = json.dumps(enriched("add_to_cart", product=[SHOE, SOCK])).encode()
    assert snowplow.read(record) == snowplow.read(record)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["product_view", "transaction", "refund", "promo_view", "checkout_step"]), st.data())
def test_nothing_that_is_json_raises(kind: str, data: st.DataObject) -> None:
    record = enriched(kind, product=[SHOE], transaction=[ORDER], refund=[REFUND], promotion=[BANNER])
    for field in data.draw(st.lists(st.sampled_from(sorted(record)), min_size=1, max_size=3)):
        record[field] = data.draw(JSON)
    entity = data.draw(st.sampled_from([name for name in record if name.startswith("contexts")]))
    if isinstance(record[entity], list) and record[entity] and isinstance(record[entity][0], dict):
        record[entity] = [{**record[entity][0], **data.draw(st.dictionaries(st.sampled_from(["id", "price", "quantity", "revenue"]), JSON))}]  # fmt: skip
    outcomes = read(record)
    assert outcomes
    assert Rejection.PROCESSING_FAILED not in {o.reason for o in outcomes if isinstance(o, DeadLetter)}


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"Snowplow's own schemas are not here: {SCHEMAS}")
@pytest.mark.parametrize("name", ["product", "transaction", "refund", "promotion", "cart", "checkout_step"])
def test_our_payloads_are_what_snowplows_schemas_allow(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((SCHEMAS / f"{name}-1-0-0.json").read_text())
    schema.pop("$schema")  # Iglu's meta schema, which a validator does not know
    ours = {
        "product": [SHOE, SOCK],
        "transaction": [ORDER],
        "refund": [REFUND],
        "promotion": [BANNER],
        "cart": [CART],
        "checkout_step": [STEP],
    }[name]
    for payload in ours:
        # multipleOf 0.01 fails for binary floats such as 89.9; the types and names are what counts here
        text = json.dumps(schema).replace('"multipleOf": 0.01, ', "").replace(', "multipleOf": 0.01', "")
        jsonschema.Draft7Validator(json.loads(text)).validate(payload)


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"Snowplow's own schemas are not here: {SCHEMAS}")
def test_every_action_of_snowplows_newest_schema_is_known_or_knowingly_skipped() -> None:
    schema = json.loads((SCHEMAS / "snowplow_ecommerce_action-1-0-2.json").read_text())
    assert set(schema["properties"]["type"]["enum"]) - set(snowplow._ACTIONS) == {"trns_error"}

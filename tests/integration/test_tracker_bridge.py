"""The example bridge on a real Kafka: tracker records in, keyed events out, dead letters by the tracker's names."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from confluent_kafka import Consumer, Producer

from schemas.decode import Border
from tests.support.kafka import Topics

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/tracker_to_topics.py"
BODY = {
    "client_id": "device",
    "user_id": "ann",
    "events": [
        {"name": "view_item", "params": {"items": [{"item_id": "tee", "price": 10}]}},
        {"name": "page_view", "params": {}},
        {"name": "purchase", "params": {"items": [], "transaction_id": "T1", "value": 5, "currency": "USD"}},
        {"name": "add_to_cart", "params": {"items": [{"item_id": "tee", "price": -1}]}},
    ],
}


def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tracker_to_topics", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drain(servers: str, topic: str, count: int) -> list[Any]:
    consumer = Consumer(
        {"bootstrap.servers": servers, "group.id": f"{topic}-test", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    try:
        return consumer.consume(count, timeout=20)
    finally:
        consumer.close()


def test_a_measurement_protocol_body_becomes_events_on_their_topics(topics: Topics) -> None:
    (hits, *_) = topics.create("hits", "clicks", "purchases", "dead-letters", partitions=2)
    bridge_module = example()
    sender = Producer({"bootstrap.servers": topics.servers})
    sender.produce(hits, json.dumps(BODY).encode())
    sender.produce(hits, b"{")
    assert sender.flush(20) == 0
    consumer, producer = bridge_module.clients(topics.servers, f"{topics.prefix}bridge")
    consumer.subscribe([hits])
    bridge = bridge_module.Bridge(bridge_module.READERS["ga4"], Border("USD"), producer, topics.prefix)
    assert bridge_module.forward(consumer, bridge, producer, 2) == 2
    consumer.close()
    (click,) = drain(topics.servers, f"{topics.prefix}clicks", 1)
    (order,) = drain(topics.servers, f"{topics.prefix}purchases", 1)
    letters = drain(topics.servers, f"{topics.prefix}dead-letters", 2)
    assert (click.key(), json.loads(click.value())["event"]) == (b"ann", "Product Viewed")
    assert (order.key(), json.loads(order.value())["properties"]["order_id"]) == (b"ann", "T1")
    reasons = {(dict(letter.headers())["reason"], dict(letter.headers())["field"]) for letter in letters}
    assert reasons == {(b"bad_value", b"events[3].params.items[0].price"), (b"not_json", b"")}

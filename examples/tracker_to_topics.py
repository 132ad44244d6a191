"""Snowplow or GA4 records from a Kafka topic into Beckon's topics: an example to run, or to copy.

    python examples/tracker_to_topics.py snowplow enriched-json --servers localhost:9092

Reads JSON records as `schemas.adapters` knows them, writes events under their shopper's key, and what is
against a rule to `dead-letters`, with the field as the tracker calls it. Offsets are committed after the
events are acknowledged: a crash repeats events, and their messageIds, which Beckon applies once.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, Producer

from schemas.adapters import ga4, snowplow
from schemas.adapters.drafts import Adapted, Reading
from schemas.decode import Border
from schemas.events import DeadLetter, Skipped
from schemas.topics import topic_of
from streams.commands.common import settings_from
from streams.outputs import Origin, dead_letter_output

BATCH = 500
Read = Callable[[bytes, int], list[Reading]]
#: A Measurement Protocol body may name no time; then it happened when the broker got it.
READERS: dict[str, Read] = {
    "snowplow": lambda raw, _: snowplow.read(raw),
    "ga4": ga4.read,
}


class Bridge:
    """Turns records into events on the topics with `prefix`."""

    def __init__(self, read: Read, border: Border, producer: Producer, prefix: str) -> None:
        self._read = read
        self._border = border
        self._producer = producer
        self._prefix = prefix

    def take(self, message: Message) -> None:
        """Send what one record becomes."""
        raw, at = message.value() or b"", message.timestamp()[1]
        for reading in self._read(raw, at):
            letter = self._send(reading, at) if isinstance(reading, Adapted) else reading
            if isinstance(letter, DeadLetter):
                self._refuse(message, raw, at, letter)

    def _refuse(self, message: Message, raw: bytes, at: int, letter: DeadLetter) -> None:
        origin = Origin(message.topic() or "", message.partition() or 0, message.offset() or 0, at)
        out = dead_letter_output(letter, origin, message.key(), raw)
        headers: dict[str, str | bytes | None] = {**dict(out.headers)}
        self._producer.produce(self._prefix + out.topic, out.value, out.key, headers=headers)

    def _send(self, adapted: Adapted, at: int) -> DeadLetter | None:
        value = json.dumps(adapted.envelope).encode()
        event = self._border.read(value, at)
        if isinstance(event, DeadLetter):
            return adapted.in_origin(event)
        if not isinstance(event, Skipped):
            topic = self._prefix + topic_of(event.name).name
            self._producer.produce(topic, value, event.envelope.shopper.encode())
        return None


def forward(consumer: Consumer, bridge: Bridge, producer: Producer, records_max: float) -> int:
    """Forward records until `records_max` are done; return how many that were."""
    done = 0
    while done < records_max:
        messages = consumer.consume(BATCH, timeout=1.0)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            bridge.take(message)
        if messages:
            if producer.flush(30) > 0:
                raise SystemExit("the broker does not take events; nothing is committed")
            consumer.commit(asynchronous=False)
        done += len(messages)
    return done


def clients(servers: str, group: str) -> tuple[Consumer, Producer]:
    """Return a consumer that commits by hand, and a producer with the partitioner that Beckon needs."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    wanted: dict[str, Any] = {"partitioner": "murmur2_random", "enable.idempotence": True, "linger.ms": 5}
    return consumer, Producer({"bootstrap.servers": servers, **wanted})


def main() -> None:
    """Run until Ctrl-C."""
    flags = argparse.ArgumentParser(description="Tracker records into Beckon's topics.")
    flags.add_argument("tracker", choices=sorted(READERS))
    flags.add_argument("topic")
    flags.add_argument("--servers", default=None)
    flags.add_argument("--group", default="beckon-tracker-bridge")
    given = flags.parse_args()
    settings = settings_from(None, {"kafka.servers": given.servers})
    shop = settings.shop
    consumer, producer = clients(settings.kafka.servers, given.group)
    border = Border(shop.currency, shop.currency_rates, shop.traits)
    bridge = Bridge(READERS[given.tracker], border, producer, settings.topics.prefix)
    consumer.subscribe([given.topic])
    try:
        forward(consumer, bridge, producer, float("inf"))
    except KeyboardInterrupt:
        pass  # the usual way to end it
    finally:
        consumer.close()


if __name__ == "__main__":
    main()

"""Where simulated events go: a folder of JSON lines, or Kafka."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.errors import BrokerError, InputError
from streams.simulator import Event, Shop
from streams.simulator_goods import Product

SHOPPERS = "shoppers.jsonl"
CATALOG = "catalog.jsonl"
#: How long a last flush may take.
FLUSH_S = 10.0
_MARGIN_SHARE = 0.35
_SOLD_OUT_EVERY = 40


def write_truths(shop: Shop, folder: Path) -> None:
    """Write `shoppers.jsonl` (what is true about each shopper) and `catalog.jsonl` (what is sold)."""
    encode = msgspec.json.encode
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shoppers = b"".join(encode(shopper.truth()) + b"\n" for shopper in shop.shoppers)
        (folder / SHOPPERS).write_bytes(shoppers)
        catalog = b"".join(
            encode(_catalog_line(number, product)) + b"\n" for number, product in enumerate(shop.goods.all())
        )
        (folder / CATALOG).write_bytes(catalog)
    except OSError as error:
        raise _not_writable(folder, error) from None


def write_folder(shop: Shop, events: Iterable[Event], folder: Path) -> Counter[str]:
    """Write events as TOPIC.jsonl, with the truths beside them; return the number of events per topic."""
    counts: Counter[str] = Counter()
    write_truths(shop, folder)
    try:
        with ExitStack() as stack:
            topics = ("clicks", "purchases", "identities")
            files = {topic: stack.enter_context((folder / f"{topic}.jsonl").open("wb")) for topic in topics}
            for event in events:
                files[event.topic].write(event.value + b"\n")
                counts[event.topic] += 1
    except OSError as error:
        raise _not_writable(folder, error) from None
    return counts


class KafkaSink:
    """Sends events to their topics, keyed by shopper; counts what the broker took and what it did not."""

    def __init__(self, configuration: Mapping[str, str | int | float | bool], prefix: str) -> None:
        self.delivered = 0
        self.failed = 0
        self._problem = ""
        self._prefix = prefix
        self._producer = Producer(
            {
                **configuration,
                # The co-partitioned topics of the worker want Kafka's own partitioner, not librdkafka's.
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 2,
                "log_level": 2,
            },
            error_cb=self._note,
        )

    def send(self, event: Event) -> None:
        """Queue one event; waits where the queue is full."""
        key = event.key.encode()
        while True:
            try:
                self._producer.produce(self._prefix + event.topic, event.value, key, on_delivery=self._count)
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def poll(self) -> None:
        """Let the counts follow; call it now and then."""
        self._producer.poll(0)

    def close(self) -> None:
        """Wait for all deliveries; raise `BrokerError` if some events did not arrive."""
        missing = self._producer.flush(FLUSH_S)
        if self.failed or missing:
            problem = f"did not take {self.failed + missing} events ({self._problem or 'no answer'})"
            raise BrokerError(
                "kafka.servers", problem, "look whether the topics exist: `beckon topics check`"
            )

    def _count(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failed += 1
            self._problem = error.str()

    def _note(self, error: KafkaError) -> None:
        self._problem = error.str()
        if error.fatal():
            raise KafkaException(error)


class Pace:
    """How many events are due: a steady rate, measured on the caller's clock in seconds."""

    def __init__(self, rate: float, start_s: float) -> None:
        self._rate = rate
        self._start_s = start_s
        self._taken = 0

    def take(self, now_s: float) -> int:
        """Return how many events became due since the last call.

        >>> pace = Pace(rate=100, start_s=5.0)
        >>> pace.take(5.0), pace.take(5.5), pace.take(5.5)
        (0, 50, 0)
        """
        due = int((now_s - self._start_s) * self._rate) - self._taken
        self._taken += due
        return due


def _catalog_line(number: int, product: Product) -> dict[str, object]:
    return {
        "id": product.id,
        "title": product.title,
        "category": product.department,
        "brand": product.brand,
        "price": product.price,
        "currency": "USD",
        "stock": 0 if number % _SOLD_OUT_EVERY == 0 else 25,
        "margin": round(product.price * _MARGIN_SHARE, 2),
    }


def _not_writable(folder: Path, error: OSError) -> InputError:
    return InputError(str(folder), f"cannot be written ({error.strerror})", "give --out another folder")

"""What the generator of load knows of its own sends: acknowledged and where, or nobody can tell.

A send that failed or timed out is never "not sent": the broker may have written it and lost the answer.
"""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Producer

from tests.support.broker import Id
from tests.support.shopping import Sent

_AT_ONCE = 20
#: Sends are retried for so long; what a fault keeps away for longer becomes indeterminate.
DELIVERY_S = 60.0
#: Events that are sent after the fault: what has healed must take them too.
AFTER_FAULT = 200


class Ledger:
    """Every send by its outcome; `acked` by where the broker said that it lies."""

    def __init__(self) -> None:
        self.acked: dict[Id, Sent] = {}
        self.indeterminate: list[Sent] = []
        #: A careless shop takes these for sent, though it was told that they failed.
        self.unheeded: list[Sent] = []

    def done(self) -> int:
        """Return how many sends the shop takes for done."""
        return len(self.acked) + len(self.unheeded)


class Generator:
    """Sends so many events a second beside the block, until there are none or the block ends.

    After the block a few more are sent, and all have their outcome. A careless one gives up after a second, and
    takes for done what has failed.
    """

    def __init__(
        self,
        servers: str,
        prefix: str,
        events: Sequence[Sent],
        per_second: float,
        *,
        careless: bool = False,
        **options: object,
    ) -> None:
        self.ledger = Ledger()
        self.sent = 0
        self._events = events
        self._per_second = per_second
        self._careless = careless
        self._enough = threading.Event()
        self._prefix = prefix
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "delivery.timeout.ms": 1000 if careless else round(DELIVERY_S * 1000),
                "reconnect.backoff.max.ms": 500,
                "message.max.bytes": 2_000_000,
                "log_level": 0,
                **options,
            }
        )
        self._thread = threading.Thread(target=self._run, name="generator")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        self._thread.join(2 * DELIVERY_S)
        assert not self._thread.is_alive(), "the generator still waits for outcomes"

    def _run(self) -> None:
        started, left = time.monotonic(), AFTER_FAULT
        for number, event in enumerate(self._events):
            left -= self._enough.is_set()
            if left < 0:
                break
            self._send(event)
            if number % _AT_ONCE == 0:
                self._producer.poll(0)  # with a patience it would return as soon as it has called somebody
                time.sleep(max(0.0, started + number / self._per_second - time.monotonic()))
        self._producer.flush(2 * DELIVERY_S)

    def _send(self, event: Sent) -> None:
        def note(error: object, message: Any) -> None:
            if error is None:
                self.ledger.acked[Id(event.topic, message.partition(), message.offset())] = event
            elif self._careless:
                self.ledger.unheeded.append(event)
            else:
                self.ledger.indeterminate.append(event)

        self._producer.produce(self._prefix + event.topic, event.value, event.key.encode(), on_delivery=note)
        self.sent += 1

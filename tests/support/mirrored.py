"""A mirror in a thread of the test, and records for it: profiles and promotions made by hand."""

import threading
import time
from types import TracebackType
from typing import Self

import msgspec
from confluent_kafka import Producer

from schemas.codec import encode_profile
from schemas.decisions import Promotion, Trigger
from schemas.ids import ShopperId
from schemas.profiles import Profile
from schemas.topics import CHANGELOG, PROMOTIONS
from streams.mirror.run import Mirror
from streams.partitioner import partition_of
from streams.settings import Settings
from tests.support.workers import until

PARTITIONS = 2
READY_S = 30.0
HOUR_MS = 3_600_000


def now_ms() -> int:
    """The clock in ms."""
    return round(time.time() * 1000)


def profile(shopper: str, views: int = 1) -> bytes:
    """Return a stored profile that can be told from others by its views."""
    return encode_profile(Profile(ShopperId(shopper), views=views))


def offered(shopper: str, decision_id: str, *, at: int | None = None, valid_ms: int = HOUR_MS) -> bytes:
    """Return the value of a `promotion.offered`; `at` in ms."""
    at = now_ms() if at is None else at
    promotion = Promotion(
        type="promotion.offered",
        promotion_id="run-10",
        name="10 % off",
        creative=None,
        decision_id=decision_id,
        user_id=shopper,
        campaign_id="running",
        product_ids=(),
        coupon=None,
        copy=None,
        channels=("push",),
        not_before=at,
        deliver_before=at + valid_ms,
        expires_at=at + valid_ms,
        reasons=(),
        trigger=Trigger("Product Viewed", f"m-{decision_id}", at),
    )
    return msgspec.json.encode(promotion)


def revoked(shopper: str, decision_id: str) -> bytes:
    """Return the value of a `promotion.revoked`."""
    return msgspec.json.encode(
        {
            "type": "promotion.revoked",
            "decision_id": decision_id,
            "user_id": shopper,
            "reason": "consent_withdrawn",
        }
    )


class Log:
    """Writes what a worker would have written; each call returns once the broker has it."""

    def __init__(self, servers: str, prefix: str) -> None:
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 5, "log_level": 0})
        self._prefix = prefix

    def profiles(self, **values: bytes | None) -> None:
        """Write profiles by shopper; None erases."""
        for shopper, value in values.items():
            self._send(CHANGELOG.name, shopper, value)
        assert self._producer.flush(20) == 0

    def promotions(self, shopper: str, *values: bytes | None) -> None:
        """Write records about promotions of one shopper."""
        for value in values:
            self._send(PROMOTIONS.name, shopper, value)
        assert self._producer.flush(20) == 0

    def _send(self, topic: str, shopper: str, value: bytes | None) -> None:
        key = shopper.encode()
        # librdkafka takes None for an empty value: then the record is a tombstone.
        self._producer.produce(self._prefix + topic, value, key, partition_of(key, PARTITIONS))


class RunningMirror:
    """`Mirror.run` in a thread; use it in a `with`. What it raised is raised at the end."""

    def __init__(self, settings: Settings, *, refill: bool = False) -> None:
        self.mirror = Mirror(settings)
        self._error: Exception | None = None
        self._refill = refill
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mirror.stop()
        self._thread.join(READY_S)
        assert not self._thread.is_alive()
        if self._error is not None and error is None:
            raise self._error

    def wait_ready(self) -> None:
        """Wait until Redis has what Kafka has."""
        until(lambda: self.mirror.is_ready() or self._error is not None, READY_S, "the mirror is ready")

    def sample(self, name: str, **labels: str) -> float:
        """Return a metric of it."""
        return self.mirror.metrics.registry.get_sample_value(name, labels) or 0.0

    def _run(self) -> None:
        try:
            self.mirror.run(refill=self._refill)
        except Exception as error:  # noqa: BLE001 - handed to the test
            self._error = error

"""Reads what the worker writes, in a thread of its own, so that arrival times are true."""

import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.decisions import Promotion
from schemas.events import DeadLetter, Rejection
from schemas.topics import CHANGELOG, DEAD_LETTERS, DECISIONS, PROMOTIONS
from streams.demo.tally import Dead, Tally

_FOLLOWED = (PROMOTIONS, DECISIONS, DEAD_LETTERS, CHANGELOG)
_BATCH = 500
_WAIT_S = 0.02
_ASK_S = 5.0


class Follower:
    """Counts records into a tally; calls `on_promotion` for each new promotion, in the reader's thread.

    Use it in a `with`. `error` is set when reading failed for good.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        partitions: int,
        tally: Tally,
        on_promotion: Callable[[Promotion], None],
    ) -> None:
        self.error: Exception | None = None
        self._tally = tally
        self._on_promotion = on_promotion
        self._ending = Event()
        self._partitions = [TopicPartition(topic.name, n) for topic in _FOLLOWED for n in range(partitions)]
        #: Offset after the last counted record, by topic and partition.
        self._counted: dict[tuple[str, int], int] = {}
        reader = {
            **configuration,
            "group.id": "beckon-demo",  # asked for by the client; partitions are assigned by hand
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            # The embedded broker answers an empty fetch only when its time is over.
            "fetch.wait.max.ms": 10,
            "log_level": 2,
        }
        self._consumer = Consumer(reader)
        # A client of its own: a consumer that is being read from lets no other thread's call in.
        self._asker = Consumer(reader)
        self._thread = Thread(target=self._follow, name="demo-follower", daemon=True)

    def __enter__(self) -> Self:
        self._consumer.assign(
            [TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING) for tp in self._partitions]
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._consumer.close()
        self._asker.close()

    def is_at_end(self) -> bool:
        """Return whether everything that was written up to now has been counted."""
        for tp in self._partitions:
            _, high = self._asker.get_watermark_offsets(tp, timeout=_ASK_S)
            if self._counted.get((tp.topic, tp.partition), 0) < high:
                return False
        return True

    def _follow(self) -> None:
        try:
            while not self._ending.is_set():
                messages = self._consumer.consume(_BATCH, _WAIT_S)
                arrived_ms = time.time() * 1000
                for message in messages:
                    self._count(message, arrived_ms)
        except Exception as error:  # noqa: BLE001  the demo ends with it; a thread has nobody to raise to
            self.error = error

    def _count(self, message: Message, arrived_ms: float) -> None:
        problem = message.error()
        if problem is not None:
            if problem.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(problem)
            return
        topic, raw = message.topic(), message.value() or b""
        if topic == PROMOTIONS.name:
            promotion = self._tally.promotion(raw, arrived_ms)
            if promotion is not None:
                self._on_promotion(promotion)
        elif topic == DECISIONS.name:
            self._tally.decision(raw)
        elif topic == DEAD_LETTERS.name:
            self._tally.dead_letter(_dead(dict(message.headers() or ()), raw))
        elif raw:
            self._tally.profile(raw)
        self._note_position(message)

    def _note_position(self, message: Message) -> None:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        assert topic is not None and partition is not None and offset is not None, "a record that was read"
        self._counted[topic, partition] = offset + 1


def _dead(headers: Mapping[str, str | bytes | None], raw: bytes) -> Dead:
    """Read a dead letter as `streams.outputs` wrote it."""
    found = {name: value.decode() for name, value in headers.items() if isinstance(value, bytes)}
    letter = DeadLetter(Rejection(found["reason"]), found["field"], found["error"])
    return Dead(found["topic"], int(found["partition"]), int(found["offset"]), raw, letter)

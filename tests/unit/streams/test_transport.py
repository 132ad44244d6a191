"""Chunks and the scheduler that deals them; tests/property/test_scheduler.py plays any fetch."""

import inspect
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.producer import sender
from aiokafka.producer.transaction_manager import TransactionManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Producer
from faust.types import TP

from streams.chunk import Chunk
from streams.transport import scheduler
from tests.support.chunks import chunk


def test_a_chunk_looks_like_its_last_record() -> None:
    dealt = chunk("clicks", 3, [b"a", b"b", b"c"], first=40)
    assert (dealt.topic, dealt.partition, dealt.offset) == ("clicks", 3, 42)
    assert dealt.value is dealt
    assert dealt.key is None


def test_a_fetch_larger_than_a_chunk_is_dealt_in_turns() -> None:
    many, few = chunk("clicks", 0, [b"x"] * 5).records, chunk("purchases", 0, [b"x"]).records
    clicks, purchases = TP("clicks", 0), TP("purchases", 0)
    dealt = [(tp, len(one.records)) for tp, one in scheduler(2)().iterate({clicks: many, purchases: few})]
    assert dealt == [(clicks, 2), (purchases, 1), (clicks, 2), (clicks, 1)]
    assert all(isinstance(one, Chunk) for _, one in scheduler(2)().iterate({clicks: many}))


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (Consumer, "on_partitions_revoked on_partitions_assigned _add_gap _wait_next_records"),
        (Consumer, "_filter_tps_with_pending_acks on_buffer_full on_buffer_drop"),
        (
            AIOKafkaConsumerThread,
            "_create_worker_consumer _fetch_records _seek_wait seek_to_committed _ensure_consumer",
        ),
        (Producer, "_settings_extra"),
        (Recovery, "_restart_recovery _slurp_changelogs on_recovery_completed _set_recovery_started _wait"),
        (TransactionManager, "producer_id producer_epoch"),
        (sender, "BACKOFF_OVERRIDE"),
    ],
)
def test_what_we_override_is_still_there(owner: Any, names: str) -> None:
    # Private names of pinned packages: an upgrade that renames one must fail here, not in production.
    for name in names.split():
        assert hasattr(owner, name), f"{owner.__name__}.{name} is gone"


def test_the_settings_that_we_reach_into_are_still_there() -> None:
    assert "fetch_max_wait_ms" in inspect.signature(AIOKafkaConsumer).parameters
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "self._isolation_level = isolation_level" in inspect.getsource(AIOKafkaConsumer.__init__)
    assert "self._position =" in inspect.getsource(TopicPartitionState.__init__)

"""The records that leave a worker, and how they are sent: by the batch, each one acknowledged."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.decisions import Decision, Promotion, Revocation
from schemas.events import DeadLetter
from schemas.timestamps import iso_utc
from schemas.topics import DEAD_LETTERS, DECISIONS, PROMOTIONS, Topic
from streams.records import decision_json, promotion_json, revocation_json

Headers = list[tuple[str, bytes]]

#: What Kafka takes in one record, by the brokers' default (1 MiB) less room for key and headers.
VALUE_BYTES_MAX = 900_000
#: A key is a shopper's id; a longer one is somebody's mistake, and only its beginning is kept.
KEY_BYTES_MAX = 10_000
ERROR_CHARACTERS_MAX = 200
#: What a producer sends at once.
BATCH_BYTES = 1_000_000
REQUEST_BYTES = BATCH_BYTES + 40_000


class Output(NamedTuple):
    """One record to be sent. `topic` is the name without prefix."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class OversizeError(Exception):
    """A record that Kafka would not take; its event becomes a dead letter."""


class Origin(NamedTuple):
    """Where a record was first read, and the broker's time there in ms."""

    topic: str
    partition: int
    offset: int
    broker_ms: int


def promotion_output(promotion: Promotion, now: int, partition: int) -> Output:
    """Return the record of a promotion, with CloudEvents 1.0 headers (Kafka binding, binary mode)."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": promotion.decision_id,
        "ce_source": f"/beckon/campaigns/{promotion.campaign_id}",
        "ce_type": promotion.type,
        "ce_subject": promotion.user_id,
        "ce_time": iso_utc(now),
        "ce_dataschema": "urn:beckon:schema:promotion:1",
        "content-type": "application/json",
    }
    return _output(PROMOTIONS, partition, promotion.user_id, promotion_json(promotion), _headers(headers))


def revocation_output(revocation: Revocation, partition: int) -> Output:
    """Return the record that takes a promotion back, with CloudEvents headers; `partition` is its shopper's."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"{revocation.decision_id}-revoked",  # source and id together name one event
        "ce_source": f"/beckon/campaigns/{revocation.campaign_id}",
        "ce_type": revocation.type,
        "ce_subject": revocation.user_id,
        "ce_time": iso_utc(revocation.at),
        "ce_dataschema": "urn:beckon:schema:promotion:1",
        "content-type": "application/json",
    }
    return _output(PROMOTIONS, partition, revocation.user_id, revocation_json(revocation), _headers(headers))


def decision_output(decision: Decision, partition: int) -> Output:
    """Return the record of a decision."""
    return _output(DECISIONS, partition, decision.user_id, decision_json(decision), [])


def dead_letter_output(letter: DeadLetter, origin: Origin, key: bytes | None, value: bytes | None) -> Output:
    """Return the record of a dead letter: original key and bytes, and why in the headers.

    Key and value are cut where they would not fit; headers then say how long they were.
    """
    headers = {
        "reason": letter.reason.value,
        "field": letter.field,
        "error": letter.detail[:ERROR_CHARACTERS_MAX],
        "topic": origin.topic,
        "partition": str(origin.partition),
        "offset": str(origin.offset),
    }
    if value is not None and len(value) > VALUE_BYTES_MAX:
        headers |= {"original_bytes": str(len(value)), "original_sha256": sha256(value).hexdigest()}
        value = value[:VALUE_BYTES_MAX]
    if key is not None and len(key) > KEY_BYTES_MAX:
        headers["key_bytes"] = str(len(key))
        key = key[:KEY_BYTES_MAX]
    if key is None and value is None:
        value = b""  # Kafka's client takes no record of nothing
    return Output(DEAD_LETTERS.name, origin.partition, key, value, _headers(headers))


async def send(producer: Any, prefix: str, outputs: Iterable[Output]) -> list[Any]:
    """Send through aiokafka and return once every record is acknowledged: the answers, one per batch."""
    grouped: dict[tuple[str, int], list[Output]] = {}
    for output in outputs:
        grouped.setdefault((output.topic, output.partition), []).append(output)
    futures = []
    for (topic, partition), group in grouped.items():
        futures += [
            await producer.send_batch(batch, prefix + topic, partition=partition)
            for batch in _batches(producer, group)
        ]
    return [await future for future in futures]


def _batches(producer: Any, outputs: list[Output]) -> Iterable[Any]:
    batch = producer.create_batch()
    for _, _, key, value, headers in outputs:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
    batch.close()
    yield batch


def _output(topic: Topic, partition: int, shopper: str, value: bytes, headers: Headers) -> Output:
    if len(value) > VALUE_BYTES_MAX:
        raise OversizeError(
            f"a record for {topic.name} has {len(value)} bytes, at most {VALUE_BYTES_MAX} fit"
        )
    return Output(topic.name, partition, shopper.encode(), value, headers)


def _headers(values: dict[str, str]) -> Headers:
    return [(name, value.encode("utf-8", "replace")) for name, value in values.items()]

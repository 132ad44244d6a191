"""What a batch sends, and in which order: outputs first, acknowledged; then the changelog.

A profile carries the offsets that it holds, so once it is durable a replay skips its events: a decision that was
not durable before would be lost. Hence the order.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from schemas.decisions import Promotion
from schemas.events import DeadLetter
from schemas.timestamps import iso_utc
from streams.records import promotion_json

Headers = list[tuple[str, bytes]]

#: A dead letter keeps this much of its original, so that it fits with its headers where the original did.
ORIGINAL_BYTES_MAX = 900_000
ERROR_CHARACTERS_MAX = 200


class Output(NamedTuple):
    """One record to be sent. `topic` is the name without prefix."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


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
    key = promotion.user_id.encode()
    return Output("promotions", partition, key, promotion_json(promotion), _headers(headers))


def dead_letter_output(letter: DeadLetter, origin: Origin, key: bytes | None, value: bytes | None) -> Output:
    """Return the record of a dead letter: original key and bytes, and why in the headers."""
    headers = {
        "reason": letter.reason.value,
        "field": letter.field,
        "error": letter.detail[:ERROR_CHARACTERS_MAX],
        "topic": origin.topic,
        "partition": str(origin.partition),
        "offset": str(origin.offset),
    }
    if value is not None and len(value) > ORIGINAL_BYTES_MAX:
        headers |= {"original_bytes": str(len(value)), "original_sha256": sha256(value).hexdigest()}
        value = value[:ORIGINAL_BYTES_MAX]
    if key is None and value is None:
        value = b""  # Kafka's client takes no record of nothing
    return Output("dead-letters", origin.partition, key, value, _headers(headers))


async def send(producer: Any, prefix: str, outputs: Iterable[Output]) -> list[Any]:
    """Send through aiokafka and return once every record is acknowledged: the answers, one per batch."""
    grouped: dict[tuple[str, int], list[Output]] = {}
    for output in outputs:
        grouped.setdefault((output.topic, output.partition), []).append(output)
    futures = []
    for (topic, partition), group in grouped.items():
        for batch in _batches(producer, group):
            futures.append(await producer.send_batch(batch, prefix + topic, partition=partition))
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


def _headers(values: dict[str, str]) -> Headers:
    return [(name, value.encode("utf-8", "replace")) for name, value in values.items()]

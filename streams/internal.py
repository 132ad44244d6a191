"""Records on `beckon.internal`: today strays, sent to the partition of their shopper.

The value is the original's bytes; headers say where it was first read and which time the broker gave it.
"""

from typing import Any

from schemas.ids import ShopperId
from schemas.topics import INTERNAL
from streams.outputs import Origin, Output
from streams.partitioner import partition_of


def stray_output(shopper: ShopperId, value: bytes, origin: Origin, partitions: int) -> Output:
    """Return an event under its right key, for its home partition."""
    key = shopper.encode()
    headers = [
        ("kind", b"stray"),
        ("topic", origin.topic.encode()),
        ("partition", str(origin.partition).encode()),
        ("offset", str(origin.offset).encode()),
        ("broker_ms", str(origin.broker_ms).encode()),
    ]
    return Output(INTERNAL.name, partition_of(key, partitions), key, value, headers)


def origin_of(record: Any) -> Origin:
    """Return where a record of `beckon.internal` was first read; itself, if somebody else wrote it."""
    found = dict(record.headers)
    try:
        return Origin(
            found["topic"].decode(), int(found["partition"]), int(found["offset"]), int(found["broker_ms"])
        )
    except (KeyError, ValueError, AttributeError):
        return Origin(record.topic, record.partition, record.offset, record.timestamp)

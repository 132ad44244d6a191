"""What a lane is handed: consecutive records of one partition, as one object."""

from collections.abc import Sequence
from typing import Any

from streams.acks import Delivery

#: A topic's full name and a partition of it.
Source = tuple[str, int]


class Chunk:
    """Consecutive records of one partition, dressed as one record; `offset` is that of the last one."""

    __slots__ = (
        "behind",
        "delivery",
        "offset",
        "partition",
        "records",
        "timestamp",
        "timestamp_type",
        "topic",
    )

    key = None
    headers: Sequence[tuple[str, bytes]] = ()
    checksum = None
    serialized_key_size = 0
    serialized_value_size = 0

    def __init__(self, source: Source, records: list[Any]) -> None:
        last = records[-1]
        self.topic, self.partition = source
        self.offset: int = last.offset
        self.timestamp: int = last.timestamp
        self.timestamp_type: int = last.timestamp_type
        self.records = records
        self.delivery: Delivery | None = None
        #: Records that the broker holds behind this chunk; 0: we are caught up.
        self.behind = 0

    @property
    def source(self) -> Source:
        """The partition that it was read from."""
        return self.topic, self.partition

    @property
    def value(self) -> "Chunk":
        """The chunk is its own value: nothing is decoded before it reaches its lane."""
        return self

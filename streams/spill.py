"""What does not fit the memory: events in buckets by shopper, and sorted runs that are merged at the end.

A bucket is one file per process that wrote to it; each event stands in it with its place in the input, so that
reading puts the pieces back into the order of the files, whoever wrote them.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import itemgetter
from pathlib import Path
from struct import Struct as Packing
from typing import BinaryIO, get_args
from zlib import crc32

import msgspec

from schemas.events import ShopEvent
from schemas.ids import ShopperId

#: An event of the input: its place (source and line), and the event.
Placed = tuple[int, ShopEvent]
#: One record of a run: what it is sorted by, and its line.
Keyed = tuple[bytes, bytes]
#: A bucket's events wait in memory up to this size; there are at most `BUCKETS_MAX` buckets.
BUFFER_BYTES = 1 << 16
BUCKETS_MAX = 256

_KINDS: tuple[type, ...] = get_args(ShopEvent)
_KIND_OF = {kind: number for number, kind in enumerate(_KINDS)}
_DECODERS: tuple[Callable[[memoryview], ShopEvent], ...] = tuple(
    msgspec.msgpack.Decoder(kind).decode for kind in _KINDS
)
_encode = msgspec.msgpack.Encoder().encode
_EVENT = Packing("<IBQ")
_RECORD = Packing("<II")
_RUN_BUFFER_BYTES = 1 << 16


def bucket_of(key: ShopperId, buckets: int) -> int:
    """Return the bucket of a key: the same in every process and in every run."""
    return crc32(key.encode()) % buckets


class Memory:
    """Events of one process, in one bucket that is never written."""

    def __init__(self) -> None:
        self._events: list[Placed] = []

    def add(self, place: int, event: ShopEvent) -> None:
        """Keep an event."""
        self._events.append((place, event))

    def flush(self) -> None:
        """Do nothing: nothing waits."""

    def read(self, _: int) -> list[Placed]:
        """Hand over all events, in the order of the input."""
        events, self._events = self._events, []
        return events


class Buckets:
    """Events in files under `folder`, spread over `count` buckets by a hash of their key.

    Several processes may add to the same buckets, once each; all have to flush before one reads.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self._folder = folder
        self._count = count
        self._buffers = [bytearray() for _ in range(count)]

    def add(self, place: int, event: ShopEvent) -> None:
        """Keep an event in the bucket of its key."""
        self.put(bucket_of(event.envelope.shopper, self._count), place, event)

    def put(self, bucket: int, place: int, event: ShopEvent) -> None:
        """Keep an event in a bucket."""
        buffer = self._buffers[bucket]
        body = _encode(event)
        buffer += _EVENT.pack(len(body), _KIND_OF[type(event)], place)
        buffer += body
        if len(buffer) > BUFFER_BYTES:
            self._write(bucket)

    def flush(self) -> None:
        """Write what waits in memory; before that, other processes do not see it."""
        for number, buffer in enumerate(self._buffers):
            if buffer:
                self._write(number)

    def read(self, bucket: int) -> list[Placed]:
        """Hand over a bucket's events, in the order of the input."""
        found: list[Placed] = []
        for path in self._folder.glob(f"events-{bucket}-*"):
            found += _placed(path.read_bytes())
        found.sort(key=itemgetter(0))
        return found

    def _write(self, number: int) -> None:
        # Each process has files of its own.
        with (self._folder / f"events-{number}-{os.getpid()}").open("ab") as file:
            file.write(self._buffers[number])
        self._buffers[number].clear()


def _placed(content: bytes) -> Iterator[Placed]:
    view, at, end = memoryview(content), 0, len(content)
    unpack, header = _EVENT.unpack_from, _EVENT.size
    while at < end:
        length, kind, place = unpack(view, at)
        at += header
        yield place, _DECODERS[kind](view[at : at + length])
        at += length


def write_run(path: Path, records: Iterable[Keyed]) -> None:
    """Write records, which are sorted by their key."""
    with path.open("wb", _RUN_BUFFER_BYTES) as file:
        for key, line in records:
            file.write(_RECORD.pack(len(key), len(line)) + key + line)


def merge_runs(paths: Iterable[Path], out: BinaryIO) -> None:
    """Write the lines of sorted runs in the order of their keys; equal keys in the order of the runs."""
    out.writelines(line for _, line in merge(*map(_run, paths), key=itemgetter(0)))


def _run(path: Path) -> Iterator[Keyed]:
    unpack, header = _RECORD.unpack, _RECORD.size
    with path.open("rb", _RUN_BUFFER_BYTES) as file:
        while head := file.read(header):
            key_length, line_length = unpack(head)
            yield file.read(key_length), file.read(line_length)

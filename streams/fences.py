"""The transactional producers: one per partition number, and each new one fences those before it.

The id of a producer is tied to the number, never to the worker. So whoever initialises it last owns the number:
the broker finishes what its forerunner has committed, undoes what it has not, and refuses whatever it sends
later. It is done at every assignment before anything is read, for numbers that we keep too, since offsets are
only sure to be up to date after it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    IllegalOperation,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    KafkaError,
    ProducerFenced,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.producer import sender
from aiokafka.structs import TopicPartition

from schemas.errors import BeckonError
from streams.chunk import Source
from streams.clients import aiokafka_config
from streams.outputs import BATCH_BYTES, REQUEST_BYTES, Output, send
from streams.settings import KafkaSettings

#: The broker undoes a transaction that is open for longer. It is only open while it is being written, so this
#: bounds how long readers wait for a lane that died and found no successor.
TRANSACTION_S = 30.0
_REQUEST_MS = 40_000
_RETRY_MS = 10
# The broker finishes a transaction after it has said so; the client asks again every 20 ms whether the next may begin.
sender.BACKOFF_OVERRIDE = 0.002

_FENCED = (
    ProducerFenced,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
    IllegalOperation,
    AssertionError,  # the client's answer to any use after it was fenced
)


class Epoch(NamedTuple):
    """Which producer of an id this is: the broker counts them."""

    producer: int
    number: int

    def next(self) -> "Epoch":
        """Return the epoch of the producer that comes right after this one."""
        return Epoch(self.producer, self.number + 1)


class Transaction:
    """The `Log` of one lane on a real broker."""

    def __init__(self, number: int, producer: AIOKafkaProducer, prefix: str, group: str) -> None:
        self._number = number
        self._producer = producer
        self._prefix = prefix
        self._group = group

    @property
    def epoch(self) -> Epoch:
        """Its place among the producers of this number."""
        manager: Any = self._producer._txn_manager
        return Epoch(manager.producer_id, manager.producer_epoch)

    async def begin(self) -> None:
        """Open a transaction; the broker hears of it with the first record."""
        with _in_words(self._number):
            await self._producer.begin_transaction()

    async def send(self, outputs: Sequence[Output], changelog: Sequence[Output]) -> None:
        """Write records, and return once each is acknowledged."""
        with _in_words(self._number):
            await send(self._producer, self._prefix, [*outputs, *changelog])

    async def offsets(self, offsets: Mapping[Source, int]) -> None:
        """Commit source offsets of the group with the transaction."""
        with _in_words(self._number):
            named = {TopicPartition(*source): offset for source, offset in offsets.items()}
            await self._producer.send_offsets_to_transaction(named, self._group)

    async def commit(self) -> None:
        """Commit it all."""
        with _in_words(self._number):
            await self._producer.commit_transaction()

    async def close(self) -> None:
        """Let go of the broker."""
        await self._producer.stop()


class Fences:
    """The producers of all partition numbers that are ours."""

    def __init__(self, kafka: KafkaSettings, prefix: str, group: str) -> None:
        self._config = aiokafka_config(kafka)
        self._prefix = prefix
        self._group = group
        self._open: dict[int, Transaction] = {}
        #: All that has to be closed: a `take` that is cancelled by the next assignment leaves some behind.
        self._started: list[Transaction] = []

    async def take(self, numbers: Iterable[int]) -> tuple[dict[int, Transaction], set[int]]:
        """Fence whoever had these numbers; return their logs, and the numbers that nobody had but us.

        Raise `BeckonError` where we may not, or no broker answers.
        """
        before, self._open = self._open, {}
        await asyncio.gather(*(old.close() for old in self._started))
        self._started.clear()
        ordered = sorted(numbers)
        logs = await asyncio.gather(*(self._start(number) for number in ordered))
        self._open = dict(zip(ordered, logs, strict=True))
        ours = {
            number
            for number, log in self._open.items()
            if number in before and log.epoch == before[number].epoch.next()
        }
        return self._open, ours

    async def close(self) -> None:
        """Let go of all numbers."""
        await self.take(())

    def _producer(self, number: int) -> Any:
        """Return the client that writes for a number, not started."""
        return AIOKafkaProducer(
            **self._config,
            transactional_id=f"{self._group}-p{number}",
            transaction_timeout_ms=round(TRANSACTION_S * 1000),
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=_REQUEST_MS,
            retry_backoff_ms=_RETRY_MS,
        )

    async def _start(self, number: int) -> Transaction:
        producer = self._producer(number)
        try:
            with _in_words(number):
                await producer.start()
        except BaseException:  # cancelled too: the next assignment has come
            await producer.stop()
            raise
        started = Transaction(number, producer, self._prefix, self._group)
        self._started.append(started)
        return started


@contextmanager
def _in_words(number: int) -> Iterator[None]:
    """Turn what the client says into one line. It has many words for having been fenced."""
    try:
        yield
    except TransactionalIdAuthorizationFailed:
        raise BeckonError(
            f"lane {number}",
            "may not use its transactional id",
            "allow Write and Describe on transactional ids that begin with the group's name",
        ) from None
    except _FENCED as error:
        raise BeckonError(
            f"lane {number}",
            f"was fenced ({type(error).__name__}): another worker has its partitions, "
            f"or a transaction took longer than {TRANSACTION_S:g} s",
            "nothing is lost: start it again",
        ) from None
    except KafkaError as error:
        raise BeckonError(
            f"lane {number}",
            f"could not write: {type(error).__name__}: {error}",
            "what was begun is undone; look at the brokers and start it again",
        ) from None

"""Profiles and decisions as the topics hold them: read from their start, once, with nobody's offsets moved."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from schemas.codec import decode_profile
from schemas.decisions import Decision
from schemas.errors import TopicError
from schemas.ids import digest_of
from schemas.topics import CHANGELOG, DECISIONS, Topic
from streams.archive import NotFoundError, Wanted, as_written
from streams.clients import confluent_config, no_broker, partition_counts
from streams.partitioner import partition_of
from streams.records import profile_json
from streams.settings import KafkaSettings

_BATCH = 1000
#: The client waits so long for a batch to be full, even when it holds some.
_WAIT_S = 0.05
_decision_of = msgspec.json.Decoder(Decision).decode


class TopicArchive:
    """Reads the changelog and the decisions; profiles are seen from each shopper's newest event."""

    def __init__(self, kafka: KafkaSettings, prefix: str, policy: ProfilePolicy) -> None:
        self._kafka = kafka
        self._prefix = prefix
        self._policy = policy
        self._counts = partition_counts(kafka)

    @property
    def name(self) -> str:
        return f"the topics at {self._kafka.servers}"

    def profile(self, user: str) -> bytes | None:
        """Return the newest value under the shopper's key, of its home partition."""
        key, newest = user.encode("utf-8", "replace"), None
        home = partition_of(key, self._partitions(CHANGELOG))
        for message in self._messages(CHANGELOG, [home]):
            if message.key() == key:
                newest = message.value()
        if not newest:
            return None
        profile = decode_profile(newest)
        return profile_json(profile_line(profile, profile.last_seen, self._policy))

    def nobody(self, user: str) -> NotFoundError:
        return NotFoundError(f"shopper {user}", f"is not in {self.name}", "ids are compared letter by letter")

    def decisions(self, needle: str, wanted: Wanted) -> list[Decision]:
        """Return the wanted decisions of all partitions; a worker that restarted may have said one twice."""
        part, found = as_written(needle), dict[tuple[str, str], Decision]()
        for message in self._messages(DECISIONS, range(self._partitions(DECISIONS))):
            raw = message.value() or b""
            if part in raw:
                decision = _read(raw, message)
                if wanted(decision):
                    found.setdefault((decision.user_id, decision.trigger.message_id), decision)
        return sorted(found.values(), key=_place)

    def _partitions(self, topic: Topic) -> int:
        name = self._prefix + topic.name
        if name not in self._counts:
            raise TopicError(
                f"topic {name}", "does not exist", "run `beckon topics apply`, or set topics.prefix"
            )
        return self._counts[name]

    def _messages(self, topic: Topic, partitions: Any) -> Iterator[Message]:
        """Yield all that is committed in some partitions now, up to their ends."""
        consumer = Consumer(
            {
                **confluent_config(self._kafka),
                "group.id": "beckon-archive",  # asked for by the client; partitions are assigned by hand
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        left = {*partitions}
        name = self._prefix + topic.name
        try:
            consumer.assign([TopicPartition(name, partition, OFFSET_BEGINNING) for partition in left])
            silent_until = monotonic() + self._kafka.connect_timeout_s
            while left:
                messages = consumer.consume(_BATCH, _WAIT_S)
                if messages:
                    silent_until = monotonic() + self._kafka.connect_timeout_s
                elif monotonic() > silent_until:
                    raise no_broker(self._kafka, f"{name} stays silent")
                for message in messages:
                    problem = message.error()
                    if problem is None:
                        yield message
                    elif problem.code() == KafkaError._PARTITION_EOF:
                        left.discard(message.partition())
                    else:
                        raise no_broker(self._kafka, problem.str())
        finally:
            consumer.close()


def _read(raw: bytes, message: Message) -> Decision:
    try:
        return _decision_of(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        where = f"{message.topic()}-{message.partition()} at {message.offset()}"
        raise TopicError(where, f"holds no decision ({error})", "see who writes to this topic") from None


def _place(decision: Decision) -> tuple[int, int, str]:
    return decision.trigger.at, digest_of(decision.trigger.message_id), decision.user_id

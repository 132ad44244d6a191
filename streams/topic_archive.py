"""Profiles and decisions as the topics hold them: read from their start, once, with nobody's offsets moved."""

from collections.abc import Iterator

import msgspec
from confluent_kafka import Message

from processors.policy import ProfilePolicy
from processors.profile_page import profile_line
from schemas.codec import decode_profile
from schemas.decisions import Decision
from schemas.errors import TopicError
from schemas.ids import digest_of
from schemas.profiles import Profile
from schemas.topics import CHANGELOG, DECISIONS
from streams.archive import NotFoundError, Wanted, as_written
from streams.partitioner import partition_of
from streams.records import profile_json
from streams.settings import KafkaSettings
from streams.topic_reader import TopicReader

_decision_of = msgspec.json.Decoder(Decision).decode


class TopicArchive:
    """Reads the changelog and the decisions; profiles are seen from each shopper's newest event."""

    def __init__(self, kafka: KafkaSettings, prefix: str, policy: ProfilePolicy) -> None:
        self.reader = TopicReader(kafka, prefix)
        self._policy = policy

    @property
    def name(self) -> str:
        return f"the topics at {self.reader.kafka.servers}"

    def profile(self, user: str) -> bytes | None:
        profile = self.state(user)
        if profile is None:
            return None
        return profile_json(profile_line(profile, profile.last_seen, self._policy))

    def state(self, user: str) -> Profile | None:
        """Return what the newest value under the shopper's key holds, of its home partition."""
        key, newest = user.encode("utf-8", "replace"), None
        home = partition_of(key, self.reader.partitions(CHANGELOG))
        for message in self.reader.messages(CHANGELOG, [home]):
            if message.key() == key:
                newest = message.value()
        return decode_profile(newest) if newest else None

    def stored(self) -> Iterator[Profile]:
        """Yield every profile, moved ones too; the newest values of one partition at a time are held in memory."""
        for partition in range(self.reader.partitions(CHANGELOG)):
            newest: dict[bytes | None, bytes | None] = {}
            for message in self.reader.messages(CHANGELOG, [partition]):
                newest[message.key()] = message.value()
            yield from (decode_profile(raw) for raw in newest.values() if raw)

    def nobody(self, user: str) -> NotFoundError:
        return NotFoundError(f"shopper {user}", f"is not in {self.name}", "ids are compared letter by letter")

    def decisions(self, needle: str, wanted: Wanted) -> list[Decision]:
        """Return the wanted decisions of all partitions; a worker that restarted may have said one twice."""
        part, found = as_written(needle), dict[tuple[str, str], Decision]()
        for message in self.reader.messages(DECISIONS):
            raw = message.value() or b""
            if part in raw:
                decision = _read(raw, message)
                if wanted(decision):
                    found.setdefault((decision.user_id, decision.trigger.message_id), decision)
        return sorted(found.values(), key=_place)


def _read(raw: bytes, message: Message) -> Decision:
    try:
        return _decision_of(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        where = f"{message.topic()}-{message.partition()} at {message.offset()}"
        raise TopicError(where, f"holds no decision ({error})", "see who writes to this topic") from None


def _place(decision: Decision) -> tuple[int, int, str]:
    return decision.trigger.at, digest_of(decision.trigger.message_id), decision.user_id

"""Dead letters, looked at, mended and sent again. A letter stays in its topic whatever is done here.

A letter on paper is one JSON object a line: whoever mends it edits `value` and gives the file back.
"""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec
from confluent_kafka import KafkaException, Producer
from msgspec import Struct

from schemas.decode import Border
from schemas.errors import BrokerError, InputError
from schemas.events import DeadLetter, ShopEvent, Skipped
from schemas.topics import DEAD_LETTERS, INTERNAL, SOURCES
from streams import replay_folder
from streams.clients import confluent_config, partition_counts
from streams.partitioner import partition_of
from streams.settings import KafkaSettings
from streams.sources import HugeLine, lines_of
from streams.topic_reader import TopicReader

#: The header of an event that was sent again: the id of its letter.
SENT_AGAIN = "dead_letter"
_FLUSH_S = 30.0
_MISSING = b""


class Letter(Struct, frozen=True):
    """One letter. `topic`, `partition`, `offset` (or line) say where its event was read; `at` when it came, in ms.

    `value` is the event as text; where it is none, `value_base64` has its bytes. `cut`: only its beginning is left.
    """

    id: str
    reason: str
    field: str = ""
    error: str = ""
    topic: str = ""
    partition: int = 0
    offset: int = 0
    at: int = 0
    key: str | None = None
    value: str | None = None
    value_base64: str | None = None
    cut: bool = False

    def raw(self) -> bytes | None:
        """Return the bytes of the event; None where it had none."""
        if self.value is not None:
            return self.value.encode()
        return None if self.value_base64 is None else b64decode(self.value_base64)


class _Line(Struct):
    """A line of a replay's dead_letters.jsonl."""

    source: str
    line: int
    reason: str
    field: str
    raw: str


_line_of = msgspec.json.Decoder(_Line).decode
_letter_of = msgspec.json.Decoder(Letter).decode


def letters_on(reader: TopicReader) -> Iterator[Letter]:
    """Yield the letters of the topic, partition by partition."""
    message: Any  # the client's types allow None where a record has none
    for message in reader.messages(DEAD_LETTERS):
        headers = {name: value.decode("utf-8", "replace") for name, value in message.headers() or [] if value}
        text, encoded = _text_of(message.value())
        key = message.key()
        yield Letter(
            id=f"{message.topic()}-{message.partition()}@{message.offset()}",
            reason=headers.get("reason", "unknown"),
            field=headers.get("field", ""),
            error=headers.get("error", ""),
            topic=headers.get("topic", ""),
            partition=_number(headers.get("partition")),
            offset=_number(headers.get("offset")),
            at=message.timestamp()[1],
            key=None if key is None else key.decode("utf-8", "replace"),
            value=text,
            value_base64=encoded,
            cut="original_bytes" in headers,
        )


def letters_in(folder: Path) -> Iterator[Letter]:
    """Yield the letters of a replay's or demo's folder."""
    path = folder / replay_folder.DEAD_LETTERS
    for number, raw in enumerate(lines_of(path), 1):
        if isinstance(raw, HugeLine):
            yield Letter(id=f"{path.name}:{number}", reason="too_large", cut=True)
            continue
        try:
            line = _line_of(raw)
            text, encoded = _text_of(b64decode(line.raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise InputError(f"{path}:{number}", f"is damaged ({error})", "run the replay again") from None
        where = f"{line.source}:{line.line}"
        yield Letter(where, line.reason, line.field, "", line.source, 0, line.line, 0, None, text, encoded)


def read_letters(path: Path) -> Iterator[Letter]:
    """Yield the letters of a file that `dead-letters list --out` wrote and somebody may have mended."""
    for number, raw in enumerate(lines_of(path), 1):
        if isinstance(raw, HugeLine):
            raise InputError(f"{path}:{number}", "is longer than a record may be", "take the line out")
        if not raw.strip():
            continue
        try:
            letter = _letter_of(raw)
            letter.raw()
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            remedy = "keep the lines as `dead-letters list --out` wrote them, but for `value`"
            raise InputError(f"{path}:{number}", f"is no letter ({error})", remedy) from None
        yield letter


def write_letters(path: Path, letters: Iterable[Letter]) -> int:
    """Write letters as JSON lines and return how many there were."""
    count = 0
    try:
        with path.open("wb") as file:
            for letter in letters:
                file.write(msgspec.json.encode(letter) + b"\n")
                count += 1
    except OSError as error:
        raise InputError(str(path), f"cannot be written ({error.strerror})", "give another file") from None
    return count


class Kept(Struct, frozen=True):
    """A letter that was not sent, and why."""

    letter: Letter
    why: str


@dataclass
class Sent:
    """What became of letters: `sent` per topic, `kept` those that would only die again."""

    sent: Counter[str] = field(default_factory=Counter)
    kept: list[Kept] = field(default_factory=list)


class Post(Protocol):
    """Takes events to their topics."""

    def put(self, topic: str, key: bytes, value: bytes, letter_id: str) -> None:
        """Take one event."""


def send_again(letters: Iterable[Letter], border: Border, prefix: str, post: Post, now_ms: int) -> Sent:
    """Give every letter that is an event now to the post, under its shopper's key; keep the others."""
    result = Sent()
    sources = {prefix + topic.name for topic in SOURCES if topic is not INTERNAL}
    for letter in letters:
        event = _event_of(letter, border, sources, now_ms)
        if isinstance(event, str):
            result.kept.append(Kept(letter, event))
        else:
            post.put(letter.topic, event.envelope.shopper.encode(), letter.raw() or _MISSING, letter.id)
            result.sent[letter.topic] += 1
    return result


def _event_of(letter: Letter, border: Border, sources: set[str], now_ms: int) -> ShopEvent | str:
    """Return the event in a letter, or why it cannot be sent."""
    if letter.topic not in sources:
        return f"came from {letter.topic or 'nowhere'}, which is no topic of events here"
    if letter.cut:
        return "only its beginning was kept"
    event = border.read(letter.raw(), now_ms)
    if isinstance(event, DeadLetter):
        return f"still {event.reason.value}{f' at {event.field}' if event.field else ''}: {event.detail}"
    if isinstance(event, Skipped):
        return f"would be skipped ({event.kind})"
    return event


class KafkaPost:
    """Sends to the partition of the key and waits for the broker; raise `BrokerError` when it takes one not."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._counts = partition_counts(kafka)
        self._producer = Producer({**confluent_config(kafka), "enable.idempotence": True, "linger.ms": 5})
        self._problem: str | None = None
        self._taken = 0

    def put(self, topic: str, key: bytes, value: bytes, letter_id: str) -> None:
        """Hand one event to the client."""
        headers: Any = [(SENT_AGAIN, letter_id.encode())]
        while True:
            try:
                self._producer.produce(
                    topic,
                    value,
                    key,
                    partition_of(key, self._counts[topic]),
                    on_delivery=self._note,
                    headers=headers,
                )
            except BufferError:  # the client's queue is full
                self._producer.poll(0.1)
            except KafkaException as error:
                raise self._not_sent(error.args[0].str()) from None
            else:
                self._producer.poll(0)
                return

    def finish(self) -> None:
        """Return once the broker has all of them."""
        left = self._producer.flush(_FLUSH_S)
        if self._problem is not None or left:
            raise self._not_sent(self._problem or f"{left} without an answer")

    def _note(self, error: Any, _: Any) -> None:
        if error is None:
            self._taken += 1
        else:
            self._problem = error.str()

    def _not_sent(self, problem: str) -> BrokerError:
        return BrokerError(
            "kafka.servers",
            f"took {self._taken} events and then no more ({problem})",
            "send them again: what arrived twice is applied once",
        )


def _text_of(raw: bytes | None) -> tuple[str | None, str | None]:
    """Return the text of some bytes, or base64 where they are none."""
    if raw is None:
        return None, None
    try:
        return raw.decode(), None
    except UnicodeDecodeError:
        return None, b64encode(raw).decode()


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdigit() else 0

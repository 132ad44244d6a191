"""Where `beckon verify` finds decisions and events: in a replay's folder and its event files, or in the topics."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from schemas.codec import decode_profile
from schemas.decisions import Decision, Outcome
from schemas.errors import InputError, TopicError
from schemas.events import DeadLetter, Rejection, ShopEvent, Skipped
from schemas.ids import ShopperId
from schemas.topics import DEAD_LETTERS, DECISIONS, INTERNAL, PROMOTIONS, SOURCES, Topic
from streams import replay_folder
from streams.connected import connected
from streams.internal import Sent, Transfer, content_of
from streams.outputs import Origin
from streams.parts import Parts
from streams.replay_bucket import How, history_of, pairs_of, story_of
from streams.shuffle import CALM, Disturbance
from streams.sources import HugeLine, check_readable, lines_of
from streams.spill import Placed
from streams.tagged import tags_of
from streams.topic_reader import TopicReader
from streams.verify import Report, Seen, Verifier, by_order, by_position
from streams.verify_connected import verify_connected
from streams.verify_moved import Arrival, History, verify_moved

_GONE = "older events are gone from the topics"
_NO_EVENTS = "no --events given"
_Decided = dict[ShopperId, list[Decision]]


class Order(Struct, frozen=True):
    """In which order a replay folded, as its summary says."""

    keep_order: bool = False
    disturbance: Disturbance = CALM


class Read(Struct, frozen=True):
    """What a replay read, as its summary says: event files, and files `beside` them by option."""

    files: tuple[str, ...] = ()
    beside: Mapping[str, str] = msgspec.field(default_factory=dict)

    def still_there(self) -> "Read":
        """Return what can be read again; of event files all or none, since a part of a history proves nothing."""
        files = self.files if all(Path(path).is_file() for path in self.files) else ()
        return Read(files, {name: path for name, path in self.beside.items() if Path(path).exists()})


class _Sent(Struct):
    type: str
    decision_id: str


_sent_of = msgspec.json.Decoder(_Sent).decode


def verify_folder(
    folder: Path, files: Sequence[Path], order: Order, verifier: Verifier, parts: Parts, wall_ms: int
) -> Report:
    """Check every decision of a folder; without event files, from the records alone."""
    for path in files:
        check_readable(path)
    decided = _Decided()
    path = folder / replay_folder.DECISIONS
    for number, raw in enumerate(lines_of(path), 1):
        _take(raw if isinstance(raw, bytes) else b"", f"{path}:{number}", verifier, decided)
    _check_sent(_promotions_in(folder / replay_folder.PROMOTIONS), decided, verifier)
    if not files:
        verifier.skip(verifier.report.decisions, _NO_EVENTS)
        return verifier.report
    how = How((), wall_ms, order.disturbance, order.keep_order)
    groups = connected(_pairs(files, parts, wall_ms))
    wanted = {shopper for asked in decided for shopper in groups.get(asked, (asked,))}
    history = history_of(_placed(files, wanted, parts, wall_ms), how)
    tags = tags_of((event for events in history.by_shopper.values() for event in events), parts)
    for group in sorted({groups.get(shopper, (shopper,)) for shopper in decided}):
        story = story_of(history, group, how)
        decisions = [decision for shopper in group for decision in decided.get(shopper, ())]
        if len(group) == 1:
            verifier.story(group[0], by_order(story, decisions), tags)
        else:
            verify_connected(verifier, story, decisions, parts.policy, tags)
    return verifier.report


def verify_topics(reader: TopicReader, verifier: Verifier, parts: Parts) -> Report:
    """Check every decision of the topics; what a restarted worker said twice is checked twice, and folded once."""
    decided = _Decided()
    for message in reader.messages(DECISIONS):
        where = f"{message.topic()}-{message.partition()} at {message.offset()}"
        _take(message.value() or b"", where, verifier, decided)
    _check_sent(_promotions_on(reader), decided, verifier)
    if not all(reader.has_all(topic) for topic in SOURCES):
        verifier.skip(sum(map(len, decided.values())), _GONE)
        return verifier.report
    arrivals = _arrivals(reader)
    groups = connected((taker, arrival.shopper) for taker, arrival in arrivals)
    wanted = {shopper for asked in decided for shopper in groups.get(asked, (asked,))}
    histories = _histories(reader, wanted, arrivals, parts)
    tags = tags_of((item.event for history in histories.values() for item in history.events), parts)
    for group in sorted({groups.get(shopper, (shopper,)) for shopper in decided}):
        once = {shopper: _each_once(decided.get(shopper, ())) for shopper in group}
        mine = {shopper: histories.pop(shopper) for shopper in group}
        if len(group) == 1:
            verifier.story(group[0], by_position(mine[group[0]].events, once[group[0]]), tags)
        else:
            verify_moved(verifier, mine, once, parts.policy, tags)
    return verifier.report


def _each_once(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the first decision for each trigger: a run that was interrupted may have written it again."""
    return list({decision.trigger.message_id: decision for decision in reversed(decisions)}.values())


def _take(raw: bytes, where: str, verifier: Verifier, decided: _Decided) -> None:
    try:
        record = verifier.record(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        kind = InputError if ".jsonl:" in where else TopicError
        raise kind(where, f"holds no decision ({error})", "see what wrote it") from None
    decided.setdefault(ShopperId(record.user_id), []).append(record)


def _check_sent(sent: set[str], decided: _Decided, verifier: Verifier) -> None:
    """Hold that every offer went out, and nothing that was not decided."""
    offered = {
        decision.decision_id: decision
        for decisions in decided.values()
        for decision in decisions
        if decision.outcome is Outcome.OFFERED and decision.decision_id is not None
    }
    for decision_id in sorted(offered.keys() - sent):
        verifier.tell(offered[decision_id], "was offered, and no promotion went out")
    for decision_id in sorted(sent - offered.keys()):
        verifier.tell_of(decision_id, "a promotion went out that no decision offered")


def _promotions_in(path: Path) -> set[str]:
    return _offers(raw for raw in lines_of(path) if not isinstance(raw, HugeLine))


def _promotions_on(reader: TopicReader) -> set[str]:
    return _offers(message.value() or b"" for message in reader.messages(PROMOTIONS))


def _offers(values: Iterable[bytes]) -> set[str]:
    sent = (_sent_of(raw) for raw in values)
    return {promotion.decision_id for promotion in sent if promotion.type == "promotion.offered"}


def _pairs(files: Sequence[Path], parts: Parts, wall_ms: int) -> list[tuple[ShopperId, ShopperId]]:
    """Return the ids that one accepted event says are the same person; only lines that may say so are decoded."""
    lines = (raw for path in files for raw in lines_of(path) if not isinstance(raw, HugeLine))
    naming = (raw for raw in lines if b"identify" in raw or b"alias" in raw or b"\\u" in raw)
    events = (parts.border.read_line(raw, wall_ms) for raw in naming)
    return pairs_of(event for event in events if not isinstance(event, DeadLetter | Skipped))


def _placed(files: Sequence[Path], wanted: Container[ShopperId], parts: Parts, wall_ms: int) -> list[Placed]:
    """Return the accepted events of some shoppers, in file order."""
    found: list[Placed] = []
    for path in files:
        for raw in lines_of(path):
            if isinstance(raw, HugeLine):
                continue
            event = parts.border.read_line(raw, wall_ms)
            if not isinstance(event, DeadLetter | Skipped) and event.envelope.shopper in wanted:
                found.append((len(found), event))
    return found


def _arrivals(reader: TopicReader) -> list[tuple[ShopperId, Arrival]]:
    """Return the profiles that were sent to other ids, and to whom."""
    found = []
    for record in _records(reader, INTERNAL):
        content = content_of(record)
        if isinstance(content, Sent | DeadLetter):
            continue
        taker, transfer = content
        if isinstance(transfer, Transfer):
            moved = decode_profile(transfer.profile).shopper
            place = f"{record.topic}-{record.partition}"
            found.append((taker, Arrival(moved, transfer.positions, place, record.offset)))
    return found


def _histories(
    reader: TopicReader,
    wanted: Iterable[ShopperId],
    arrivals: Iterable[tuple[ShopperId, Arrival]],
    parts: Parts,
) -> dict[ShopperId, History]:
    """Return what the source topics hold for some ids, but for events that failed in processing."""
    found = {shopper: History() for shopper in wanted}
    for taker, arrival in arrivals:
        if taker in found:
            found[taker].arrivals.append(arrival)
    failed = {*_failed(reader)}
    for topic in SOURCES:
        for record in _records(reader, topic):
            read = _event_in(record, topic, parts)
            if read is None:
                continue
            shopper, event, origin = read
            if shopper in found and origin[:3] not in failed:
                source = f"{record.topic}-{record.partition}"
                found[shopper].events.append(Seen(event, source, record.offset, origin.broker_ms))
    return found


def _event_in(record: "_Record", topic: Topic, parts: Parts) -> tuple[ShopperId, ShopEvent, Origin] | None:
    """Return whom an event was for, and where it was first read; None for a record without one."""
    origin = Origin(record.topic, record.partition, record.offset, record.timestamp)
    shopper: ShopperId | None = None
    if topic is INTERNAL:
        content = content_of(record)
        if not isinstance(content, Sent):
            return None
        shopper, origin = content.shopper, content.origin
    event = parts.border.read(record.value, origin.broker_ms)
    if isinstance(event, DeadLetter | Skipped):
        return None
    return shopper or event.envelope.shopper, event, origin


class _Record(NamedTuple):
    """A message in the form of the worker's own records."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: list[tuple[str, bytes]]
    key: bytes | None
    value: bytes | None


def _records(reader: TopicReader, topic: Topic) -> Iterator[_Record]:
    message: Any  # the client's types allow None where a record has none
    for message in reader.messages(topic):
        yield _Record(
            message.topic(),
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.headers() or [],
            message.key(),
            message.value(),
        )


def _failed(reader: TopicReader) -> Iterator[tuple[str, int, int]]:
    """Yield where the events lay that were read well and failed in processing: no profile holds them."""
    for record in _records(reader, DEAD_LETTERS):
        headers = dict(record.headers)
        if headers.get("reason") == Rejection.PROCESSING_FAILED.value.encode():
            yield headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])

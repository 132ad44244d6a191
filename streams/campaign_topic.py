"""Campaigns on their compacted topic: one record per campaign under its id, and one, `shop`, for the whole.

The record of the shop holds what is true for all campaigns and their ids in file order; its header `digest`
names the meaning of the file. It is written last and in one transaction with the campaigns, so that whoever
reads takes a whole file or keeps the one before.
"""

from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from msgspec import Struct

from schemas import campaign_checks
from schemas.campaign_file import digest_of
from schemas.campaigns import Campaign, CampaignFile, Shop
from schemas.errors import BrokerError, CampaignError, TopicError
from schemas.topics import CAMPAIGNS
from streams.clients import confluent_config, no_broker
from streams.settings import KafkaSettings
from streams.topic_reader import TopicReader, assign_from_start, reader_config

#: The key of what holds for all campaigns; no campaign may have this id.
SHOP_KEY = "shop"
_WAIT_S = 0.2


class _Whole(Struct, frozen=True, omit_defaults=True):
    """The value under `SHOP_KEY`. `campaigns`: ids in file order."""

    campaigns: tuple[str, ...]
    shop: Shop = Shop()


_encode = msgspec.json.Encoder(order="sorted").encode
_whole_of = msgspec.json.Decoder(_Whole).decode
_campaign_of = msgspec.json.Decoder(Campaign).decode
EMPTY = CampaignFile(())


class Records:
    """The newest records of the topic, put together. `file` is the last whole file; None before the first.

    `problems`: what is wrong with the newest record of a key that is none of ours; the file before still holds.
    """

    def __init__(self) -> None:
        self.file: CampaignFile | None = None
        self.digest = ""
        self.problems: dict[str, CampaignError] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._whole: _Whole | None = None
        self._digest = ""

    def put(self, key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> bool:
        """Take one record; return whether another whole file is there now."""
        name = (key or b"").decode("utf-8", "replace")
        self.problems.pop(name, None)
        try:
            if name == SHOP_KEY:
                self._whole = _whole_of(value) if value else None
                self._digest = headers.get("digest", b"").decode("utf-8", "replace")
            elif value:
                self._campaigns[name] = _campaign_of(value)
            else:
                self._campaigns.pop(name, None)
            return self._settle()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            where, problem = f"topic {CAMPAIGNS.name}, key {name}", f"is no campaign ({error})"
            self.problems[name] = CampaignError(where, problem, "apply the file again")
        except CampaignError as error:  # by a newer version's checks, or written by hand
            self.problems[name] = error
        return False

    def _settle(self) -> bool:
        whole = self._whole
        if whole is None or self._digest == self.digest:
            return False
        if any(campaign_id not in self._campaigns for campaign_id in whole.campaigns):
            return False
        file = CampaignFile(tuple(self._campaigns[each] for each in whole.campaigns), whole.shop)
        if digest_of(file) != self._digest:
            return False  # half of it is still to come
        campaign_checks.check(file)
        self.file, self.digest = file, self._digest
        return True


class Follower:
    """Reads the topic from its start and on and on, by assignment, without a group; `read_to_end` comes first."""

    def __init__(self, kafka: KafkaSettings, prefix: str) -> None:
        self._kafka = kafka
        self._topic = prefix + CAMPAIGNS.name
        self._partitions = range(TopicReader(kafka, prefix).partitions(CAMPAIGNS))
        self._records = Records()
        self._ended: set[int] = set()
        self._consumer = Consumer(reader_config(kafka))

    @property
    def file(self) -> CampaignFile | None:
        """The last whole file; None while there is none."""
        return self._records.file

    @property
    def problems(self) -> Mapping[str, CampaignError]:
        """What is wrong with the newest record of a key."""
        return self._records.problems

    def read_to_end(self) -> CampaignFile | None:
        """Read all that is there now and return the file, if there is one; raise `BrokerError` for silence."""
        # Only now: an end that was met before would be an old one.
        assign_from_start(self._consumer, self._kafka, self._topic, self._partitions)
        self._ended.clear()
        silent_until = monotonic() + self._kafka.connect_timeout_s
        while len(self._ended) < len(self._partitions):
            if self._poll(_WAIT_S) is not None:
                silent_until = monotonic() + self._kafka.connect_timeout_s
            elif monotonic() > silent_until:
                raise no_broker(self._kafka, f"{CAMPAIGNS.name} stays silent")
        return self.file

    def poll(self, wait_s: float = _WAIT_S) -> CampaignFile | None:
        """Return the new file if one has become whole; waits at most so long for a record."""
        return self.file if self._poll(wait_s) else None

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _poll(self, wait_s: float) -> bool | None:
        """Return whether another file is whole now; None when nothing came."""
        message: Any = self._consumer.poll(wait_s)
        if message is None:
            return None
        error = message.error()
        if error is None:
            return self._records.put(message.key(), message.value(), dict(message.headers() or []))
        if error.code() != KafkaError._PARTITION_EOF:
            raise no_broker(self._kafka, error.str())
        self._ended.add(message.partition())
        return False


def read(kafka: KafkaSettings, prefix: str) -> CampaignFile | None:
    """Return the file that the topic holds now; None where nothing was applied yet.

    Raise `CampaignError` for a record that is none of ours.
    """
    file, problems = _read(kafka, prefix)
    for problem in problems.values():
        raise problem
    return file


def _read(kafka: KafkaSettings, prefix: str) -> tuple[CampaignFile | None, Mapping[str, CampaignError]]:
    follower = Follower(kafka, prefix)
    try:
        return follower.read_to_end(), follower.problems
    finally:
        follower.close()


class Writer:
    """Changes the topic: read what is there, then write another file, with nobody else in between.

    A second writer that starts later fences this one: its `write` fails, and nothing of it is seen.
    """

    def __init__(self, kafka: KafkaSettings, prefix: str) -> None:
        self._kafka = kafka
        self._topic = prefix + CAMPAIGNS.name
        TopicReader(kafka, prefix).partitions(CAMPAIGNS)  # it must be there
        config = {**confluent_config(kafka), "transactional.id": f"{prefix}beckon-campaigns"}
        self._producer = Producer(config)
        try:
            self._producer.init_transactions(kafka.connect_timeout_s)
        except KafkaException as error:
            raise no_broker(kafka, error.args[0].str()) from None
        found, problems = _read(kafka, prefix)
        self.before = EMPTY if found is None else found
        self._broken = frozenset(problems)

    def write(self, file: CampaignFile) -> Sequence[str]:
        """Write what differs and return the keys written; raise `BrokerError` when it could not be done."""
        records = list(_records(self.before, file, self._broken))
        if not records:
            return []
        try:
            self._producer.begin_transaction()
            for key, value, digest in records:
                headers: Any = {"digest": digest} if digest else None
                self._producer.produce(self._topic, value, key.encode(), headers=headers)
            self._producer.commit_transaction(self._kafka.connect_timeout_s)
        except KafkaException as error:
            raise _not_written(error.args[0]) from None
        self.before, self._broken = file, frozenset()
        return [key for key, _, _ in records]


def _records(
    before: CampaignFile, file: CampaignFile, broken: frozenset[str]
) -> Iterator[tuple[str, bytes | None, str]]:
    """Yield (key, value, digest) of what must be written: new and changed campaigns, tombstones, the whole last.

    The newest records of `broken` keys are none of ours.
    """
    old = {campaign.id: campaign for campaign in before.campaigns}
    new = {campaign.id: campaign for campaign in file.campaigns}
    if SHOP_KEY in new:
        place = list(new).index(SHOP_KEY)
        problem = f"`{SHOP_KEY}` is the key of the shop part in the topic"
        raise CampaignError(f"campaigns[{place}].id", problem, "choose another id")
    for campaign_id, campaign in new.items():
        if campaign != old.get(campaign_id) or campaign_id in broken:
            yield campaign_id, _encode(campaign), digest_of(CampaignFile((campaign,)))
    for campaign_id in sorted({*old, *broken} - {*new, SHOP_KEY}):
        yield campaign_id, None, ""
    if before is EMPTY or SHOP_KEY in broken or digest_of(before) != digest_of(file):
        yield SHOP_KEY, _encode(_Whole(tuple(new), file.shop)), digest_of(file)


def _not_written(error: KafkaError) -> BrokerError | TopicError:
    if error.code() in (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED):
        return TopicError(
            CAMPAIGNS.name,
            "was changed by somebody else at the same moment",
            "look with `campaigns show`, then again",
        )
    return BrokerError("kafka.servers", f"the campaigns were not written ({error.str()})", "try again")

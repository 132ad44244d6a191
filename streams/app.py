"""The Faust app: its settings, its sources, its table of profiles, its one agent.

Faust does the group work: which partitions are ours, when they move, when the table is recovered and read on. The
agent hands chunks to the lanes, and the lanes do the rest.
"""

from pathlib import Path
from typing import Any

import faust
from faust.serializers.schemas import Schema
from faust.stores import STORES
from faust.types import EventT, Message
from yarl import URL

from schemas.topics import SOURCES
from streams.clients import faust_credentials, faust_urls
from streams.lanes import Lanes
from streams.outputs import BATCH_BYTES, REQUEST_BYTES
from streams.recovery import Tables
from streams.settings import Settings
from streams.store import ProfileStore
from streams.topics import name_of
from streams.transport import LaneTransport, scheduler

#: Never changed: another version would be another group with another changelog. Stored values carry a
#: format byte instead.
APP_VERSION = 1
TABLE = "profiles"
_FETCH_BYTES = 1_048_576
_PRODUCE_TIMEOUT_S = 120.0
_NO_STANDBYS = 0
_NO_COMMITS_S = 3600.0  # the lanes commit

STORES.aliases["beckon"] = "streams.store:ProfileStore"


class RawSchema(Schema):
    """Decodes nothing: a chunk goes through as it is (Faust's setting Schema)."""

    def compile(self, app: Any, **_: Any) -> Any:
        """Return the function that turns a message into an event."""
        create_event = app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> EventT:
            event: EventT = create_event(None, message.value, {}, message)
            return event

        return decode


def build_app(settings: Settings) -> faust.App:
    """Return the app, not started; `app.conf.id` is the consumer group."""
    kafka, worker = settings.kafka, settings.worker
    folder = Path(worker.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    app = faust.App(
        settings.topics.prefix + "beckon",
        version=APP_VERSION,
        broker=faust_urls(kafka),
        broker_credentials=faust_credentials(kafka),
        datadir=str(folder),
        store="beckon://",
        Schema=RawSchema,
        TableManager=Tables,
        ConsumerScheduler=scheduler(worker.batch_events),
        autodiscover=False,
        web_enabled=False,
        web_tables_enabled=False,
        topic_partitions=settings.topics.partitions,
        topic_replication_factor=settings.topics.replication,
        topic_allow_declare=False,
        topic_disable_leader=True,
        processing_guarantee="at_least_once",
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=kafka.session_timeout_s / 4,
        broker_request_timeout=max(90.0, kafka.session_timeout_s + 10),
        broker_commit_interval=_NO_COMMITS_S,
        broker_max_poll_records=None,
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        producer_linger=0.0,
        producer_max_batch_size=BATCH_BYTES,
        producer_max_request_size=REQUEST_BYTES,
        producer_request_timeout=_PRODUCE_TIMEOUT_S,
        stream_buffer_maxsize=100_000,  # chunks; what is unfinished is bounded by the transport's window
        stream_wait_empty=False,  # the transport waits for the lanes itself
        stream_recovery_delay=0.0,
        table_standby_replicas=_NO_STANDBYS,
    )
    urls = [URL(url) for url in faust_urls(kafka)]
    window = worker.batch_events * worker.lane_queue
    app.transport = LaneTransport(urls, app, window)
    return app


def add_table(app: faust.App, settings: Settings) -> Any:
    """Return the table of profiles; its changelog is `beckon-profiles-changelog`."""
    return app.Table(TABLE, partitions=settings.topics.partitions, key_type=bytes, value_type=bytes)


def store_of(table: Any) -> ProfileStore:
    """Return the store behind the table."""
    store: ProfileStore = table.data
    return store


def add_agent(app: faust.App, settings: Settings, lanes: Lanes) -> Any:
    """Return the one agent over all source topics, which share their partition numbers."""
    names = [name_of(topic, settings.topics.prefix) for topic in SOURCES]
    sources = app.topic(*names, key_type=bytes, value_type=bytes)

    async def lanes_agent(stream: Any) -> None:
        async for event in stream.noack().events():
            lanes.put(event)

    return app.agent(sources, name="lanes")(lanes_agent)

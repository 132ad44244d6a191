"""The mirror on a real Kafka and a real Redis: what it writes, and what it does when Redis is out of order."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from confluent_kafka.admin import AdminClient

from schemas.topics import CHANGELOG, PROMOTIONS
from streams.mirror import run
from streams.mirror.store import MirrorStore
from streams.mirror.writes import Kind, Record, Unreadable, write_of
from streams.redis_clients import Fault, RedisError
from streams.redis_keys import Keys, version_of
from streams.redis_reader import RedisReader
from streams.settings import Settings, load
from tests.support import redis as redis_server
from tests.support.kafka import Topics
from tests.support.mirrored import PARTITIONS, Log, RunningMirror, now_ms, offered, profile, revoked
from tests.support.proxy import Proxy
from tests.support.shopping import Sent
from tests.support.stand import stand_on
from tests.support.workers import WorkerProcess, until

ROOT = Path(__file__).parents[2]
SOON_S = 20.0
MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with redis_server.running() as url:
        yield url


@pytest.fixture
def admin(redis_url: str) -> Iterator["redis.Redis"]:
    client = redis_server.admin(redis_url)
    client.flushall()
    yield client
    client.config_set("maxmemory", 0)
    client.flushall()
    client.close()


@pytest.fixture
def kafka_log(topics: Topics) -> Log:
    topics.create(CHANGELOG.name, partitions=PARTITIONS, config={"cleanup.policy": "compact"})
    topics.create(PROMOTIONS.name, partitions=PARTITIONS)
    return Log(topics.servers, topics.prefix)


@pytest.fixture
def settings(topics: Topics, redis_url: str, admin: "redis.Redis") -> MakeSettings:
    def make(**flags: object) -> Settings:
        given = {name.replace("__", "."): value for name, value in flags.items()}
        base = {"kafka.servers": topics.servers, "topics.prefix": topics.prefix, "redis.url": redis_url}
        return load(base | {"redis.timeout_s": 0.5, "mirror.back_off_max_s": 0.2} | given)

    return make


def views(settings: Settings, shopper: str) -> int | None:
    found = RedisReader(settings.redis).profile(shopper)
    return None if found is None else found.views


def inbox(settings: Settings, shopper: str) -> list[str]:
    return [one.decision_id for one in RedisReader(settings.redis).inbox(shopper)]


def test_the_newest_profile_and_the_promotions_in_order_are_there_to_read(
    kafka_log: Log, settings: MakeSettings
) -> None:
    kafka_log.profiles(ann=profile("ann", 1), bob=profile("bob", 7))
    kafka_log.profiles(ann=profile("ann", 2))
    now = now_ms()
    kafka_log.promotions("ann", offered("ann", "d2", at=now - 1000), offered("ann", "d1", at=now - 2000))
    kafka_log.promotions("ann", offered("ann", "gone", at=now - 5000, valid_ms=4000))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert views(settings(), "ann") == 2
        assert views(settings(), "bob") == 7
        assert views(settings(), "nobody") is None
        assert inbox(settings(), "ann") == ["d1", "d2"]
        assert running.sample("beckon_mirror_records_total", topic="profiles", outcome="written") == 3
        kafka_log.profiles(ann=profile("ann", 3))
        until(lambda: views(settings(), "ann") == 3, SOON_S, "a later profile arrives")


def test_a_promotion_leaves_the_inbox_when_it_expires_or_is_revoked(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis"
) -> None:
    kafka_log.promotions("ann", offered("ann", "d1"), offered("ann", "short", valid_ms=1500))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert "d1" in inbox(settings(), "ann")
        kafka_log.promotions("ann", revoked("ann", "d1"))
        until(lambda: inbox(settings(), "ann") == [], SOON_S, "both are gone")
        # A copy of the offer that comes late must not bring it back.
        kafka_log.promotions("ann", offered("ann", "d2"))
        until(lambda: inbox(settings(), "ann") == ["d2"], SOON_S, "the next one arrives")
    assert admin.pttl("beckon:promotion:d2") > 0
    assert admin.pttl("beckon:inbox:ann") > 0


def test_an_inbox_keeps_its_newest_promotions_only(kafka_log: Log, settings: MakeSettings) -> None:
    now = now_ms()
    kafka_log.promotions("ann", *(offered("ann", f"d{n}", at=now - 1000 + n) for n in range(5)))
    with RunningMirror(settings(mirror__inbox_max=3)) as running:
        running.wait_ready()
        assert inbox(settings(), "ann") == ["d2", "d3", "d4"]


def test_an_erased_shopper_stays_erased_when_older_promotions_are_read_again(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis"
) -> None:
    kafka_log.profiles(ann=profile("ann"))
    kafka_log.promotions("ann", offered("ann", "d1"))
    time.sleep(0.02)
    kafka_log.profiles(ann=None)
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert views(settings(), "ann") is None
        assert inbox(settings(), "ann") == []
        assert admin.keys("beckon:promotion:*") == []
        assert 0 < admin.pttl("beckon:profile:ann") <= 24 * 3_600_000
        kafka_log.profiles(ann=profile("ann", 5))
        until(lambda: views(settings(), "ann") == 5, SOON_S, "a shopper who comes back is a new one")


def test_an_older_record_never_overwrites_a_newer_one(settings: MakeSettings) -> None:
    store, keys = MirrorStore(settings().redis, settings().mirror), Keys("beckon:")

    def write(kind: Kind, value: bytes | None, offset: int) -> bool:
        found = write_of(Record(kind, b"ann", value, now_ms()), keys, version_of(1, offset))
        assert not isinstance(found, Unreadable)
        return store.write([found])[0]

    assert [write("profiles", profile("ann", n), n) for n in (10, 5, 10, 11)] == [True, False, False, True]
    assert views(settings(), "ann") == 11
    assert [write("profiles", None, 12), write("profiles", profile("ann", 9), 9)] == [True, False]
    assert views(settings(), "ann") is None
    assert [write("promotions", revoked("ann", "d1"), 8), write("promotions", offered("ann", "d1"), 7)] == [
        True,
        False,
    ]
    assert inbox(settings(), "ann") == []
    store.close()


def test_a_restart_goes_on_where_redis_is(kafka_log: Log, settings: MakeSettings) -> None:
    kafka_log.profiles(ann=profile("ann", 1))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert running.sample("beckon_mirror_refills_total", cause="empty") == 1
    kafka_log.profiles(ann=profile("ann", 2))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert views(settings(), "ann") == 2
        assert running.sample("beckon_mirror_records_total", topic="profiles", outcome="written") == 1
        assert running.sample("beckon_mirror_refills_total", cause="empty") == 0


def test_a_redis_that_lost_its_data_is_filled_again_within_seconds(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis"
) -> None:
    kafka_log.profiles(**{f"shopper{n}": profile(f"shopper{n}", n) for n in range(50)})
    kafka_log.promotions("shopper7", offered("shopper7", "d1"))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        admin.flushall()
        until(lambda: views(settings(), "shopper49") == 49, SOON_S, "profiles are back")
        until(lambda: inbox(settings(), "shopper7") == ["d1"], SOON_S, "promotions are back")
        assert running.sample("beckon_mirror_refills_total", cause="empty") == 2


def test_an_older_copy_of_redis_is_brought_up_to_date(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis"
) -> None:
    kafka_log.profiles(ann=profile("ann", 1))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        older = {key: admin.dump(key) for key in admin.keys("beckon:*")}
        kafka_log.profiles(ann=profile("ann", 2))
        until(lambda: views(settings(), "ann") == 2, SOON_S, "the newer profile is there")
        for key, value in older.items():  # as a fail-over to a replica that was behind
            admin.restore(key, 0, value, replace=True)
        assert views(settings(), "ann") == 1
        kafka_log.profiles(ann=profile("ann", 3))
        until(lambda: views(settings(), "ann") == 3, SOON_S, "the mirror goes on from the older copy")


def test_refill_erases_profiles_that_kafka_does_not_have(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis"
) -> None:
    kafka_log.profiles(ann=profile("ann", 4))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        admin.hset("beckon:profile:ghost", mapping={"v": "00000000000000.0000000000000000001", "d": b"old"})
        assert views(settings(), "ann") == 4
    with RunningMirror(settings(), refill=True) as running:
        running.wait_ready()
        assert admin.exists("beckon:profile:ghost") == 0
        assert views(settings(), "ann") == 4


def make_anew(topics: Topics) -> None:
    """Delete the changelog and make it again: its offsets begin at 0."""
    admin, name = AdminClient({"bootstrap.servers": topics.servers}), topics.prefix + CHANGELOG.name
    admin.delete_topics([name])[name].result(20)
    until(lambda: name not in admin.list_topics(timeout=10).topics, SOON_S, "the topic is gone")
    topics.create(CHANGELOG.name, partitions=PARTITIONS)


def test_a_topic_made_anew_is_read_from_its_start(
    kafka_log: Log, settings: MakeSettings, topics: Topics
) -> None:
    for n in (1, 2):
        kafka_log.profiles(ann=profile("ann", n), bob=profile("bob", n))
    with RunningMirror(settings()) as running:
        running.wait_ready()
    make_anew(topics)
    Log(topics.servers, topics.prefix).profiles(ann=profile("ann", 9))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert running.sample("beckon_mirror_refills_total", cause="topic_replaced") == 1
        assert views(settings(), "ann") == 9  # though its offset is smaller than the one held
        assert views(settings(), "bob") is None


def test_a_topic_made_anew_is_noticed_while_the_mirror_runs(
    kafka_log: Log, settings: MakeSettings, topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "TOPICS_S", 0.5)
    for n in (1, 2):
        kafka_log.profiles(ann=profile("ann", n))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        make_anew(topics)
        Log(topics.servers, topics.prefix).profiles(ann=profile("ann", 9))
        until(lambda: views(settings(), "ann") == 9, SOON_S, "the new topic is read")
        assert running.sample("beckon_mirror_refills_total", cause="topic_replaced") >= 1


def test_two_mirrors_side_by_side_do_no_harm(kafka_log: Log, settings: MakeSettings) -> None:
    with RunningMirror(settings()) as one, RunningMirror(settings()) as other:
        one.wait_ready()
        other.wait_ready()
        for n in range(20):
            kafka_log.profiles(ann=profile("ann", n), bob=profile("bob", n))
        until(
            lambda: (views(settings(), "ann"), views(settings(), "bob")) == (19, 19),
            SOON_S,
            "both are newest",
        )


def test_records_that_are_none_are_counted_and_passed_over(kafka_log: Log, settings: MakeSettings) -> None:
    kafka_log.promotions("ann", b"{", b'{"type":"promotion.lost"}', None, offered("ann", "d1"))
    with RunningMirror(settings()) as running:
        running.wait_ready()
        assert inbox(settings(), "ann") == ["d1"]
        assert running.sample("beckon_mirror_records_total", topic="promotions", outcome="unreadable") == 3


@pytest.mark.parametrize("fault", [Fault.AWAY, Fault.SLOW])
def test_a_redis_that_is_away_or_silent_is_waited_for(
    fault: Fault, kafka_log: Log, settings: MakeSettings, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "beckon")
    parts = urlsplit(redis_url)
    kafka_log.profiles(ann=profile("ann", 1))
    with Proxy((parts.hostname or "127.0.0.1", parts.port or 6379)) as proxy:
        mine = settings(redis__url=f"redis://127.0.0.1:{proxy.port}/0")
        with RunningMirror(mine) as running:
            running.wait_ready()
            assert proxy.passed > 0
            proxy.cut() if fault is Fault.AWAY else proxy.hold()
            kafka_log.profiles(ann=profile("ann", 2))
            until(lambda: running.sample("beckon_degraded", part="redis") == 1, SOON_S, "it says so")
            until(
                lambda: running.sample("beckon_redis_errors_total", fault=fault.value) >= 3,
                SOON_S,
                "it tries again",
            )
            assert running.mirror.is_live()
            assert not running.mirror.is_ready()
            proxy.heal()
            until(lambda: views(settings(), "ann") == 2, SOON_S, "it goes on by itself")
            until(lambda: running.sample("beckon_degraded", part="redis") == 0, SOON_S, "it says so again")
    told = [record.message for record in caplog.records]
    assert told.count("mirror_resumed") == 1
    assert [fields_of(one)["fault"] for one in caplog.records if one.message == "mirror_waiting"] == [
        fault.value
    ]


def fields_of(record: object) -> dict[str, object]:
    found: dict[str, object] = record.__dict__["fields"]
    return found


def test_a_full_redis_is_waited_for(kafka_log: Log, settings: MakeSettings, admin: "redis.Redis") -> None:
    with RunningMirror(settings()) as running:
        running.wait_ready()
        admin.config_set("maxmemory-policy", "noeviction")
        admin.config_set("maxmemory", 1)
        kafka_log.profiles(ann=profile("ann", 2))
        until(lambda: running.sample("beckon_redis_errors_total", fault="full") >= 1, SOON_S, "it says so")
        assert views(settings(), "ann") is None
        admin.config_set("maxmemory", 0)
        until(lambda: views(settings(), "ann") == 2, SOON_S, "it goes on by itself")


def acl_lines() -> dict[str, list[str]]:
    """The users that docs/operate.md tells operators to make."""
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    found = re.findall(r"^ACL SETUSER (\S+) (.+)$", text, re.MULTILINE)
    return {name: rights.split() for name, rights in found}


@pytest.fixture
def users(admin: "redis.Redis") -> Iterator[dict[str, list[str]]]:
    lines = acl_lines()
    for name, rights in lines.items():
        admin.execute_command(
            "ACL", "SETUSER", name, "reset", *(one.replace("PASSWORD", "pw") for one in rights)
        )
    yield lines
    for name in lines:
        admin.execute_command("ACL", "DELUSER", name)


def test_the_documented_users_can_do_their_work_and_nothing_else(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis", users: dict[str, list[str]]
) -> None:
    kafka_log.profiles(ann=profile("ann", 3), bob=profile("bob"))
    kafka_log.promotions("ann", offered("ann", "d1"), offered("ann", "d2"), revoked("ann", "d1"))
    kafka_log.profiles(bob=None)
    mine = settings(redis__username="beckon-mirror", redis__password="pw", mirror__inbox_max=1)
    with RunningMirror(mine, refill=True) as running:
        running.wait_ready()
        kafka_log.promotions("ann", offered("ann", "d3"))
        reader = settings(redis__username="beckon-reader", redis__password="pw")
        until(lambda: inbox(reader, "ann") == ["d3"], SOON_S, "all kinds of writes are allowed")
        assert views(reader, "ann") == 3
        assert sum(running.sample("beckon_redis_errors_total", fault=fault.value) for fault in Fault) == 0
    refused = {
        "beckon-mirror": ["FLUSHALL", "CONFIG GET *", "HGET other v", "KEYS *", "ACL LIST"],
        "beckon-reader": ["DEL beckon:profile:ann", "HSET beckon:profile:ann d 1", "SCAN 0", "HGET other d"],
    }
    for user, commands in refused.items():
        client = redis.Redis.from_url(settings().redis.url, username=user, password="pw", protocol=2)
        for command in commands:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())


def test_a_user_without_rights_or_with_a_wrong_password_is_waited_for(
    kafka_log: Log, settings: MakeSettings, admin: "redis.Redis", users: dict[str, list[str]]
) -> None:
    kafka_log.profiles(ann=profile("ann", 2))
    admin.execute_command("ACL", "SETUSER", "beckon-mirror", "-hset")
    right = settings(redis__username="beckon-mirror", redis__password="pw")
    with RunningMirror(right) as running:
        until(lambda: running.sample("beckon_redis_errors_total", fault="denied") >= 1, SOON_S, "no rights")
        admin.execute_command("ACL", "SETUSER", "beckon-mirror", "+hset")
        running.wait_ready()
        assert views(settings(), "ann") == 2
    wrong = settings(redis__username="beckon-mirror", redis__password="secret-typo")
    with RunningMirror(wrong) as running:
        until(
            lambda: running.sample("beckon_redis_errors_total", fault="wrong_password") >= 1,
            SOON_S,
            "wrong password",
        )
    with pytest.raises(RedisError) as caught:
        RedisReader(wrong.redis).profile("ann")
    assert "refuses user and password" in str(caught.value)
    assert "secret-typo" not in str(caught.value)


def test_what_a_worker_writes_is_in_redis_and_a_dead_redis_is_nothing_to_the_worker(
    topics: Topics, tmp_path: Path, settings: MakeSettings, redis_url: str
) -> None:
    stand = stand_on(topics, tmp_path)
    stand.flags |= {"redis.url": "redis://127.0.0.1:1/0"}
    viewed = (
        '{{"type":"track","event":"Product Viewed","messageId":"m{n}","timestamp":{at},"userId":"ann",'
        '"properties":{{"product_id":"p1","category":"running-shoes"}}}}'
    )
    with stand.workers() as (worker,):
        worker.wait_ready()
        stand.broker.produce(
            [Sent("clicks", "ann", viewed.format(n=n, at=now_ms()).encode()) for n in range(3)]
        )
        stand.wait_drained([worker])
        assert worker.outcomes()["applied"] == 3
        program = ("-c", "from streams.cli import main; main()", "mirror", "--redis", redis_url)
        with WorkerProcess(stand.config(), tmp_path / "mirror", arguments=program) as mirror:
            until(lambda: views(settings(), "ann") == 3, 40, f"the mirror is there; {mirror.log()}")
            assert mirror.stop() == 0, mirror.log()
            assert "mirror_stopped" in mirror.log()


def test_a_worker_does_not_even_import_redis() -> None:
    program = "import sys, streams.worker; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0

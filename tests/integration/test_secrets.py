"""TLS and passwords on every way, Kafka's and Redis's, and no secret in anything that our processes say."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec import Struct
from ruamel.yaml import YAML

from schemas.errors import BeckonError
from streams import topics as on_broker
from streams.settings import KafkaSettings, RedisSettings, TopicSettings, load
from tests.support import certificates, guarded_kafka
from tests.support import redis as redis_server
from tests.support.certificates import Certificates
from tests.support.guarded_kafka import GuardedKafka, password_of
from tests.support.kafka import READY_S
from tests.support.manifests import ROOT
from tests.support.shopping import Sent
from tests.support.workers import WorkerProcess, until, write_settings

BECKON = str(Path(sys.executable).with_name("beckon"))
REDIS_SECRETS = {"beckon-mirror": "Redis-secret-of-mirror", "beckon-reader": "Redis-secret-of-reader"}
LOG_KEY = "Key-of-the-hashes"
SECRETS = (*REDIS_SECRETS.values(), "Kafka-secret-of-", LOG_KEY)
VIEW = (
    b'{"type":"track","event":"Product Viewed","messageId":"m1","timestamp":"2026-11-01T10:00:00Z",'
    b'"userId":"ann","properties":{"product_id":"p1","category":"shoes"}}'
)


class Guarded(Struct, frozen=True):
    """A Kafka and a Redis that let nobody in without a name, in one folder of settings."""

    kafka: GuardedKafka
    redis: str
    authority: str
    folder: Path

    def environment(self, kafka_user: str, redis_user: str) -> dict[str, str]:
        """Return the variables of one of our processes: secrets come in as Kubernetes hands them over."""
        return {
            "BECKON_KAFKA_SERVERS": self.kafka.guarded,
            "BECKON_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "BECKON_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "BECKON_KAFKA_SASL_USERNAME": kafka_user,
            "BECKON_KAFKA_SASL_PASSWORD": password_of(kafka_user),
            "BECKON_KAFKA_SSL_CA_FILE": self.authority,
            "BECKON_REDIS_URL": self.redis,
            "BECKON_REDIS_USERNAME": redis_user,
            "BECKON_REDIS_PASSWORD": REDIS_SECRETS[redis_user],
            "BECKON_REDIS_CA_FILE": self.authority,
            "BECKON_LOG_KEY": LOG_KEY,
            "BECKON_TOPICS_PARTITIONS": "2",
            "BECKON_MODELS_TAGS": "",
            "BECKON_METRICS_PORT": "0",
            "BECKON_CAMPAIGNS_FILE": str(ROOT / "tests" / "support" / "campaigns.yaml"),
            "BECKON_WORKER_DATA_DIR": str(self.folder / "data"),
        }


def users_of_redis() -> list[str]:
    """Return the users that docs/operate.md tells operators to make, as lines of an ACL file."""
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    found = re.findall(r"^ACL SETUSER (\S+) (.+)$", text, re.MULTILINE)
    return [f"user {name} {rights.replace('PASSWORD', REDIS_SECRETS[name])}" for name, rights in found]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def guarded(signed: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    file = ROOT / "k8s" / "components" / "strimzi" / "users.yaml"
    users = YAML(typ="safe").load_all(file.read_text(encoding="utf-8"))
    with ExitStack() as stack:
        redis_url = stack.enter_context(redis_server.guarded(signed, users_of_redis()))
        try:
            kafka = stack.enter_context(guarded_kafka.running(signed))
        except BeckonError as error:
            pytest.fail(str(error), pytrace=False)
        on_broker.apply(KafkaSettings(servers=kafka.open), TopicSettings(partitions=2))
        kafka.let_in(list(users))
        yield Guarded(kafka, redis_url, signed.authority, tmp_path_factory.mktemp("guarded"))


def beckon(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [BECKON, *arguments],
        env=clean() | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}


def secrets_in(*texts: str) -> set[str]:
    return {secret for secret in SECRETS for text in texts if secret in text}


def started(name: str, guarded: Guarded, environment: Mapping[str, str]) -> WorkerProcess:
    arguments = ("-c", "from streams.cli import main; main()", name)
    nothing = write_settings(guarded.folder / "empty.toml", {})
    return WorkerProcess(
        nothing, guarded.folder / name, arguments=arguments, environment=clean() | environment
    )


def test_a_shopper_comes_to_redis_over_tls_and_nothing_says_a_secret(guarded: Guarded) -> None:
    mine = guarded.environment("beckon-worker", "beckon-reader")
    mirrors = guarded.environment("beckon-mirror", "beckon-mirror")
    with started("worker", guarded, mine) as worker, started("mirror", guarded, mirrors) as mirror:
        worker.wait_ready()
        mirror.wait_ready()
        send(guarded, Sent("clicks", "ann", VIEW))
        until(lambda: beckon("profile", "ann", "--redis", **mine).returncode == 0, READY_S, "ann is in Redis")
        page = beckon("profile", "ann", "--redis", **mine)
        checks = guarded.environment("beckon-topics", "beckon-reader")
        checked = beckon("check", **checks)
        told = beckon("check", "--json", **checks)
        pages = [one.metrics_page() for one in (worker, mirror)]
        assert (worker.stop(), mirror.stop()) == (0, 0)
    assert "Shopper ann" in page.stdout
    assert checked.returncode == 0, checked.stdout
    assert f"redis      ok      {guarded.redis.removeprefix('rediss://')} answers" in checked.stdout
    said = [worker.log(), mirror.log(), page.stdout, checked.stdout, told.stdout, *pages]
    assert all(said)
    assert secrets_in(*said, page.stderr, checked.stderr, told.stderr) == set()


def send(guarded: Guarded, sent: Sent) -> None:
    from confluent_kafka import Producer

    from streams.clients import confluent_config

    producer = Producer(confluent_config(guarded.kafka.settings("beckon-producer")))
    producer.produce(sent.topic, sent.value, key=sent.key.encode())
    assert producer.flush(20) == 0


#: How long a broker is waited for that lets nobody in.
QUICK = {"BECKON_KAFKA_CONNECT_TIMEOUT_S": "1.5"}
WRONG = {
    "BECKON_KAFKA_SASL_PASSWORD": "Kafka-secret-of-nobody",
    "BECKON_REDIS_PASSWORD": "Redis-secret-of-mirror",
}


@pytest.mark.parametrize(
    ("command", "changed", "says"),
    [
        (("worker",), "BECKON_KAFKA_SASL_PASSWORD", "kafka.sasl_username, sasl_password: the broker at"),
        (("mirror",), "BECKON_KAFKA_SASL_PASSWORD", "kafka.sasl_username, sasl_password: the broker at"),
        (("profile", "ann", "--redis"), "BECKON_REDIS_PASSWORD", "refuses user and password"),
    ],
)
def test_a_wrong_password_is_one_line_that_does_not_say_it(
    guarded: Guarded, command: tuple[str, ...], changed: str, says: str
) -> None:
    mine = guarded.environment("beckon-worker", "beckon-reader") | {changed: WRONG[changed]} | QUICK
    done = beckon(*command, **mine)
    assert done.returncode in {1, 2}
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
    assert secrets_in(done.stdout, done.stderr) == set()


def test_a_server_that_another_authority_signed_is_not_spoken_to(guarded: Guarded, tmp_path: Path) -> None:
    foreign = certificates.make(tmp_path).authority
    mine = guarded.environment("beckon-worker", "beckon-reader") | QUICK
    files = {"BECKON_KAFKA_SSL_CA_FILE": foreign, "BECKON_REDIS_CA_FILE": foreign}
    done = beckon("check", **mine | files)
    found = done.stdout
    assert secrets_in(found, done.stderr) == set()
    assert re.search(
        r"^broker +failed .*the certificate of the broker at \S+ is not trusted", found, re.MULTILINE
    )
    assert re.search(r"^redis +failed .*certificate verify failed", found, re.MULTILINE)


@pytest.mark.parametrize(
    "url",
    [
        "redis://ann:Redis-secret-of-mirror@127.0.0.1:1/0",
        "redis://127.0.0.1:1/0?password=Redis-secret-of-mirror",
        "redis://:Redis-secret-of-mirror/x@127.0.0.1:1/0",  # a slash that should be %2F
        "http://ann:Redis-secret-of-mirror@127.0.0.1:1/0",
    ],
)
def test_a_password_inside_an_address_is_not_said_either(url: str, tmp_path: Path) -> None:
    for command in (("profile", "ann", "--redis"), ("check",)):
        done = beckon(
            *command, BECKON_REDIS_URL=url, BECKON_KAFKA_CONNECT_TIMEOUT_S="0.2", BECKON_MODELS_TAGS=""
        )
        assert done.returncode in {1, 2}
        assert secrets_in(done.stdout, done.stderr) == set()


def test_settings_that_are_printed_by_accident_hold_no_secret() -> None:
    flags = {
        "kafka.sasl_password": "Kafka-secret-of-ann",
        "redis.password": REDIS_SECRETS["beckon-mirror"],
        "redis.url": f"redis://ann:{REDIS_SECRETS['beckon-reader']}@redis/0",
        "log.key": LOG_KEY,
    }
    printed = f"{load(flags)!r} {load(flags)}"
    assert secrets_in(printed) == set()
    assert "servers='127.0.0.1:9092'" in printed
    assert "sasl_password=None" in repr(load())


def test_a_secret_that_is_said_is_found() -> None:
    # The search itself, with a process that says its password: without it all tests above could be blind.
    leak = (
        "from streams import log; from streams.settings import load; import os; s = load(env=os.environ);"
        "log.set_up(s.log); log.info('mirror_started', password=s.redis.password)"
    )
    password = REDIS_SECRETS["beckon-mirror"]
    done = subprocess.run(
        [sys.executable, "-c", leak],
        env=clean() | {"BECKON_REDIS_PASSWORD": password},
        capture_output=True,
        text=True,
        check=True,
    )
    assert secrets_in(done.stderr) == {password}
    assert RedisSettings(password=password) == RedisSettings(password=password)

"""A real broker where everyone signs in and may do what is written down: TLS, SCRAM, and rules by name.

Its own listener is open to the test, which makes topics, users and rules on it.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from msgspec import Struct

from streams import kafka_jars, local_kafka
from streams.settings import KafkaSettings
from tests.support.certificates import Certificates
from tests.support.manifests import Manifest

_WAIT_S = 30.0
_MORE = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.guarded.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.guarded.ssl.keystore.type=PEM
listener.name.guarded.ssl.keystore.location={server}
"""


class GuardedKafka(Struct, frozen=True):
    """`open` is the test's own way in, `guarded` everybody's; `authority` signed its certificate (a PEM file)."""

    open: str
    guarded: str
    authority: str

    def let_in(self, users: Sequence[Manifest]) -> None:
        """Do what Strimzi does for KafkaUsers: a password for each, and its rules."""
        admin = AdminClient({"bootstrap.servers": self.open})
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        names = [user["metadata"]["name"] for user in users]
        accounts = [UserScramCredentialUpsertion(name, scram, password_of(name).encode()) for name in names]
        rules = [_binding(name, acl) for user, name in zip(users, names, strict=True) for acl in _acls(user)]
        for done in admin.alter_user_scram_credentials(accounts).values():
            done.result(_WAIT_S)
        for made in admin.create_acls([one for some in rules for one in some]).values():
            made.result(_WAIT_S)

    def settings(self, user: str) -> KafkaSettings:
        """Return the settings of one who signs in."""
        return KafkaSettings(
            servers=self.guarded,
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username=user,
            sasl_password=password_of(user),
            ssl_ca_file=self.authority,
        )


def password_of(user: str) -> str:
    """Return a user's password: nothing that may stand in a log for another reason."""
    return f"Kafka-secret-of-{user}"


def _acls(user: Manifest) -> list[Manifest]:
    found: list[Manifest] = user["spec"]["authorization"]["acls"]
    return found


def _binding(user: str, acl: Manifest) -> list[AclBinding]:
    kinds = {
        "topic": ResourceType.TOPIC,
        "group": ResourceType.GROUP,
        "transactionalId": ResourceType.TRANSACTIONAL_ID,
        "cluster": ResourceType.BROKER,
    }
    patterns = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
    operations = {
        "Read": AclOperation.READ,
        "Write": AclOperation.WRITE,
        "Describe": AclOperation.DESCRIBE,
        "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    }
    return [
        AclBinding(
            kinds[acl["resource"]["type"]],
            # There is one cluster; Strimzi leaves out its name, which is always this.
            acl["resource"].get("name", "kafka-cluster"),
            patterns[acl["resource"].get("patternType", "literal")],
            f"User:{user}",
            "*",
            operations[operation],
            AclPermissionType.ALLOW,
        )
        for operation in acl["operations"]
    ]


@contextmanager
def running(signed: Certificates) -> Iterator[GuardedKafka]:
    """Run one until the block ends; `signed` is its certificate."""
    installed = kafka_jars.install()
    with tempfile.TemporaryDirectory(prefix="beckon-guarded-") as folder:
        port, controller, guarded = local_kafka._free_ports(3)
        home = Path(folder)
        shutil.copytree(installed / "formatted", home / "data")
        text = kafka_jars.PROPERTIES.format(port=port, controller=controller, data=home / "data")
        inside = f"listeners=PLAINTEXT://127.0.0.1:{port},"
        advertised = f"advertised.listeners=PLAINTEXT://127.0.0.1:{port}"
        assert inside in text
        text = text.replace(f"\n{inside}", f"\n{inside}GUARDED://127.0.0.1:{guarded},")
        text = text.replace(advertised, f"{advertised},GUARDED://127.0.0.1:{guarded}")
        text = text.replace("PLAINTEXT:PLAINTEXT\n", "PLAINTEXT:PLAINTEXT,GUARDED:SASL_SSL\n")
        (home / "server.properties").write_text(text + _MORE.format(server=signed.server), encoding="utf-8")
        command = [*kafka_jars.jvm(installed, []), "kafka.Kafka", str(home / "server.properties")]
        if shutil.which("setpriv"):  # a killed test run leaves no broker behind
            command = ["setpriv", "--pdeathsig", "KILL", *command]
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        broker = local_kafka.Broker(f"127.0.0.1:{port}", process.pid, home)
        try:
            assert local_kafka._wait(broker) is None, (home / "log").read_text()[-2000:]
            yield GuardedKafka(broker.servers, f"127.0.0.1:{guarded}", signed.authority)
        finally:
            local_kafka._end(process.pid)

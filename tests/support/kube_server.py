"""A real kube-apiserver with etcd behind it, and nothing else: it judges manifests and runs no pod."""

import contextlib
import json
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from msgspec import Struct

from streams.local_kafka import _free_ports
from tests.support import kube_tools

_START_S = 120.0


class Answer(Struct, frozen=True):
    """What the server said: HTTP's status, its warnings, and the object or the fault."""

    status: int
    warnings: list[str]
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The fault, in the server's words."""
        return str(self.body.get("message", ""))


class ApiServer:
    """A running server that trusts whoever has the token."""

    def __init__(self, address: str, token: str) -> None:
        self._address = address
        self._token = token
        self._tls = ssl.create_default_context()
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE  # its certificate is of this minute and this machine
        self._paths: dict[tuple[str, str], tuple[str, bool]] = {}

    def is_ready(self) -> bool:
        """Return whether it takes requests."""
        with contextlib.suppress(URLError, OSError):
            return self.ask("GET", "/readyz", accept="*/*").status == 200
        return False

    def try_out(self, manifest: Mapping[str, Any]) -> Answer:
        """Apply a manifest as a server-side dry run, strictly: nothing is stored."""
        return self._apply(manifest, {"dryRun": "All"})

    def apply(self, manifest: Mapping[str, Any]) -> Answer:
        """Apply a manifest for good."""
        return self._apply(manifest, {})

    def try_pod(self, manifest: Mapping[str, Any], namespace: str) -> Answer:
        """Create a pod as a dry run: what admission says of pods it says of these only."""
        path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict"
        return self.ask("POST", path, manifest)

    def _apply(self, manifest: Mapping[str, Any], extra: Mapping[str, str]) -> Answer:
        kind = (manifest["apiVersion"], manifest["kind"])
        if kind not in self._paths:
            self._discover(manifest["apiVersion"])
        if kind not in self._paths:
            return Answer(404, [], {"message": f"{kind[0]} has no kind {kind[1]}"})
        resources, namespaced = self._paths[kind]
        meta = manifest["metadata"]
        place = f"/namespaces/{meta.get('namespace', 'default')}" if namespaced else ""
        options = {"fieldManager": "beckon", "fieldValidation": "Strict", "force": "true", **extra}
        path = f"{_root(kind[0])}{place}/{resources}/{meta['name']}?{urlencode(options)}"
        return self.ask("PATCH", path, manifest, kind="application/apply-patch+yaml")

    def _discover(self, version: str) -> None:
        answer = self.ask("GET", _root(version))
        for one in answer.body.get("resources", []):
            if "/" not in one["name"]:
                self._paths[version, one["kind"]] = (one["name"], one["namespaced"])

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
    ) -> Answer:
        """Send one request; an answer that is a fault is an answer too."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind, "Accept": accept}
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._address + path, data, headers, method=method)
        try:
            with urlopen(request, timeout=30, context=self._tls) as answer:
                return _answer(answer.status, answer.headers.get_all("Warning"), answer.read())
        except HTTPError as error:
            return _answer(error.code, error.headers.get_all("Warning"), error.read())


def _answer(status: int, warnings: list[str] | None, text: bytes) -> Answer:
    with contextlib.suppress(ValueError):
        body = json.loads(text)
        if isinstance(body, dict):
            return Answer(status, warnings or [], body)
    return Answer(status, warnings or [], {"message": text.decode()})


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


@contextmanager
def running() -> Iterator[ApiServer]:
    """Run etcd and kube-apiserver on free ports until the block ends."""
    with tempfile.TemporaryDirectory(prefix="beckon-kube-") as folder, contextlib.ExitStack() as stack:
        store, peers, port = _free_ports(3)
        token = secrets.token_hex(16)
        Path(f"{folder}/tokens").write_text(f'{token},beckon,beckon,"system:masters"\n')
        key = f"{folder}/accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        etcd = [
            str(kube_tools.program("etcd")),
            f"--data-dir={folder}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{store}",
            f"--advertise-client-urls=http://127.0.0.1:{store}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
            f"--initial-cluster=default=http://127.0.0.1:{peers}",
            "--unsafe-no-fsync",
            "--log-level=error",
        ]
        server = [
            str(kube_tools.program("kube-apiserver")),
            f"--etcd-servers=http://127.0.0.1:{store}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={folder}/certs",
            f"--token-auth-file={folder}/tokens",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            # Accounts and their tokens are made by a controller that does not run here.
            "--disable-admission-plugins=ServiceAccount",
        ]
        stack.enter_context(_process("etcd", etcd, folder))
        process = stack.enter_context(_process("kube-apiserver", server, folder))
        api = ApiServer(f"https://127.0.0.1:{port}", token)
        deadline = time.monotonic() + _START_S
        while not api.is_ready():
            assert process.poll() is None, Path(f"{folder}/kube-apiserver.log").read_text()[-2000:]
            assert time.monotonic() < deadline, f"kube-apiserver did not start within {_START_S:g} s"
            time.sleep(0.2)
        yield api


@contextmanager
def _process(name: str, command: list[str], folder: str) -> "Iterator[subprocess.Popen[bytes]]":
    if shutil.which("setpriv"):  # a killed test run leaves no server behind
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    with Path(f"{folder}/{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

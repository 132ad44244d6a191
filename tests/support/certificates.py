"""An authority and a server's certificate for 127.0.0.1, made by openssl for one test."""

import subprocess
from pathlib import Path

import pytest
from msgspec import Struct

_KEY = ("-newkey", "rsa:2048", "-nodes", "-days", "2")


class Certificates(Struct, frozen=True):
    """PEM files: `server` holds key and certificate together, as Kafka wants them."""

    authority: str
    key: str
    certificate: str
    server: str


def make(folder: Path) -> Certificates:
    """Return new ones in `folder`; fail in one line where openssl is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca-key.pem"
    key, request, certificate = folder / "key.pem", folder / "request.pem", folder / "certificate.pem"
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    _openssl("req", "-x509", *_KEY, "-subj", "/CN=test authority", "-keyout", str(ca_key), "-out", str(ca))
    _openssl("req", *_KEY[:3], "-subj", "/CN=test server", "-keyout", str(key), "-out", str(request))
    signing = ["-CA", str(ca), "-CAkey", str(ca_key), "-CAcreateserial", "-days", "2"]
    _openssl(
        "x509",
        "-req",
        "-in",
        str(request),
        *signing,
        "-extfile",
        str(folder / "names"),
        "-out",
        str(certificate),
    )
    server = folder / "server.pem"
    server.write_text(key.read_text() + certificate.read_text())
    return Certificates(str(ca), str(key), str(certificate), str(server))


def _openssl(*arguments: str) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.fail("openssl: is not on this machine; apt-get install openssl", pytrace=False)
    assert done.returncode == 0, done.stderr

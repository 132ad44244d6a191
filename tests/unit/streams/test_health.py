"""The worker's own web server: three addresses, and a port that is taken is one line."""

import socket
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from schemas.errors import SettingsError
from streams.health import HealthServer
from streams.metrics import Metrics
from streams.settings import MetricsSettings


def _get(address: str) -> tuple[int, str]:
    try:
        with urlopen(address, timeout=5) as answer:
            return answer.status, str(answer.read(), "utf-8")
    except HTTPError as error:
        with error:
            return error.code, str(error.read(), "utf-8")


def test_ready_and_live_follow_what_the_worker_says() -> None:
    says = {"ready": False, "live": True}
    server = HealthServer(MetricsSettings(port=0), Metrics(), lambda: says["ready"], lambda: says["live"])
    try:
        assert _get(server.address + "/ready") == (503, "not ready\n")
        assert _get(server.address + "/live") == (200, "live\n")
        says.update(ready=True, live=False)
        assert _get(server.address + "/ready?probe=1") == (200, "ready\n")
        assert _get(server.address + "/live") == (503, "stuck\n")
        assert _get(server.address + "/table") == (404, "not here\n")
        status, page = _get(server.address + "/metrics")
        assert status == 200
        assert "# TYPE beckon_ready gauge" in page
    finally:
        server.close()


def test_a_port_that_is_taken_is_one_line_with_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            HealthServer(MetricsSettings(port=port), Metrics(), lambda: True, lambda: True)
    assert str(caught.value) == (
        f"metrics.port: cannot listen on 127.0.0.1:{port} (Address already in use); "
        "set BECKON_METRICS_PORT to a free port, or 0"
    )

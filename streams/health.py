"""The small web server of a worker or mirror: /metrics, /ready (all is restored), /live (work advances).

Liveness asks neither Kafka nor a model: a restart would not bring them back.
"""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from schemas.errors import SettingsError
from streams.metrics import CONTENT_TYPE, MetricsPage
from streams.settings import MetricsSettings


class HealthServer:
    """Listens until `close`; `ready` and `live` are asked from its threads."""

    def __init__(
        self,
        settings: MetricsSettings,
        metrics: MetricsPage,
        ready: Callable[[], bool],
        live: Callable[[], bool],
    ) -> None:
        answers: dict[str, Callable[[], tuple[int, str, bytes]]] = {
            "/metrics": lambda: (200, CONTENT_TYPE, metrics.page()),
            "/ready": lambda: _status(ready(), b"ready\n", b"not ready\n"),
            "/live": lambda: _status(live(), b"live\n", b"stuck\n"),
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = answers.get(self.path.partition("?")[0])
                status, kind, body = answer() if answer else (404, "text/plain", b"not here\n")
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
                """A scrape is no event."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that breaks off is no event."""

        try:
            self._server = Server((settings.host, settings.port), Handler)
        except OSError as error:
            raise SettingsError(
                "metrics.port",
                f"cannot listen on {settings.host}:{settings.port} ({error.strerror})",
                "set BECKON_METRICS_PORT to a free port, or 0",
            ) from None
        self._server.daemon_threads = True
        self.address = f"http://{settings.host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def _status(good: bool, yes: bytes, no: bytes) -> tuple[int, str, bytes]:
    return (200, "text/plain", yes) if good else (503, "text/plain", no)

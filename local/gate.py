"""A gate in front of an HTTP service: open, everything goes through; closed, nothing does.

GET    /_gate    {"state": "open" or how it is closed, "passed": n, "refused": n}
POST   /_gate    {"closed": "drop"}: from now on every connection ends without a word;
                 {"closed": "unavailable"}: 503
DELETE /_gate    opens it
"""

import argparse
import http.client
import json
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from local.ports import HOST

CONTROL = "/_gate"
WAYS = ("drop", "unavailable")
OPEN = "open"
UPSTREAM_SECONDS = 60.0
IDLE_SECONDS = 60
LISTEN_BACKLOG = 128
# Of one connection each, and not of the service's answer to one request.
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Gate(ThreadingHTTPServer):
    """Bound to loopback only. Raises ValueError when the service's address cannot be one."""

    daemon_threads = True
    request_queue_size = LISTEN_BACKLOG

    def __init__(self, port: int, upstream: str) -> None:
        parts = urlsplit(upstream)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ValueError(f"{upstream} is not http://host:port")
        self.upstream = parts.hostname, parts.port
        self._lock = threading.Lock()
        self._closed = ""
        self._counts = {"passed": 0, "refused": 0}
        super().__init__((HOST, port), Handler)

    def way_closed(self) -> str:
        """How it is closed now, "" for open; counts the request that asks."""
        with self._lock:
            self._counts["refused" if self._closed else "passed"] += 1
            return self._closed

    def close(self, way: str) -> None:
        """Let nothing through. Raises ValueError for a way there is none of."""
        if way not in WAYS:
            raise ValueError(f"closed must be one of {', '.join(WAYS)}")
        with self._lock:
            self._closed = way

    def open(self) -> None:
        """Let everything through."""
        with self._lock:
            self._closed = ""

    def state(self) -> dict[str, Any]:
        """How it stands, and how many requests it has let through and refused."""
        with self._lock:
            return {"state": self._closed or OPEN, **self._counts}


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Gate
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Pass a GET on, or answer how the gate stands."""
        self._serve()

    def do_POST(self) -> None:
        """Pass a POST on, or close the gate."""
        self._serve()

    def do_DELETE(self) -> None:
        """Pass a DELETE on, or open the gate."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited name
        """The counts say enough."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == CONTROL:
            self._control(body)
            return
        way = self.server.way_closed()
        if way == "unavailable":
            self._answer(503, b'{"__type":"ServiceUnavailable"}', {"Content-Type": "text/plain"})
        elif way:
            self.close_connection = True
        else:
            self._pass_on(body)

    def _pass_on(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(*self.server.upstream, timeout=UPSTREAM_SECONDS)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP}
            self._answer(answer.status, answer.read(), kept)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            connection.close()

    def _control(self, body: bytes) -> None:
        try:
            if self.command == "POST":
                self.server.close(json.loads(body)["closed"])
            elif self.command == "DELETE":
                self.server.open()
            status, said = 200, self.server.state()
        except (ValueError, KeyError, TypeError) as error:
            status, said = 400, {"error": str(error)}
        self._answer(status, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.gate", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, metavar="URL")
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    gate = Gate(given.port, given.upstream)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    ended.wait()


if __name__ == "__main__":
    main()

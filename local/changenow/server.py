"""The HTTP server: keys, limits, scripted failures, then the endpoint."""

import logging
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.changenow.api import ENDPOINTS, KEYLESS, Request, Service
from local.changenow.control import PREFIX, Control
from local.changenow.faults import Fault, FaultScript
from local.changenow.limits import CallCounts, RateLimit
from local.changenow.wire import HTML_TYPE, Answer, Refusal, json_answer, text_answer

LOOPBACK = "127.0.0.1"
KEY_HEADER = "x-changenow-api-key"
BODY_BYTES_MAX = 1 << 20
IDLE_SECONDS = 60
LISTEN_BACKLOG = 128
UNAUTHORIZED = "Unauthorized: check the x-changenow-api-key header"
GATEWAY_PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
AFTERWARDS = frozenset({"timeout_after", "truncate", "empty"})  # the request is processed

log = logging.getLogger("changenow")


@dataclass(slots=True, kw_only=True)
class Front:
    """Everything between the socket and the endpoints."""

    service: Service
    control: Control
    faults: FaultScript
    limit: RateLimit
    api_keys: frozenset[str]
    private_key: str
    gated: frozenset[str]
    calls: CallCounts
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, target: str, key: str | None, body: bytes) -> Answer:
        """The answer to one request, scripted failures of the transport aside."""
        parts = urlsplit(target)
        try:
            if parts.path.startswith(PREFIX):
                return json_answer(self.control.answer(method, parts.path, body))
            return self._endpoint(method, parts.path, parts.query, key, body)
        except Refusal as refusal:
            return refusal.answer()

    def _endpoint(self, method: str, path: str, query: str, key: str | None, body: bytes) -> Answer:
        endpoint = ENDPOINTS.get((method, path))
        if endpoint is None:
            raise Refusal(404, "not_found", "Not found")
        known = key is not None and (key in self.api_keys or key == self.private_key)
        if path in self.gated or not (known or (key is None and path in KEYLESS)):
            return text_answer(UNAUTHORIZED, 401)
        if not self.limit.allows(key or ""):
            raise Refusal(429, "too_many_requests", "Too many requests")
        request = Request(
            query=dict(parse_qsl(query)),
            body=body,
            key=key or "",
            private=key == self.private_key,
        )
        return json_answer(endpoint(self.service, request))


class Server(ThreadingHTTPServer):
    """Bound to loopback only."""

    daemon_threads = True
    request_queue_size = LISTEN_BACKLOG

    def __init__(self, port: int, front: Front) -> None:
        self.front = front
        super().__init__((LOOPBACK, port), Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours; anything else is a bug, and logged."""
        del request, client_address
        if not isinstance(sys.exception(), OSError):
            log.exception("a request failed")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._serve()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited name
        """Requests are counted, not logged."""

    def _serve(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_BYTES_MAX))
        front, path = self.server.front, urlsplit(self.path).path
        front.calls.add(f"{self.command} {path}")
        fault = None if path.startswith(PREFIX) else front.faults.take(self.command, path)
        if fault is not None and fault.kind not in AFTERWARDS:
            self._fail_before(fault)
            return
        answer = front.answer(self.command, self.path, self.headers.get(KEY_HEADER), body)
        if fault is not None:
            self._fail_after(fault, answer)
            return
        self._write(answer)

    def _fail_before(self, fault: Fault) -> None:
        if fault.kind == "timeout_before":
            self._be_silent(fault.seconds)
        elif fault.kind == "drop":
            self.close_connection = True
        elif fault.kind == "gated":
            self._write(text_answer(UNAUTHORIZED, 401))
        elif fault.kind == "html":
            self._write(Answer(fault.status, GATEWAY_PAGE, HTML_TYPE, fault.headers))
        else:
            error = {"error": "internal_error", "message": "Something went wrong"}
            self._write(_scripted(fault, error))

    def _fail_after(self, fault: Fault, answer: Answer) -> None:
        if fault.kind == "timeout_after":
            self._be_silent(fault.seconds)
        elif fault.kind == "empty":
            self._write(Answer(200, b""))
        else:
            self._write(answer, sent=len(answer.body) // 2)
            self.close_connection = True

    def _be_silent(self, seconds: float) -> None:
        self.server.front.closing.wait(seconds)
        self.close_connection = True

    def _write(self, answer: Answer, sent: int | None = None) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[:sent])
        self.wfile.flush()


def _scripted(fault: Fault, default: dict[str, str]) -> Answer:
    if isinstance(fault.body, str):
        answer = text_answer(fault.body, fault.status)
    else:
        answer = json_answer(default if fault.body is None else fault.body, fault.status)
    return Answer(answer.status, answer.body, answer.content_type, fault.headers)

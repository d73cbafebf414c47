"""An HTTP server on loopback that answers what a test tells it to."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes | str = b""
    content_type: str = "application/json"
    wait_seconds: float = 0
    hang_up: bool = False  # close the connection without a word
    claims_bytes: int | None = None  # a Content-Length that is not the body's
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)


def told(value: object, status: int = 200) -> Answer:
    return Answer(status, value if isinstance(value, str) else json.dumps(value))


def told_as_node(said: Any, result_of: Callable[[str, list[Any]], object]) -> Answer:
    """JSON-RPC: one call, or several in one request, each with its result."""

    def answer(call: Mapping[str, Any]) -> dict[str, object]:
        result = result_of(call["method"], call["params"])
        return {"jsonrpc": "2.0", "id": call["id"], "result": result}

    return told([answer(each) for each in said] if isinstance(said, list) else answer(said))


@dataclass
class StubServer:
    """`answer` is called for every request; `requests` keeps them."""

    answer: Callable[[Request], Answer] = lambda _request: Answer(500)
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> "StubServer":
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_args: object) -> None:
                pass

            def _serve(self) -> None:
                url = urlsplit(self.path)
                request = Request(
                    self.command,
                    url.path,
                    {name: values[0] for name, values in parse_qs(url.query).items()},
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(int(self.headers.get("Content-Length") or 0)),
                )
                stub.requests.append(request)
                answer = stub.answer(request)
                time.sleep(answer.wait_seconds)
                if answer.hang_up:
                    return
                body = answer.body.encode() if isinstance(answer.body, str) else answer.body
                length = len(body) if answer.claims_bytes is None else answer.claims_bytes
                try:
                    self.send_response(answer.status)
                    self.send_header("Content-Type", answer.content_type)
                    self.send_header("Content-Length", str(length))
                    if 300 <= answer.status < 400:
                        self.send_header("Location", "/elsewhere")
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has given up

            do_GET = do_POST = _serve  # noqa: N815 - the names the base class looks for

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

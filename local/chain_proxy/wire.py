"""HTTP both ways: what goes to the client, and the one way to ask the node."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
HTML_TYPE = "text/html"
UPSTREAM_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer, or the lack of one."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None  # so many bytes of the body, then the connection is closed
    hang_up: bool = False  # the connection is closed without a word
    whole: bool = False  # about the HTTP exchange: in a batch it takes the place of everything

    @property
    def delivered(self) -> bytes:
        """The bytes of the body that the client gets."""
        return b"" if self.hang_up else self.body[: self.sent]

    @property
    def heard_status(self) -> int:
        """The status that the client gets; 0 for none."""
        return 0 if self.hang_up else self.status


HANG_UP = Reply(hang_up=True, whole=True)


def json_reply(value: Any, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status=status, body=json.dumps(value).encode(), whole=status != 200)


def rpc_reply(call_id: Any, *, status: int = 200, **outcome: Any) -> Reply:
    """A JSON-RPC answer with a `result` or an `error`."""
    return json_reply({"jsonrpc": "2.0", "id": call_id, **outcome}, status)


class Upstream:
    """The node. A connection for each call: one that is kept could need a second attempt."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url} does not begin with http://")
        self.url = url
        self._host, self._port = parts.hostname, parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def post(self, body: bytes) -> Reply:
        """What the node answers, sent exactly once; 502 when there is no node."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=UPSTREAM_SECONDS)
        try:
            connection.request("POST", self._target, body, {"Content-Type": JSON_TYPE})
            answer = connection.getresponse()
            content_type = answer.getheader("Content-Type") or JSON_TYPE
            return Reply(
                status=answer.status,
                body=answer.read(),
                content_type=content_type,
                whole=answer.status != 200,
            )
        except (OSError, http.client.HTTPException) as error:
            text = f"the node cannot be reached: {error}".encode()
            return Reply(status=502, body=text, content_type=TEXT_TYPE, whole=True)
        finally:
            connection.close()

    def ask(self, method: str, *params: Any) -> Any:
        """The result of a call of the proxy's own; None when the node has none."""
        said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            answer = json.loads(self.post(json.dumps(said).encode()).body)
        except ValueError:
            return None
        return answer.get("result") if isinstance(answer, dict) else None

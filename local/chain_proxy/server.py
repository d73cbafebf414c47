"""The HTTP server, and the proxy as a test holds it."""

import logging
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from local.chain_proxy.control import PREFIX, Control
from local.chain_proxy.faults import Fault
from local.chain_proxy.front import Front
from local.chain_proxy.journal import Call, Journal
from local.chain_proxy.script import FaultScript, Scripted
from local.chain_proxy.transactions import RawTransaction
from local.chain_proxy.wire import Reply, Upstream, json_reply

LOOPBACK = "127.0.0.1"
BODY_BYTES_MAX = 16 << 20
IDLE_SECONDS = 60
LISTEN_BACKLOG = 128
POLL_SECONDS = 0.01

log = logging.getLogger("chain_proxy")


class Server(ThreadingHTTPServer):
    """Bound to loopback only; ends its connections with itself."""

    daemon_threads = True
    request_queue_size = LISTEN_BACKLOG

    def __init__(self, port: int, front: Front) -> None:
        self.front = front
        self.control = Control(front)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__((LOOPBACK, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Keep the connection in mind."""
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Close what clients keep open: nobody is served after the end."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it is gone already

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
        """Answer a GET: only the control surface has any."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a POST: on any other path it is JSON-RPC."""
        self._serve()

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - inherited name
        """Requests are in the journal, not in a log."""

    def _serve(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_BYTES_MAX))
        if self.path.startswith(PREFIX):
            reply = self.server.control.reply(self.command, self.path, body)
        elif self.command == "POST":
            reply = self.server.front.reply(body)
        else:
            reply = json_reply({"error": "JSON-RPC is POST"}, 405)
        self._write(reply)

    def _write(self, reply: Reply) -> None:
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.delivered)
        self.wfile.flush()
        if reply.sent is not None:
            self.close_connection = True


class ChainProxy:
    """The proxy inside this process. Started again, it has the same port, script and journal."""

    def __init__(self, upstream_url: str, port: int = 0) -> None:
        self._port = port
        self._upstream = Upstream(upstream_url)
        self._faults = FaultScript()
        self._journal = Journal()

    @property
    def url(self) -> str:
        """Where it listens. Any path does, so a provider's key can be part of it."""
        return f"http://{LOOPBACK}:{self._port}"

    def start(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        front = Front(upstream=self._upstream, script=self._faults, journal=self._journal)
        self._server = Server(self._port, front)
        self._port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="proxy", daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """Nobody answers any more, and what still waits is not forwarded."""
        self._server.front.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()
        self._thread.join()

    def fault(self, kind: str, method: str = "", **said: Any) -> Scripted:
        """Script one fault; `said` are the fields of Fault. Raises ValueError, TypeError."""
        return self.script(Fault(kind=kind, method=method, **said))

    def script(self, fault: Fault) -> Scripted:
        """Script a fault that exists already."""
        return self._faults.add(fault)

    def lift(self, scripted: Scripted) -> None:
        """Forget one fault."""
        self._faults.lift(scripted.number)

    def clear(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def pending(self) -> list[dict[str, Any]]:
        """The faults still to come."""
        return self._faults.pending()

    def calls(self, method: str = "") -> list[Call]:
        """All calls so far, or those of one method, oldest first."""
        return self._journal.calls(method)

    def transactions(self, sender: str = "") -> list[RawTransaction]:
        """All raw transactions ever seen, or those of one sender, in that order."""
        return self._journal.transactions(sender)

    def forget_calls(self) -> None:
        """Empty the record of calls; the transactions stay known."""
        self._journal.clear()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

"""TCP ports and HTTP on this machine: which port is free, who answers."""

import http.client
import secrets
import socket
import urllib.error
import urllib.request

HOST = "127.0.0.1"

# Below the range from which the kernel takes ports for outgoing connections (32768 on Linux), so
# that nothing slips into a port between our choice and the start of the server that gets it.
_FIRST_PORT = 20_000
_LAST_PORT = 32_000
_ATTEMPTS_MAX = 200

_PROBE_SECONDS = 2.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class PortInUseError(RuntimeError):
    """Somebody else has the port that was asked for."""


def free_port() -> int:
    """A port that nobody listens on now. Raises OSError when none is found."""
    for _ in range(_ATTEMPTS_MAX):
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_FIRST_PORT} and {_LAST_PORT}")


def require_free(port: int, whose: str) -> None:
    """Raises PortInUseError when somebody listens on a port that is wanted for `whose`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise PortInUseError(f"port {port} is not free for {whose}: choose another") from error


def http_get(url: str, timeout_seconds: float = _PROBE_SECONDS) -> tuple[int, str]:
    """Status and body of a GET that goes past every proxy; status 0 when nobody answers."""
    try:
        with _direct.open(url, timeout=timeout_seconds) as response:
            return response.status, response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def http_post(url: str, body: bytes, timeout_seconds: float = _PROBE_SECONDS) -> bytes:
    """Body of a JSON POST that goes past every proxy. Raises OSError."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    with _direct.open(request, timeout=timeout_seconds) as response:
        answer: bytes = response.read()
        return answer

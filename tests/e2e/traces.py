"""What a stack has running: every process that knows its folder, and the ports they listen on."""

import socket
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"


@dataclass(frozen=True)
class Traces:
    """At one moment."""

    commands: dict[int, str]  # by process id
    ports: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.commands or self.ports)


def of(folder: Path) -> Traces:
    """The folder's name occurs in the command line or the environment of each of them."""
    word = str(folder).encode()
    commands = {
        int(process.name): _read(process / "cmdline").replace(b"\0", b" ").decode()
        for process in PROC.glob("[0-9]*")
        if word in _read(process / "cmdline") + _read(process / "environ")
    }
    return Traces(commands, frozenset(_ports(set(commands))))


def taken(ports: frozenset[int]) -> set[int]:
    """Those that somebody still answers on."""
    answering = set()
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                answering.add(port)
    return answering


def _ports(processes: set[int]) -> set[int]:
    sockets = set()
    for process in processes:
        for descriptor in (PROC / str(process) / "fd").glob("*"):
            try:
                sockets.add(str(descriptor.readlink()))
            except OSError:  # closed in between
                continue
    rows = (PROC / "net" / "tcp").read_text().splitlines()[1:]
    listening = (row.split() for row in rows)
    return {
        int(fields[1].rpartition(":")[2], 16)
        for fields in listening
        if fields[3] == LISTENING and f"socket:[{fields[9]}]" in sockets
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended, or is somebody else's
        return b""

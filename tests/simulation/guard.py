"""Refuses every effect of a simulated step that does not pass a seam.

Python tells its audit hooks of sockets, processes, files and sleeping before they happen. What C
code does by itself (libpq) it does not tell of; for that there is effects_in_code.py.
"""

import os
import sys
import time
from typing import Any

from tests.simulation.seams import UnknownEffect, current

REFUSED = frozenset(
    {
        "ftplib.connect",
        "http.client.connect",
        "imaplib.open",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.link",
        "os.mkdir",
        "os.posix_spawn",
        "os.putenv",
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.spawn",
        "os.symlink",
        "os.system",
        "os.truncate",
        "os.unsetenv",
        "poplib.connect",
        "shutil.copyfile",
        "shutil.move",
        "shutil.rmtree",
        "signal.pthread_kill",
        "smtplib.connect",
        "socket.bind",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendmsg",
        "socket.sendto",
        "sqlite3.connect",
        "subprocess.Popen",
        "tempfile.mkdtemp",
        "tempfile.mkstemp",
        "urllib.Request",
        "webbrowser.open",
    }
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND

_installed = False


def install() -> None:
    """From here on steps are guarded, for as long as the process lives."""
    global _installed  # noqa: PLW0603 - an audit hook cannot be taken away again
    if not _installed:
        sys.dont_write_bytecode = True  # the only file that importing writes
        sys.addaudithook(_refuse)
        time.sleep = _sleep  # of which Python tells nobody before 3.13
        _installed = True


_really_sleep = time.sleep


def _sleep(seconds: float) -> None:
    doing = current()
    if doing is not None and not doing.within:
        raise UnknownEffect(f"{doing.name}: sleeping {seconds} s passes no seam")
    _really_sleep(seconds)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in REFUSED and event != "open":
        return
    doing = current()
    if doing is None or doing.within:
        return
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & WRITING):
        return
    raise UnknownEffect(f"{doing.name}: {event} {str(arguments)[:200]} passes no seam")

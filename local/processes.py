"""Child processes of the local stack: each leads its own group, has a log and is on record.

The record, a file in `pids/`, lets any later command end what an earlier one left behind.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

LOG_TAIL_LINES = 30
POLL_SECONDS = 0.05
STOP_SECONDS = 5.0


class ProcessError(RuntimeError):
    """A child process failed or never became ready; the text ends with its log's last lines."""


@dataclass(frozen=True, slots=True)
class Record:
    """Which process this is: its id alone could be somebody else's by now."""

    name: str
    pid: int
    started: str


class Child:
    """One running child process group."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, record: Path):
        self.name = name
        self.log = log
        self._process = process
        self._record = record
        self._stopped = False

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Returns once `ready` says so. Raises ProcessError when it ends first or takes longer."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self._process.poll() is not None:
                raise self._failure(f"ended with {self._process.returncode} instead of starting")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready after {timeout_seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def wait_for_success(self, timeout_seconds: float) -> None:
        """Returns once it has ended with 0. Raises ProcessError otherwise."""
        try:
            code = self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise self._failure(f"ran longer than {timeout_seconds:.0f} s") from error
        finally:
            self.stop()
        if code != 0:
            raise self._failure(f"ended with {code}")

    def stop(self) -> None:
        """Ends the whole group and takes it off the record."""
        if self._stopped:  # its id may be somebody else's by now
            return
        _end_group(self.pid, self._ended)
        self._process.wait()
        self._record.unlink(missing_ok=True)
        self._stopped = True

    def _ended(self) -> bool:
        return self._process.poll() is not None

    def _failure(self, what: str) -> ProcessError:
        return ProcessError(f"{self.name} {what}; the end of {self.log}:\n{_tail(self.log)}")


class Processes:
    """The child processes of one stack, with `logs/` and `pids/` in its folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._children: list[Child] = []
        self._lock = threading.Lock()
        self._closed = False

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        cwd: Path | None = None,
    ) -> Child:
        """Starts `command` in a group of its own. Raises ProcessError when it cannot."""
        log = self.folder / "logs" / f"{name}.log"
        record = _records(self.folder) / f"{name}.json"
        for path in (log, record):
            path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, log.open("ab") as output:
            if self._closed:  # another thread is ending the stack
                raise ProcessError(f"{name} was not started: the stack is being ended")
            try:
                process = subprocess.Popen(
                    [str(part) for part in command],
                    env=dict(environment),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise ProcessError(f"{name} could not be started: {error}") from error
            write_record(record, process.pid)
            child = Child(name, process, log, record)
            self._children.append(child)
        return child

    def run(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        timeout_seconds: float,
        cwd: Path | None = None,
    ) -> None:
        """Runs `command` to its end. Raises ProcessError unless it ends with 0."""
        child = self.start(name, command, environment=environment, cwd=cwd)
        child.wait_for_success(timeout_seconds)

    def stop_all(self) -> None:
        """Ends every child, newest first; nothing can be started afterwards."""
        with self._lock:
            self._closed = True
            children = list(reversed(self._children))
        for child in children:
            child.stop()


def write_record(path: Path, pid: int) -> None:
    """Puts the running process `pid` on record."""
    path.write_text(json.dumps(asdict(Record(path.stem, pid, _started(pid)))))


def is_running(path: Path) -> bool:
    """Whether the process on record at `path` still runs."""
    record = _read_record(path)
    return record is not None and _alive(record)


def running_records(folder: Path) -> list[str]:
    """Names of the recorded processes of the stack in `folder` that still run."""
    paths = sorted(_records(folder).glob("*.json"))
    return [path.stem for path in paths if is_running(path)]


def stop_recorded(folder: Path) -> None:
    """Ends every recorded process group of the stack in `folder`, whoever started it."""
    for path in sorted(_records(folder).glob("*.json")):
        record = _read_record(path)
        if record is not None and _alive(record):
            _end_group(record.pid, lambda record=record: not _alive(record))  # type: ignore[misc]
        path.unlink(missing_ok=True)


def _records(folder: Path) -> Path:
    return folder / "pids"


def _read_record(path: Path) -> Record | None:
    try:
        return Record(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # cut short by a crash: nothing to go by
        return None


def _alive(record: Record) -> bool:
    return bool(record.started) and _started(record.pid) == record.started


def _started(pid: int) -> str:
    """When process `pid` started, in some fixed notation; empty when it does not run."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    found = subprocess.run(command, check=False, capture_output=True, text=True).stdout.split()
    return "" if not found or found[0].startswith("Z") else " ".join(found[1:])


def _end_group(group: int, ended: Callable[[], bool]) -> None:
    """Asks the group to end, waits for its leader, then kills what is left of it."""
    _signal_group(group, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while not ended() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(f"  | {line}" for line in lines[-LOG_TAIL_LINES:]) or "  | (empty)"

"""Scripted failures of the transport: which request goes wrong, how, and how often."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FOR_EVER = -1
ANY_PATH = "*"
KINDS = frozenset(
    {
        "status",  # a status and body, not processed
        "html",  # a gateway's page, not processed
        "timeout_before",  # silence, not processed
        "timeout_after",  # processed, then silence: the orphan case
        "drop",  # the connection is closed, not processed
        "truncate",  # processed, half of the body
        "empty",  # processed, 200 without a body
        "error200",  # an error body with status 200, not processed
        "gated",  # 401 as text, as for a key without access
    }
)
DEFAULT_STATUS = {"status": 500, "html": 502}
DEFAULT_SILENCE_SECONDS = 30.0


@dataclass(slots=True, kw_only=True)
class Fault:
    """One scripted failure; `times` counts down."""

    path: str
    kind: str
    status: int = 500
    body: Any = None  # an object is sent as JSON, a text as text
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = DEFAULT_SILENCE_SECONDS
    times: int = 1
    skip: int = 0  # requests that are let through first
    method: str | None = None

    def concerns(self, method: str, path: str) -> bool:
        """Whether it is about such a request."""
        return self.path in (ANY_PATH, path) and self.method in (None, method)


class FaultScript:
    """All scripted failures, oldest first. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Add one failure to the script."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget the script."""
        with self._lock:
            self._faults.clear()

    def pending(self) -> list[dict[str, Any]]:
        """What is still to come."""
        with self._lock:
            return [
                {"path": fault.path, "kind": fault.kind, "times": fault.times, "skip": fault.skip}
                for fault in self._faults
            ]

    def take(self, method: str, path: str) -> Fault | None:
        """The failure this request shall suffer, if any; uses it up."""
        with self._lock:
            for fault in self._faults:
                if not fault.concerns(method, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                if fault.times != FOR_EVER:
                    fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
                return fault
            return None


def parse_fault(fields: Mapping[str, Any]) -> Fault:
    """A scripted failure from its JSON; raises ValueError naming what is wrong."""
    kind, path = str(fields.get("kind")), str(fields.get("path", ""))
    if kind not in KINDS:
        raise ValueError(f"kind must be outcome, minimum, maximum or one of {sorted(KINDS)}")
    if path != ANY_PATH and not path.startswith("/v2/"):
        raise ValueError("path must be a path below /v2/, or *")
    times = int(fields.get("times", 1))
    if times == 0 or times < FOR_EVER:
        raise ValueError("times must be positive, or -1 for ever")
    method = fields.get("method")
    return Fault(
        path=path,
        kind=kind,
        status=int(fields.get("status", DEFAULT_STATUS.get(kind, 200))),
        body=fields.get("body"),
        headers={str(k): str(v) for k, v in dict(fields.get("headers", {})).items()},
        seconds=float(fields.get("seconds", DEFAULT_SILENCE_SECONDS)),
        times=times,
        skip=int(fields.get("skip", 0)),
        method=None if method is None else str(method).upper(),
    )

"""The emulator's trail: every request it was asked and every invocation it made, a line each.

What AWS would write into CloudTrail and put on the bill; who was denied what stands in it too.
"""

import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path("logs") / "aws-requests.jsonl"  # in a stack's folder
VARIABLE = "LOCAL_AWS_TRAIL"  # the file, for the emulator's process

_writing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Request:
    """One call of AWS's API."""

    caller: str  # the function's name; whoever runs the stack is "account"
    action: str  # as IAM calls it, "sqs:SendMessage"
    resource: str  # ARN
    allowed: bool
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event handed to a function."""

    function: str
    queue: str  # that its records came from, "" when it was called
    records: int
    cpu_milliseconds: int  # in steps of a clock tick
    is_cold: bool  # the first of its environment
    at: float = 0.0  # when it ended


def note(what: Request | Invocation) -> None:
    """Write one line, if this process keeps a trail."""
    if os.environ.get(VARIABLE):
        line = json.dumps(asdict(what) | {"at": round(time.time(), 3)})
        with _writing, Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as trail:
            trail.write(f"{line}\n")


def read(folder: Path) -> Iterator[Request | Invocation]:
    """The trail of a stack, from its beginning."""
    for line in (folder / FILE).read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        yield Invocation(**fields) if "records" in fields else Request(**fields)

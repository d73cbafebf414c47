"""The command line run in this process against a stub of AWS: what it asks, shows and ends with."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from botocore.loaders import Loader, create_loader

from command.main import main
from tests.unit.stub_server import Answer, Request, StubServer, told

FUNCTION = "microbatch-local-operations"
IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/operator/ann</Arn>
<UserId>A</UserId><Account>123456789012</Account></GetCallerIdentityResult>
<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"""

Act = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class Ended:
    """What a command has said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its stdout, which has to be JSON and nothing else."""
        return json.loads(self.out)


@cache
def _loader(path: str | None) -> Loader:
    """botocore's data files, read once and not with every command: half a second each time."""
    return create_loader(path)


class Keyboard(io.StringIO):
    """A terminal at which somebody types this."""

    def isatty(self) -> bool:
        return True


@dataclass
class CommandLine:
    """`microbatch --local …` on a stub whose function does `act` with every request."""

    folder: Path
    server: StubServer
    act: Act
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.answer = self._answer
        endpoints = {"functions": {"operations": FUNCTION}, "aws_endpoint_url": self.server.url}
        (self.folder / "endpoints.json").write_text(json.dumps(endpoints))

    def run(self, *arguments: str, typed: str | None = None) -> Ended:
        """A command on the local stack; with `typed` somebody sits at a terminal."""
        return run(["--stack", str(self.folder), *arguments], typed=typed)

    def _answer(self, request: Request) -> Answer:
        if not request.path.endswith("/invocations"):
            return Answer(200, IDENTITY, "text/xml")
        self.asked.append(request.json())
        answer = self.act(request.json())
        return answer if isinstance(answer, Answer) else told({"ok": True, "result": answer})


def run(
    arguments: Sequence[str],
    *,
    typed: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """A command in this process, as if started from a shell."""
    out, err = io.StringIO(), io.StringIO()
    stdin = io.StringIO() if typed is None else Keyboard(typed)
    with (
        mock.patch("sys.stdin", stdin),
        mock.patch("botocore.session.create_loader", _loader),
        mock.patch.dict("os.environ", environment or {}),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            code = main(arguments)
        except SystemExit as ended:  # argparse
            code = ended.code if isinstance(ended.code, int) else 1
    return Ended(code, out.getvalue(), err.getvalue())


def aws(line: CommandLine, *arguments: str, **changed: str) -> Ended:
    """A command on AWS, whose every service is the stub."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "sEcReT",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": line.server.url,
    }
    given = {name: value for name, value in (credentials | changed).items() if value}
    return run(["--environment", "dev", *arguments], environment=given)

"""The commands that bring a stack up leave nothing behind, however they end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from local.endpoints import Endpoints
from local.ports import http_get
from local.toolchain import ROOT
from tests.e2e import traces
from tests.e2e.traces import Traces

pytestmark = pytest.mark.skipif(not traces.PROC.is_dir(), reason="it looks at /proc")

PARTS = ("anvil", "local.changenow", "postgres", "local.aws.launcher")
UP_SECONDS = 180.0
END_SECONDS = 40.0
DOCUMENTED = {
    "webhook_url",
    "database_url",
    "rpc_url",
    "changenow_url",
    "own_rpc_url",
    "own_changenow_url",
    "aws_endpoint_url",
    "usdt_address",
    "host_wallet",
    "functions",
    "queues",
    "secrets",
    "day_seconds",
    "gates",
}


class Command:
    """`python -m …` on a folder, with what it prints."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._output = folder.with_suffix(".output")
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *words],
                cwd=ROOT,
                env=_environment(folder),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def until_it_says(self, *texts: str) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.output
            return all(text in self.output for text in texts)

        until(said, UP_SECONDS, texts)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(END_SECONDS)


def _environment(folder: Path) -> Mapping[str, str]:
    """Ours, with a mark that its children inherit where they inherit anything."""
    ours = {**os.environ, "STACK_FOLDER": str(folder)}
    return {**ours, "PYTHONPATH": str(ROOT / "layers/shared/python")}


def until(happened: Callable[[], bool], seconds: float, what: object) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)


def seen_running(folder: Path, parts: tuple[str, ...] = PARTS) -> Traces:
    """What runs there now; all of these parts among it, so that we know we can see them."""
    found = traces.of(folder)
    for part in parts:
        assert any(part in command for command in found.commands.values()), part
    assert len(found.ports) >= len(parts)
    return found


def assert_nothing_left(folder: Path, before: Traces) -> None:
    left = traces.of(folder)
    assert not left, left
    assert traces.taken(before.ports) == set()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Of a stack; whatever a test has left running there is ended."""
    outer = Path(tempfile.mkdtemp(prefix="microbatch-commands-"))
    yield outer / "stack"
    subprocess.run(
        [sys.executable, "-m", "local", "--folder", str(outer / "stack"), "down"],
        cwd=ROOT,
        env=_environment(outer / "stack"),
        check=False,
        capture_output=True,
    )
    shutil.rmtree(outer)


def test_ctrl_c_while_it_deploys_leaves_nothing(folder: Path) -> None:
    demo = Command(folder, "local.demo", "--folder", str(folder))
    demo.until_it_says("cdk deploy: secrets")
    until(lambda: "cdk deploy" in _all(folder), END_SECONDS, "the next deployment")
    before = seen_running(folder)

    code = demo.end(signal.SIGINT)

    assert_nothing_left(folder, before)
    assert code not in (0, -signal.SIGINT)
    assert "interrupted; nothing is left running" in demo.output
    assert "Traceback" not in demo.output
    assert [entry.name for entry in folder.iterdir()] == ["logs"]


def _all(folder: Path) -> str:
    return " ".join(traces.of(folder).commands.values()).replace("/bin/cdk deploy", "cdk deploy")


def test_a_termination_in_the_middle_of_the_day_leaves_nothing(folder: Path) -> None:
    demo = Command(folder, "local.demo", "--folder", str(folder))
    demo.until_it_says("Morning: notifications over HTTP")
    before = seen_running(folder, (*PARTS, "awslambdaric"))

    code = demo.end(signal.SIGTERM)

    assert_nothing_left(folder, before)
    assert code == 128 + signal.SIGTERM
    assert [entry.name for entry in folder.iterdir()] == ["logs"]


def test_a_kill_that_cannot_be_caught_leaves_nothing_for_long(folder: Path) -> None:
    demo = Command(folder, "local.demo", "--folder", str(folder))
    demo.until_it_says("AWS endpoint", "Postgres", "ChangeNOW simulator")
    before = seen_running(folder)

    demo.end(signal.SIGKILL)

    until(lambda: not traces.of(folder), END_SECONDS, "the watchdog has ended everything")
    assert_nothing_left(folder, before)


def test_what_comes_up_stays_until_it_is_taken_down(folder: Path) -> None:
    up = Command(folder, "local", "--folder", str(folder), "up")
    assert up.process.wait(UP_SECONDS) == 0, up.output
    assert f"where it is: {folder}/endpoints.json" in up.output
    before = seen_running(folder, (*PARTS, "awslambdaric"))

    written = json.loads((folder / "endpoints.json").read_text())
    assert written.keys() == DOCUMENTED == {field.name for field in fields(Endpoints)}
    assert not written.pop("gates"), "no drill was asked for"
    assert all(written.values())
    assert http_get(f"{written['webhook_url']}/health", END_SECONDS)[0] == 200
    again = Command(folder, "local", "--folder", str(folder), "up")
    assert again.process.wait(END_SECONDS) != 0
    assert "a stack is up" in again.output
    assert traces.of(folder).commands.keys() >= before.commands.keys()

    down = Command(folder, "local", "--folder", str(folder), "down")
    assert down.process.wait(END_SECONDS) == 0, down.output
    assert_nothing_left(folder, before)
    assert [entry.name for entry in folder.iterdir()] == ["logs"]

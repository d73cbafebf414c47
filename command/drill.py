"""`microbatch drill`: an outage, practised on a local stack of its own (docs/drills.md)."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from command.failures import Failure
from command.registry import Session, Subcommand

PROJECT = Path(__file__).parents[1]
NAMES = (
    "changenow-outage",
    "rpc-outage",
    "sqs-outage",
    "postgres-restart",
    "lost-messages",
    "redrive",
    "all",
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which, how fast, and how long it may take."""
    parser.add_argument("name", choices=NAMES, help="what is taken away")
    parser.add_argument(
        "--day-seconds", type=int, default=48, help="how long a day lasts; else 48 s"
    )
    parser.add_argument(
        "--limit-seconds", type=int, default=180, help="for the recovery; else 180 s"
    )


def run(session: Session, given: argparse.Namespace) -> int:
    """In a process of its own: a drill needs the project's sources, we do not."""
    if not (PROJECT / "local" / "drills").is_dir():
        raise Failure("a drill runs on a local stack: it needs a checkout with make install")
    command = [sys.executable, "-m", "local.drills", given.name]
    command += ["--day-seconds", str(given.day_seconds)]
    command += ["--limit-seconds", str(given.limit_seconds)]
    if given.stack:
        command += ["--folder", str(given.stack.resolve())]
    if not session.screen.as_json:
        return _end_of(command)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        code = _end_of([*command, "--report", str(report)], output=sys.stderr.fileno())
        if report.exists():
            session.screen.document(json.loads(report.read_text()))
        return code


def _end_of(command: list[str], output: int | None = None) -> int:
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "layers" / "shared" / "python")])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=output)  # noqa: S603
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # it has heard of it too, and takes its stack down first


SUBCOMMANDS = (
    Subcommand(
        name="drill",
        help="practise an outage on a local stack: what is lost, what recovers, and how fast",
        run=run,
        arguments=arguments,
    ),
)

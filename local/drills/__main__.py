"""`python -m local.drills NAME`: a drill on a local stack; exits non-zero when it finds fault."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from local.drills.faults import DRILLS
from local.drills.printing import as_report, show
from local.drills.rehearsal import DrillError, rehearse
from local.drills.site import Site
from local.endpoints import FILE, Endpoints
from local.leftovers import OWNER, is_up
from local.stack import FAILURES, Options, Stack
from local.toolchain import ROOT

FOLDER = ROOT / ".local" / "drill"
DAY_SECONDS = 48
LIMIT_SECONDS = 180.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What a drill takes."""
    parser.add_argument("name", choices=[*DRILLS, "all"], help="which")
    parser.add_argument(
        "--folder",
        type=Path,
        default=FOLDER,
        help="of the stack; one that is up there, brought up with make up DAY_SECONDS=…, is used",
    )
    parser.add_argument(
        "--day-seconds", type=int, default=DAY_SECONDS, help="how long a day lasts (48)"
    )
    parser.add_argument(
        "--limit-seconds", type=float, default=LIMIT_SECONDS, help="for the recovery (180)"
    )
    parser.add_argument("--report", type=Path, help="a file to write the results to, as JSON")


def run(given: argparse.Namespace) -> int:
    """Make the drills that were asked for; 0 when all is well after each."""
    folder: Path = given.folder.resolve()
    names = list(DRILLS) if given.name == "all" else [given.name]
    try:
        if not is_up(folder) or (folder / OWNER).exists():
            stack = Stack(folder, Options(day_seconds=given.day_seconds))
            print("Bringing a stack up", flush=True)
        else:
            stack = None
        with stack or nullcontext():
            return _make(names, folder, given)
    except (DrillError, *FAILURES) as failure:
        print(f"\nthe drill could not be made: {failure}", file=sys.stderr)
        return 1


def _make(names: Sequence[str], folder: Path, given: argparse.Namespace) -> int:
    endpoints = Endpoints.read(folder)
    if not endpoints.gates:
        raise DrillError(
            f"nothing can be taken away from the stack of {folder / FILE}:"
            " bring it up with make up DAY_SECONDS=48"
        )
    site, results = Site(endpoints, folder), []
    for name in names:
        print(f"\n{name}", flush=True)
        results.append(rehearse(name, site, given.limit_seconds))
        show(results[-1])
    if given.report:
        given.report.write_text(json.dumps([as_report(one) for one in results], indent=2) + "\n")
    wrong = [one.name for one in results if not one.holds]
    if wrong:
        print(f"\n  not well after: {', '.join(wrong)}; logs are in {folder / 'logs'}")
    return 1 if wrong else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m local.drills", description=__doc__)
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except KeyboardInterrupt:
        print("\ninterrupted; nothing is left running", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())

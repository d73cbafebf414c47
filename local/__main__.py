"""`python -m local up` and `python -m local down`: a stack that stays until it is ended."""

import argparse
import sys
import time
from pathlib import Path

from local import leftovers
from local.endpoints import FILE
from local.stack import FAILURES, FOLDER, Options, Stack


def main() -> None:
    """Does what the command line says; failures end it with their text."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="what the stack lives in")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the stack up and leave it running")
    for name in ("--rpc-url", "--changenow-url"):
        up.add_argument(name, type=lambda text: text or None, help="what the functions use")
    for name in ("--anvil-port", "--changenow-port"):
        up.add_argument(name, type=lambda text: int(text) if text else None, help="else a free one")
    up.add_argument(
        "--day-seconds",
        type=lambda text: int(text) if text else None,
        help="for drills: a day lasts so long, node and SQS can be taken away (docs/drills.md)",
    )
    commands.add_parser("down", help="end it")
    given = vars(parser.parse_args())
    command, folder = given.pop("command"), given.pop("folder")
    try:
        _down(folder) if command == "down" else _up(folder, Options(**given))
    except FAILURES as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing is left running")


def _up(folder: Path, options: Options) -> None:
    began = time.monotonic()
    Stack(folder, options).start().leave_up()
    print(f"up after {time.monotonic() - began:.0f} s; where it is: {folder / FILE}")


def _down(folder: Path) -> None:
    leftovers.refuse_if_owned(folder)
    leftovers.remove(folder)
    print("down")


if __name__ == "__main__":
    main()

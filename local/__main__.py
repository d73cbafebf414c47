"""`python -m local up` and `python -m local down`: a stack that stays until it is ended."""

import argparse
import sys
import time

from local import leftovers
from local.endpoints import FILE
from local.stack import FAILURES, FOLDER, Options, Stack


def main() -> None:
    """Does what the command line says; failures end it with their text."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the stack up and leave it running")
    for name in ("--rpc-url", "--changenow-url"):
        up.add_argument(name, type=lambda text: text or None, help="what the functions use")
    for name in ("--anvil-port", "--changenow-port"):
        up.add_argument(name, type=lambda text: int(text) if text else None, help="else a free one")
    commands.add_parser("down", help="end it")
    given = vars(parser.parse_args())
    try:
        _down() if given.pop("command") == "down" else _up(Options(**given))
    except FAILURES as failure:
        sys.exit(str(failure))
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing is left running")


def _up(options: Options) -> None:
    began = time.monotonic()
    Stack(FOLDER, options).start().leave_up()
    print(f"up after {time.monotonic() - began:.0f} s; where it is: {FOLDER / FILE}")


def _down() -> None:
    leftovers.refuse_if_owned(FOLDER)
    leftovers.remove(FOLDER)
    print("down")


if __name__ == "__main__":
    main()

"""`microbatch`: parses the command line, asks, shows; 0 done, 1 refused or failed, 2 usage."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from command import transport
from command.failures import DONE, FAILED, INTERRUPTED, USAGE, Failure, Usage
from command.registry import Subcommand, subcommands
from command.screen import Screen
from command.transport import ENVIRONMENTS, LOCAL, Operations

ENVIRONMENT = "MICROBATCH_ENVIRONMENT"
WHY_CHARACTERS_MAX = 1000


class Connected:
    """One run of the command line: where it asks, and where its words go."""

    def __init__(self, given: argparse.Namespace, screen: Screen) -> None:
        self.screen = screen
        self._given = given

    @property
    def environment(self) -> str:
        """dev, prod or local. Raises Usage when nobody has said which."""
        chosen = LOCAL if self._given.local or self._given.stack else self._given.environment
        chosen = chosen or os.environ.get(ENVIRONMENT, "")
        if chosen not in (*ENVIRONMENTS, LOCAL):
            raise Usage(
                f"which environment? --environment {'|'.join(ENVIRONMENTS)}, or --local;"
                f" or set {ENVIRONMENT}"
            )
        return str(chosen)

    @cached_property
    def operations(self) -> Operations:
        """The function that is asked."""
        given = self._given
        return transport.connect(
            self.environment,
            profile=given.profile,
            region=given.region,
            stack=given.stack,
            who=given.who,
        )

    def ask(self, act: str, **fields: Any) -> Any:
        """The result of one request to `operations`. Raises Failure."""
        said = {name: value for name, value in fields.items() if value is not None}
        return self.operations.ask({"act": act, **said})

    def perform(self, act: str, **fields: Any) -> Mapping[str, Any]:
        """An act that changes something, with who and why. Raises Failure, Usage."""
        result = self.ask(act, who=self.operations.who, why=self._given.why, **fields)
        assert isinstance(result, dict)
        return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    given = parser().parse_args(arguments)
    screen = Screen(as_json=given.json)
    subcommand: Subcommand = given.subcommand
    try:
        return subcommand.run(Connected(given, screen), given)
    except Usage as wrong:
        screen.say(f"microbatch: {wrong}")
        return USAGE
    except Failure as failure:
        screen.say(f"microbatch: {failure}")
        return FAILED
    except KeyboardInterrupt:
        screen.say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="microbatch",
        description="What the money is doing, and an operator's hands.",
        epilog="exit codes: 0 done, 1 refused or failed, 2 usage",
        parents=[_connection(default=None)],
        allow_abbrev=False,  # --y is not --yes
    )
    groups: dict[str, Any] = {"": top.add_subparsers(metavar="COMMAND", required=True)}
    for subcommand in subcommands():
        group, _, name = subcommand.name.rpartition(" ")
        if group not in groups:
            made = groups[""].add_parser(group, help=f"{group}: see microbatch {group} --help")
            groups[group] = made.add_subparsers(metavar="COMMAND", required=True)
        below = groups[group].add_parser(
            name,
            help=subcommand.help,
            description=subcommand.help,
            parents=[_connection(default=argparse.SUPPRESS)],
            allow_abbrev=False,
        )
        below.set_defaults(subcommand=subcommand, why=None, yes=False)
        subcommand.arguments(below)
        if subcommand.changes:
            below.add_argument(
                "--why", required=True, type=_why, help="kept with the act: the reason for it"
            )
        if subcommand.asks:
            below.add_argument("--yes", action="store_true", help="do it without asking")
        if subcommand.rehearsed:
            below.add_argument("--dry-run", action="store_true", help="say what would happen")
    return top


def _connection(*, default: Any) -> argparse.ArgumentParser:
    """The options that stand before or after the subcommand; the later one counts."""
    shared = argparse.ArgumentParser(add_help=False)
    off = False if default is None else default
    group = shared.add_argument_group("where")
    group.add_argument("--environment", choices=ENVIRONMENTS, default=default, help="on AWS")
    group.add_argument("--local", action="store_true", default=off, help="what make up has started")
    group.add_argument(
        "--stack", type=Path, default=default, help="a local stack's folder, else .local"
    )
    group.add_argument("--profile", default=default, help="of the AWS credentials")
    group.add_argument("--region", default=default, help="of AWS")
    group.add_argument("--who", default=default, help="whose act it is; with --local only")
    shared.add_argument("--json", action="store_true", default=off, help="for machines")
    return shared


def _why(text: str) -> str:
    if not 1 <= len(text.strip()) <= WHY_CHARACTERS_MAX:
        raise argparse.ArgumentTypeError(f"say it in 1 to {WHY_CHARACTERS_MAX} characters")
    return text.strip()

"""The subcommands: each module of commands has a tuple SUBCOMMANDS, and MODULES names it."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from command.screen import Screen

# A new module is one more line here. What only a checkout has (a local stack, a drill) is imported
# inside `run`, or is a process of its own: the command line also runs without the sources.
MODULES = (
    "command.status",
    "command.why",
    "command.looking",
    "command.lists",
    "command.acts",
    "command.clients",
    "command.drill",
)


class Session(Protocol):
    """What a subcommand works with (command.main.Connected)."""

    screen: Screen

    @property
    def environment(self) -> str:
        """dev, prod or local."""
        ...

    def ask(self, act: str, **fields: Any) -> Any:
        """The result of one request to `operations`. Raises Failure."""
        ...

    def perform(self, act: str, **fields: Any) -> Mapping[str, Any]:
        """An act that changes something, with who and why. Raises Failure, Usage."""
        ...


def _nothing(parser: argparse.ArgumentParser) -> None:
    del parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Subcommand:
    """One thing that `microbatch` can do: its name (`status`, `clients add`), and how."""

    name: str
    help: str
    run: Callable[[Session, argparse.Namespace], int]  # gives the exit code
    arguments: Callable[[argparse.ArgumentParser], None] = _nothing
    changes: bool = False  # then it wants --why
    asks: bool = False  # money moves: it asks before; --yes skips
    rehearsed: bool = False  # and what would happen is shown first; --dry-run does that alone


def subcommands() -> Iterator[Subcommand]:
    """Every subcommand there is, in the order they are shown."""
    for module in MODULES:
        found: tuple[Subcommand, ...] = import_module(module).SUBCOMMANDS
        yield from found

"""What people see: tables and lines on stdout, everything else on stderr; or JSON alone."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

WIDTH_OF_PIPES = 200  # characters: nobody folds lines there


class Screen:
    """Where a command's words go."""

    def __init__(
        self, *, as_json: bool, out: TextIO | None = None, err: TextIO | None = None
    ) -> None:
        self.as_json = as_json
        self._out = out or sys.stdout
        self.out = _console(self._out)
        self.err = _console(err or sys.stderr)

    def show(self, parts: Iterable[RenderableType]) -> None:
        """One part below the other, on stdout."""
        _print(self.out, parts)

    def show_aside(self, parts: Iterable[RenderableType]) -> None:
        """The same on stderr: what is shown before a question is no answer."""
        _print(self.err, parts)

    def confirm(self, question: str) -> bool:
        """Whether whoever sits there says yes; no answer is no."""
        self.err.print(Text(f"{question} [y/N] "), end="")
        try:
            return input().strip().lower() in ("y", "yes")
        except EOFError:
            return False

    def document(self, answer: Any, *, indent: int | None = 2) -> None:
        """An answer as JSON: the only thing on stdout."""
        self._out.write(json.dumps(answer, indent=indent, ensure_ascii=False, default=str) + "\n")
        self._out.flush()

    def say(self, text: str, style: str = "") -> None:
        """A line for whoever sits there; never on stdout."""
        self.err.print(Text(clean(text), style=style), soft_wrap=True)


def _console(stream: TextIO) -> Console:
    width = None if stream.isatty() else WIDTH_OF_PIPES
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    """What is padded to a column's width for a screen ends with its last word in a pipe."""
    if console.is_terminal:
        console.print(Group(*parts))
        return
    with console.capture() as captured:
        console.print(Group(*parts))
    lines = (each.rstrip() for each in captured.get().splitlines())
    console.file.write("\n".join(lines) + "\n")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, right: str = "") -> Table:
    """A table; columns whose letters in `right` are R hold numbers. Nothing is cut: it folds."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, head in enumerate(heads):
        of_numbers = right[place : place + 1] == "R"
        made.add_column(head, justify="right" if of_numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell(each) for each in row))
    return made


def facts(pairs: Iterable[tuple[str, object]]) -> Table:
    """Names and what they are, one below the other; what is empty is left out."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", "–"):
            made.add_row(Text(name), cell(value))
    return made


def heading(text: str) -> Text:
    """What stands above a part."""
    return Text(f"\n{clean(text)}", style="bold")


def line(text: str, style: str = "") -> Text:
    """One line of text."""
    return Text(clean(text), style=style)


def cell(value: object) -> RenderableType:
    """A value of a table; what somebody else wrote cannot move the cursor."""
    if isinstance(value, Text):
        return value
    return Text("–" if value is None else clean(str(value)))


def clean(text: str) -> str:
    """Text without control characters, which a terminal would obey."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else f"\\x{ord(letter):02x}"
        for letter in text
    )

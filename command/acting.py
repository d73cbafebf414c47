"""Acts that change something: shown first where money moves, asked about, done, told."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType

from command.failures import DONE, Usage
from command.registry import Session
from command.screen import facts, line, table

SILENT = frozenset({"changed", "before", "after", "sent", "dry_run"})


def perform(session: Session, given: argparse.Namespace, act: str, **fields: Any) -> int:
    """Do an act: what would happen, the question, the act, what has happened."""
    subcommand = given.subcommand
    if subcommand.rehearsed and given.dry_run:
        return _tell(session, session.perform(act, dry_run=True, **fields))
    if subcommand.asks and not given.yes:
        if not sys.stdin.isatty():
            raise Usage(f"{act} asks before it is done: say --yes where nobody can answer")
        if subcommand.rehearsed:
            session.screen.show_aside(parts(session.perform(act, dry_run=True, **fields)))
        else:
            named = ", ".join(str(value) for value in fields.values() if value is not None)
            session.screen.say(f"{act} {named}: {subcommand.help}")
        if not session.screen.confirm("Do it?"):
            session.screen.say("nothing was done")
            return DONE
    return _tell(session, session.perform(act, **fields))


def _tell(session: Session, result: Mapping[str, Any]) -> int:
    if session.screen.as_json:
        session.screen.document(result)
    else:
        session.screen.show(parts(result))
    return DONE


def parts(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What an act has changed, or would change; what it sends; and what else it says."""
    rehearsal = bool(result.get("dry_run"))
    if "changed" in result and not result["changed"]:
        yield line("nothing would change" if rehearsal else "nothing has changed")
    elif "changed" in result:
        yield line("this would change:" if rehearsal else "done:", style="bold")
        yield _changes(result.get("before"), result.get("after"))
    sent = result.get("sent") or {}
    if sent:
        word = "would be sent" if rehearsal else "sent"
        yield line(f"{word}: " + ", ".join(f"{count} to {queue}" for queue, count in sent.items()))
    more = {name: value for name, value in result.items() if name not in SILENT}
    if more:
        yield facts((name.replace("_", " "), value) for name, value in flat(more).items())


def _changes(before: Any, after: Any) -> RenderableType:
    was, is_now = flat(before), flat(after)
    names = [name for name in {**was, **is_now} if was.get(name) != is_now.get(name)]
    return table(
        ("what", "before", "after"),
        ((name or "value", was.get(name), is_now.get(name)) for name in names),
    )


def flat(value: Any, name: str = "") -> dict[str, Any]:
    """A nested answer as one level: `transfer.state`, `queues[0]`."""
    if isinstance(value, Mapping):
        found: dict[str, Any] = {}
        for key, below in value.items():
            found |= flat(below, f"{name}.{key}" if name else str(key))
        return found
    if isinstance(value, list):
        found = {}
        for place, below in enumerate(value):
            found |= flat(below, f"{name}[{place}]")
        return found
    return {} if value is None and not name else {name: value}

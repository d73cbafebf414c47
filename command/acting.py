"""Acts that change something: shown first where money moves, asked about, done, told."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType

from command.ages import clock
from command.failures import DONE, Usage
from command.registry import Session
from command.screen import facts, line, table

SILENT = frozenset({"changed", "before", "after", "sent", "dry_run", "letters", "more"})


def perform(session: Session, given: argparse.Namespace, act: str, **fields: Any) -> int:
    """Do an act: what would happen, the question, the act, what has happened."""
    subcommand = given.subcommand
    if subcommand.rehearsed and given.dry_run:
        return _tell(session, session.perform(act, dry_run=True, **fields))
    if subcommand.asks and not given.yes:
        if not sys.stdin.isatty():
            raise Usage(f"{act} asks before it is done: say --yes where nobody can answer")
        if subcommand.rehearsed:
            rehearsal = session.perform(act, dry_run=True, **fields)
            session.screen.show_aside(parts(rehearsal))
            if _comes_to_nothing(rehearsal):
                return DONE
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


def _comes_to_nothing(rehearsal: Mapping[str, Any]) -> bool:
    """Whether there is nothing to be asked about: no change, no message, no dead letter."""
    return not (rehearsal.get("changed") or rehearsal.get("sent") or rehearsal.get("letters"))


def parts(result: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What an act has changed, or would change; what it sends; and what else it says."""
    rehearsal = bool(result.get("dry_run"))
    letters = result.get("letters")
    if letters:
        yield line("this would become of them:" if rehearsal else "done:", style="bold")
        yield letters_table(letters)
    elif "changed" in result and not result["changed"]:
        yield line("nothing would change" if rehearsal else "nothing has changed")
    elif "changed" in result:
        yield line("this would change:" if rehearsal else "done:", style="bold")
        yield _changes(result.get("before"), result.get("after"))
    sent = result.get("sent") or {}
    if sent:
        word = "would be sent" if rehearsal else "sent"
        yield line(f"{word}: " + ", ".join(f"{count} to {queue}" for queue, count in sent.items()))
    if result.get("more"):
        yield line("there are more: say it again")
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


def letters_table(letters: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Dead letters: what each was, why it is dead, and what becomes of it."""
    return table(
        ("first sent", "message", "row", "dead for", "outcome", "because"),
        (
            (
                clock(each["first_sent_at"]),
                each["kind"] or "unreadable",
                each["row"],
                each["reason"],
                each["outcome"].replace("_", " "),
                each["why"],
            )
            for each in letters
        ),
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

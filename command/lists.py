"""`microbatch held`, `parked`, `dead` and `acts`: what waits for a person, and what people did."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import RenderableType

from command.acting import flat, letters_table
from command.acts import limit
from command.ages import ago, clock, instant
from command.amounts import eth, of_currency, plain, usd, usdt
from command.failures import DONE
from command.registry import Session, Subcommand
from command.screen import heading, line, table

Parts = Iterator[RenderableType]


def _shown(
    session: Session, answer: dict[str, Any], parts: Callable[[dict[str, Any]], Parts]
) -> int:
    if session.screen.as_json:
        session.screen.document(answer)
    else:
        session.screen.show(parts(answer))
    return DONE


def _limit_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=limit, metavar="N", help="at most so many rows")


def _held(session: Session, given: argparse.Namespace) -> int:
    return _shown(session, session.ask("held", limit=given.limit), held)


def held(answer: dict[str, Any]) -> Parts:
    """What waits for accept or reject."""
    now = instant(answer["at"])
    if not answer["held"]:
        yield line("nothing is held")
        return
    yield table(
        ("payment", "client", "says it received", "held for", "since", "detail", "version"),
        (
            (
                row["payment_id"],
                row["client_id"],
                f"{row['received_amount'] or '?'} {row['received_currency'] or ''}".strip(),
                row["reason"],
                ago(row["held_at"], now),
                row["detail"],
                row["fingerprint"].removeprefix("0x")[:8],
            )
            for row in answer["held"]
        ),
    )
    yield from _reasons(answer["by_reason"])
    left_out = answer["rows_count"] - len(answer["held"])
    if left_out:
        yield line(f"{left_out} more are not shown: --limit")


def _reasons(sums: list[dict[str, Any]]) -> Parts:
    """What each reason means, and what to do first."""
    for reason in {each["reason"]: each for each in sums}.values():
        yield heading(f"{reason['reason']} ({plain(reason['rows_count'])})")
        yield line(reason["meaning"])
        yield line(reason["fix"])


def _parked(session: Session, given: argparse.Namespace) -> int:
    return _shown(session, session.ask("parked", limit=given.limit), parked)


def parked(answer: dict[str, Any]) -> Parts:
    """Parked money: sums, then rows."""
    now = instant(answer["at"])
    if not answer["by_reason"]:
        yield line("nothing is parked")
        return
    yield table(
        ("table", "reason", "rows", "ETH", "USDT", "worth", "oldest"),
        (sums(each, now) for each in answer["by_reason"]),
        right="--RRRRR",
    )
    yield heading("Rows, oldest first")
    yield table(
        ("table", "id", "amount", "reason", "since"),
        (
            (
                row["entity"],
                row["id"],
                of_currency(row["units"], row["currency"]),
                row["reason"],
                ago(row["state_since"], now),
            )
            for row in answer["rows"]
        ),
        right="--R",
    )
    yield from _reasons(answer["by_reason"])


def sums(each: dict[str, Any], now: Any) -> tuple[object, ...]:
    """One line of parked sums."""
    return (
        each["entity"],
        each["reason"],
        plain(each["rows_count"]),
        None if each["wei"] == "0" else eth(each["wei"]),
        None if each["microusdt"] == "0" else usdt(each["microusdt"]),
        None if plain(each["usd"]) == "0" else usd(each["usd"]),
        ago(each["oldest_since"], now),
    )


def _acts(session: Session, given: argparse.Namespace) -> int:
    return _shown(session, session.ask("acts", limit=given.limit), acts)


def acts(answer: dict[str, Any]) -> Parts:
    """Who did what, why, and what it changed."""
    if not answer["acts"]:
        yield line("nobody has done anything yet")
        return
    yield table(
        ("when", "who", "act", "on", "why", "changed"),
        (
            (
                clock(row["at"]),
                row["who"],
                row["act"],
                row["subject"],
                row["why"],
                _changed(row["before"], row["after"]),
            )
            for row in answer["acts"]
        ),
    )


def _changed(before: Any, after: Any) -> str:
    """`state: parked → requested`, a line each."""
    was, is_now = flat(before), flat(after)
    return "\n".join(
        f"{name or 'value'}: {was.get(name, '–')} → {is_now.get(name, '–')}"
        for name in {**was, **is_now}
        if (was.get(name) or "") != (is_now.get(name) or "")
    )


def _dead(session: Session, given: argparse.Namespace) -> int:
    answer = session.ask("dead", queue=given.queue, limit=given.limit)
    return _shown(session, answer, dead)


def _dead_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("queue", metavar="QUEUE", help="the queue, without -dlq")
    _limit_argument(parser)


def dead(answer: dict[str, Any]) -> Parts:
    """The dead letters of a queue: what a redrive would make of each."""
    if not answer["letters"]:
        yield line("no dead letter was seen")
        return
    yield letters_table(answer["letters"])
    if answer["more"]:
        yield line("there are more: --limit")


SUBCOMMANDS = (
    Subcommand(
        name="held",
        help="payments that wait for accept or reject",
        run=_held,
        arguments=_limit_argument,
    ),
    Subcommand(
        name="parked",
        help="parked money: sums by reason, and rows",
        run=_parked,
        arguments=_limit_argument,
    ),
    Subcommand(
        name="dead", help="the dead letters of a queue", run=_dead, arguments=_dead_arguments
    ),
    Subcommand(
        name="acts", help="who did what, when and why", run=_acts, arguments=_limit_argument
    ),
)

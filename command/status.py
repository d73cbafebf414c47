"""`microbatch status`: is money moving, and what stands where."""

import argparse
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live

from command.ages import ago, clock, instant
from command.amounts import eth, plain, usd, usdt
from command.failures import DONE
from command.registry import Session, Subcommand
from command.screen import facts, heading, table

WATCH_SECONDS = 5


def run(session: Session, given: argparse.Namespace) -> int:
    """Once, or again and again until Ctrl-C."""
    if given.watch:
        return _watch(session, given.every)
    answer = session.ask("status")
    if session.screen.as_json:
        session.screen.document(answer)
    else:
        session.screen.show(parts(answer))
    return DONE


def _watch(session: Session, every_seconds: int) -> int:
    try:
        if session.screen.as_json:
            while True:
                session.screen.document(session.ask("status"), indent=None)
                time.sleep(every_seconds)
        with Live(console=session.screen.out, auto_refresh=False, screen=True) as live:
            while True:
                live.update(Group(*parts(session.ask("status"))), refresh=True)
                time.sleep(every_seconds)
    except KeyboardInterrupt:  # how a watch ends
        return DONE


def parts(answer: dict[str, Any]) -> Iterator[RenderableType]:
    """The whole status for people."""
    now = instant(answer["at"])
    yield facts([("at", clock(answer["at"])), ("threshold", usd(answer["threshold_usd"]))])
    yield heading("Payments")
    yield _payments(answer["payments"], now)
    yield heading("On their way")
    yield _rows(answer["rows"], now)


def _payments(rows: list[dict[str, Any]], now: datetime) -> RenderableType:
    return table(
        ("state", "payments", "net", "worth", "shares", "oldest"),
        (
            (
                row["state"],
                plain(row["payments_count"]),
                eth(row["net_wei"]),
                usd(row["net_usd"]),
                usdt(row["share_microusdt"]),
                ago(row["oldest_received_at"], now),
            )
            for row in rows
        ),
        right="-RRRRR",
    )


def _rows(rows: list[dict[str, Any]], now: datetime) -> RenderableType:
    return table(
        ("what", "state", "rows", "oldest"),
        (
            (row["entity"], row["state"], plain(row["rows_count"]), ago(row["oldest_since"], now))
            for row in rows
        ),
        right="--RR",
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    parser.add_argument(
        "--every", type=_seconds, default=WATCH_SECONDS, metavar="SECONDS", help="between two looks"
    )


def _seconds(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 3600:
        raise argparse.ArgumentTypeError("whole seconds, 1 to 3600")
    return int(text)


SUBCOMMANDS = (
    Subcommand(
        name="status",
        help="is money moving, and what stands where",
        run=run,
        arguments=_arguments,
    ),
)

"""`microbatch status`: is money moving, and what stands in its way."""

import argparse
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live

from command.ages import ago, ahead, clock, instant, span
from command.amounts import eth, plain, usd, usdt
from command.failures import DONE, Failure
from command.lists import sums
from command.registry import Session, Subcommand
from command.screen import facts, heading, line, table

WATCH_SECONDS = 5
BAD = "bold red"


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
    screen, looks = session.screen, _looks(session, every_seconds)
    try:
        if screen.out.is_terminal and not screen.as_json:
            with Live(console=screen.out, auto_refresh=False, screen=True) as live:
                for answer, failure in looks:
                    told = [line(str(failure), BAD)] if failure else []
                    live.update(Group(*told, *parts(answer)), refresh=True)
        for answer, failure in looks:
            if failure is not None:
                screen.say(f"microbatch: {failure}")
            elif screen.as_json:
                screen.document(answer, indent=None)
            else:
                screen.show([*parts(answer), line("")])
    except KeyboardInterrupt:  # how a watch ends
        pass
    return DONE


def _looks(session: Session, every_seconds: int) -> Iterator[tuple[dict[str, Any], Failure | None]]:
    """Again and again: what was seen last, and why the newest look failed; the first may not."""
    answer = session.ask("status")
    yield answer, None
    while True:
        time.sleep(every_seconds)
        try:
            answer, failure = session.ask("status"), None
        except Failure as unwell:
            failure = unwell
        yield answer, failure


def parts(answer: dict[str, Any]) -> Iterator[RenderableType]:
    """The whole status for people: what is wrong first."""
    now = instant(answer["at"])
    yield facts(_top(answer, now))
    yield from _wrong(answer, now)
    yield heading("Payments")
    yield _payments(answer["payments"], now)
    yield from _rows(answer["rows"], now)
    if answer["parked"]:
        yield heading("Parked")
        yield table(
            ("table", "reason", "rows", "ETH", "USDT", "worth", "oldest"),
            (sums(each, now) for each in answer["parked"]),
            right="--RRRRR",
        )
    if answer["held"]:
        yield heading("Held")
        yield table(
            ("reason", "payments", "oldest"),
            (
                (each["reason"], plain(each["payments_count"]), ago(each["oldest_held_at"], now))
                for each in answer["held"]
            ),
            right="-RR",
        )
    if answer["payouts_waiting"]:
        yield heading("Payouts that wait")
        yield table(
            ("reason", "clients", "oldest"),
            (
                (each["reason"], plain(each["clients_count"]), ago(each["oldest_since"], now))
                for each in answer["payouts_waiting"]
            ),
            right="-RR",
        )
    yield from _queues(answer["queues"])


def _top(answer: dict[str, Any], now: datetime) -> Iterator[tuple[str, object]]:
    yield "at", f"{clock(answer['at'])} UTC"
    yield "threshold", usd(answer["threshold_usd"])
    check = answer["last_check"]
    yield "last check", check["words"] if check else "there was none yet"
    yield "next check", ahead(check["next_at"], now) if check else None
    funds = answer["funds"]
    if funds is not None:
        yield "wallet has", f"{eth(funds['balance_wei'])}, {usdt(funds['balance_microusdt'])}"
        runway = funds["runway_transfers"]
        gas = "" if runway is None else f": gas for {plain(runway)} transfers at today's fees"
        yield "of that ours", f"{eth(funds['own_wei'])}{gas}"
    limit = timedelta(seconds=int(answer["observation_max_age_seconds"]))
    for each in answer["observations"]:
        if each["name"] == "eth_usd" and each["value"] is not None:
            seen = instant(each["observed_at"])
            old = ", too old to be used" if now - seen > limit else ""
            yield "price", f"{plain(each['value'])} USD per ETH, {span(now - seen)} old{old}"


def _wrong(answer: dict[str, Any], now: datetime) -> Iterator[RenderableType]:
    """What a person should look at first; nothing when all is well."""
    for part in answer.get("paused", []):
        since = ago(part["paused_at"], now)
        yield line(f"{part['part']} is paused since {since} by {part['who']}: {part['why']}", BAD)
    for wallet in answer["wallets"]:
        if wallet["status"] != "active":
            yield line(f"wallet {wallet['address']} is {wallet['status']}: {wallet['reason']}", BAD)
    for name, queue in answer["queues"].items():
        if queue["dead"]:
            letters = "dead letter" if queue["dead"] == 1 else "dead letters"
            yield line(f"{queue['dead']} {letters} of {name}: microbatch dead {name}", BAD)
    for each in answer["over_age"]:
        limit = span(timedelta(seconds=int(each["max_age_seconds"])))
        oldest = ago(each["oldest_since"], now)
        yield line(
            f"{each['entity']} {each['state']} for longer than {limit}: {each['rows_count']},"
            f" the oldest for {oldest}",
            BAD,
        )


def _payments(rows: list[dict[str, Any]], now: datetime) -> RenderableType:
    return table(
        ("state", "payments", "net", "worth", "shares", "oldest"),
        (
            (
                row["state"],
                plain(row["payments_count"]),
                eth(row["net_wei"]),
                usd(row["net_usd"]),
                None if plain(row["share_microusdt"]) == "0" else usdt(row["share_microusdt"]),
                ago(row["oldest_received_at"], now),
            )
            for row in rows
        ),
        right="-RRRRR",
    )


def _rows(rows: list[dict[str, Any]], now: datetime) -> Iterator[RenderableType]:
    if not rows:
        return
    yield heading("On their way, and where they have come to")
    yield table(
        ("what", "state", "rows", "oldest", "at most"),
        (
            (
                row["entity"],
                row["state"],
                plain(row["rows_count"]),
                ago(row["oldest_since"], now),
                _limit(row["max_age_seconds"]),
            )
            for row in rows
        ),
        right="--RRR",
    )


def _limit(seconds: object) -> str | None:
    return None if seconds is None else span(timedelta(seconds=int(str(seconds))))


def _queues(queues: dict[str, dict[str, int]]) -> Iterator[RenderableType]:
    busy = {name: each for name, each in queues.items() if any(each.values())}
    if not busy:
        return
    yield heading("Queues with messages")
    yield table(
        ("queue", "waiting", "at work", "later", "dead"),
        (
            (name, each["visible"], each["in_flight"], each["delayed"], each["dead"])
            for name, each in busy.items()
        ),
        right="-RRRR",
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
        help="is money moving, and what stands in its way",
        run=run,
        arguments=_arguments,
    ),
)

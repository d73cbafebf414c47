"""`microbatch why`: what something waits for, since when, who ends it, and what happens next."""

import argparse
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import RenderableType

from command.ages import ago, ahead, clock, instant
from command.failures import DONE
from command.registry import Session, Subcommand
from command.screen import facts, heading, line, table

# What people call a row of each table.
NAMES = {
    "payments": "payment",
    "held_payments": "held payment",
    "batches": "batch",
    "payouts": "payout",
    "swaps": "swap",
    "transfers": "transfer",
    "transfer_attempts": "unsigned bytes of transfer",
    "clients": "client",
    "wallets": "wallet",
    "observations": "observation",
}


def _run(session: Session, given: argparse.Namespace) -> int:
    answer = session.ask("why", id=given.id, entity=given.of)
    if session.screen.as_json:
        session.screen.document(answer)
    else:
        session.screen.show(parts(answer))
    return DONE


def parts(answer: dict[str, Any]) -> Iterator[RenderableType]:
    """One screen: what was asked about, what it waits for, and the way there."""
    now, first, last = instant(answer["at"]), answer["chain"][0], answer["answer"]
    yield line(_of(answer["found"], first) + _stands(first, now), style="bold")
    if len(answer["chain"]) > 1:
        yield line(f"It waits for {_stands(last, now)}.")
    if last["final"]:
        yield line("It is over: nothing follows.")
    yield line("")
    yield facts(_facts(last, now))
    if len(answer["chain"]) > 1:
        yield heading("The way there")
        yield table(
            ("", "id", "state", "since", "waits for"),
            (
                (
                    NAMES[each["entity"]],
                    each["id"],
                    each["state"],
                    ago(each["since"], now),
                    each["reason"] or each["waits_for"],
                )
                for each in answer["chain"]
            ),
        )


def _of(found: dict[str, Any], first: dict[str, Any]) -> str:
    """What was asked about, when the way begins before it."""
    if (found["entity"], found["id"]) == (first["entity"], first["id"]):
        return ""
    return f"{NAMES[found['entity']]} {found['id']} is of "


def _stands(link: dict[str, Any], now: datetime) -> str:
    return f"{NAMES[link['entity']]} {link['id']}: {link['state']} since {ago(link['since'], now)}"


def _facts(link: dict[str, Any], now: datetime) -> Iterator[tuple[str, object]]:
    yield "waits for", (link["waits_for"] or "").replace("`", "")
    if link["reason"]:
        since = f", since {ago(link['waits_since'], now)}" if link["waits_since"] else ""
        yield "reason", f"{link['reason']}{since}"
        yield "", link["meaning"]
    for place, detail in enumerate(link["details"]):
        yield "" if place else "details", detail
    yield "ended by", (link["unblocked_by"] or "").replace("`", "")
    yield "do first", link["fix"]
    following = link["next"]
    if following is not None:
        when = ahead(following["at"], now) if following["at"] else "at its next run"
        at = f" ({clock(following['at'])} UTC)" if following["at"] else ""
        by_itself = following["by"] != "an operator"
        yield "next", f"{when}{at}: {_does(following)}" if by_itself else following["does"]
    if link["last"] is not None:
        when = ahead(link["last"]["at"], now)
        yield "at last", f"{when} ({clock(link['last']['at'])} UTC): it {link['last']['does']}"


def _does(following: dict[str, Any]) -> str:
    does = following["does"].replace("`", "")
    return does if following["by"] in does else f"{does} ({following['by']})"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id",
        metavar="ID",
        help="of anything: payment, batch, payout, swap, exchange, transfer, transaction, client,"
        " wallet, observation; or how it begins",
    )
    parser.add_argument("--of", choices=sorted(set(NAMES) - {"transfer_attempts"}),
                        help="when an id is of several")  # fmt: skip


SUBCOMMANDS = (
    Subcommand(
        name="why",
        help="what something waits for, since when, who ends it, what happens next",
        run=_run,
        arguments=_arguments,
    ),
)

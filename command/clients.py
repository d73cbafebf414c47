"""`microbatch clients …` and `threshold …`: who is paid, where, and from which sum on."""

import argparse
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from command.acting import perform
from command.ages import clock
from command.amounts import eth, of_currency, plain, usd, usdt
from command.failures import DONE
from command.registry import Session, Subcommand
from command.screen import facts, heading, line, table

STRATEGIES = ("threshold", "instant")


def _add(session: Session, given: argparse.Namespace) -> int:
    return perform(
        session,
        given,
        "clients add",
        client_id=given.client,
        payout_strategy=given.strategy,
        payout_threshold_usd=given.threshold_usd,
        **_destination(given),
    )


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    _client_argument(parser)
    _destination_arguments(parser, required=True)
    parser.add_argument("--strategy", choices=STRATEGIES, required=True)
    parser.add_argument("--threshold-usd", metavar="USD", help="from which sum on it is paid")


def _address(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "clients address", client_id=given.client, **_destination(given))


def _address_arguments(parser: argparse.ArgumentParser) -> None:
    _client_argument(parser)
    _destination_arguments(parser, required=False)


def _destination(given: argparse.Namespace) -> dict[str, str | None]:
    return {
        "wallet_address": given.address,
        "payout_currency": given.currency,
        "payout_network": given.network,
        "payout_extra_id": given.extra_id,
    }


def _destination_arguments(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument("--address", required=True, help="where its money goes")
    parser.add_argument("--currency", required=required, help="for example usdt, eth, btc")
    parser.add_argument("--network", required=required, help="for example eth, btc")
    parser.add_argument("--extra-id", help="memo or tag, where the network has them")


def _pause(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "clients pause", client_id=given.client)


def _resume(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "clients resume", client_id=given.client)


def _client_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("client", metavar="CLIENT", help="the client's id")


def _show(session: Session, given: argparse.Namespace) -> int:
    answer = session.ask("clients show", client_id=given.client)
    if session.screen.as_json:
        session.screen.document(answer)
    else:
        session.screen.show(_client(answer))
    return DONE


def _client(answer: dict[str, Any]) -> Iterator[RenderableType]:
    client, account = answer["client"], answer["account"]
    yield facts(
        [
            ("client", client["client_id"]),
            ("is paid", f"{client['payout_currency']}/{client['payout_network']}"),
            ("at", client["wallet_address"]),
            ("memo", client["payout_extra_id"]),
            ("address", client["address_state"]),
            ("refused for", client["address_reason"]),
            ("nothing before", clock(client["address_matures_at"])),
            ("strategy", client["payout_strategy"]),
            ("from", usd(client["payout_threshold_usd"])),
            ("paused", "yes" if client["paused"] else None),
            ("waits for", client["payout_wait_reason"]),
            ("since", clock(client["payout_waits_since"])),
        ]
    )
    yield heading("What it has")
    yield facts(
        (name.rpartition("_")[0].replace("_", " "), _amount(name, units))
        for name, units in account.items()
        if plain(units) != "0"
    )
    if answer["payouts"]:
        yield heading("Its last payouts")
        yield table(
            ("payout", "state", "since", "paid", "to", "reason"),
            (
                (
                    row["payout_id"],
                    row["state"],
                    clock(row["state_since"]),
                    of_currency(row["amount_units"], row["from_currency"]),
                    f"{row['to_currency']}/{row['to_network']} {row['to_address']}",
                    row["reason"],
                )
                for row in answer["payouts"]
            ),
        )


def _amount(name: str, units: str) -> str:
    return eth(units) if name.endswith("_wei") else usdt(units)


def _list(session: Session, given: argparse.Namespace) -> int:
    del given
    clients: list[dict[str, Any]] = []
    after = None
    while True:
        answer = session.ask("clients list", after_client_id=after)
        clients += answer["clients"]
        after = answer["next"]
        if after is None:
            break
    if session.screen.as_json:
        session.screen.document({"clients": clients})
    else:
        session.screen.show(_clients(clients))
    return DONE


def _clients(clients: list[dict[str, Any]]) -> Iterator[RenderableType]:
    if not clients:
        yield line("no client is registered")
        return
    yield table(
        ("client", "strategy", "from", "is paid", "at", "address", "paused", "waits for"),
        (
            (
                client["client_id"],
                client["payout_strategy"],
                usd(client["payout_threshold_usd"]),
                f"{client['payout_currency']}/{client['payout_network']}",
                client["wallet_address"],
                client["address_state"],
                client["paused_at"] and "yes",
                client["payout_wait_reason"],
            )
            for client in clients
        ),
        right="--R",
    )


def _get_threshold(session: Session, given: argparse.Namespace) -> int:
    del given
    answer = session.ask("threshold get")
    if session.screen.as_json:
        session.screen.document(answer)
    else:
        session.screen.show([line(usd(answer["threshold_usd"]))])
    return DONE


def _set_threshold(session: Session, given: argparse.Namespace) -> int:
    return perform(session, given, "threshold set", threshold_usd=given.usd)


def _threshold_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("usd", metavar="USD", help="for example 20 or 37.50")


SUBCOMMANDS = (
    Subcommand(
        name="clients add",
        help="register a client",
        run=_add,
        arguments=_add_arguments,
        changes=True,
    ),
    Subcommand(
        name="clients address",
        help="send a client's money elsewhere from now on",
        run=_address,
        arguments=_address_arguments,
        changes=True,
        asks=True,
    ),
    Subcommand(
        name="clients show",
        help="a client, what it has, and its last payouts",
        run=_show,
        arguments=_client_argument,
    ),
    Subcommand(name="clients list", help="every client", run=_list),
    Subcommand(
        name="clients pause",
        help="hold a client's payments, and pay nothing to it",
        run=_pause,
        arguments=_client_argument,
        changes=True,
    ),
    Subcommand(
        name="clients resume",
        help="credit a client's payments again, and pay it",
        run=_resume,
        arguments=_client_argument,
        changes=True,
        asks=True,
    ),
    Subcommand(
        name="threshold get",
        help="from which sum on pending payments are converted",
        run=_get_threshold,
    ),
    Subcommand(
        name="threshold set",
        help="change it; the next check reads it",
        run=_set_threshold,
        arguments=_threshold_argument,
        changes=True,
    ),
)

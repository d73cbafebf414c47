"""`microbatch payment`, `batch` and `payout`: all there is of one of them, and what happened."""

import argparse
from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from command.ages import ago, clock, instant
from command.amounts import coins, eth, of_currency, plain, usd, usdt
from command.failures import DONE
from command.registry import Session, Subcommand
from command.screen import facts, heading, line, table

Row = dict[str, Any]
GWEI_DECIMALS = 9


def _payment(session: Session, given: argparse.Namespace) -> int:
    return _shown(session, session.ask("payment", payment_id=given.id))


def _batch(session: Session, given: argparse.Namespace) -> int:
    return _shown(session, session.ask("batch", batch_id=given.id))


def _payout(session: Session, given: argparse.Namespace) -> int:
    return _shown(session, session.ask("payout", payout_id=given.id))


def _shown(session: Session, answer: Row) -> int:
    if session.screen.as_json:
        session.screen.document(answer)
    else:
        session.screen.show(parts(answer))
    return DONE


def parts(answer: Row) -> Iterator[RenderableType]:
    """A payment, batch or payout for people."""
    now = instant(answer["at"])
    if answer["payment"] is not None:
        yield facts(_of_payment(answer["payment"], now))
    for held in answer["held"]:
        yield heading(f"Held notification: {held['reason']}, {held['state']}")
        yield facts(_of_held(held, now))
    if answer["batch"] is not None:
        if answer["payment"] is not None:
            yield heading("Batch")
        yield facts(_of_batch(answer["batch"], now))
        yield from _leg(answer["batch"])
    if answer["payout"] is not None:
        if answer["payment"] is not None:
            yield heading("Payout")
        yield facts(_of_payout(answer["payout"], now))
        yield from _leg(answer["payout"])
    yield from _payments(answer)
    yield heading("What happened (UTC)")
    yield table(
        ("when", "to", "what"),
        ((clock(each["at"]), each["entity"], each["what"]) for each in answer["timeline"]),
    )


def _of_payment(row: Row, now: Any) -> Iterator[tuple[str, object]]:
    yield "payment", row["payment_id"]
    yield "client", row["client_id"]
    yield "state", f"{row['state']} since {ago(row['state_since'], now)}"
    yield "parked for", row["park_reason"]
    yield "received", f"{eth(row['received_wei'])}, {clock(row['received_at'])} UTC"
    yield "fee", f"{eth(row['fee_wei'])} ({plain(row['fee_percent'])} %)"
    yield "net", eth(row["net_wei"])
    yield "worth", f"{usd(row['net_usd'])} by {row['net_usd_from']}" if row["net_usd"] else None
    yield "invoice", usd(row["invoice_usd"]) if row["invoice_usd"] else None
    if plain(row["refund_loss_wei"]) != "0":
        yield "lost in a refund", eth(row["refund_loss_wei"])
    yield "share", usdt(row["share_microusdt"])
    if plain(row["payout_loss_microusdt"]) != "0":
        yield "lost in a payout", usdt(row["payout_loss_microusdt"])
    yield "tries in vain", row["attempts"] or None


def _of_held(row: Row, now: Any) -> Iterator[tuple[str, object]]:
    yield "payment", row["payment_id"]
    yield "client", row["client_id"]
    yield "since", f"{ago(row['held_at'], now)} ({clock(row['held_at'])} UTC)"
    yield "detail", row["detail"]
    amount = row["received_amount"] or "unknown"
    yield "says it received", f"{amount} {row['received_currency']}/{row['received_network']}"
    yield "invoice", f"{row['invoice_usd']} USD" if row["invoice_usd"] else None
    yield "order", row["order_id"]
    yield "parent payment", row["parent_payment_id"]
    yield "version", row["fingerprint"].removeprefix("0x")
    yield "meaning", row["meaning"]
    yield "do first", row["fix"] if row["state"] == "held" else None
    yield "body", row["notification"]


def _of_batch(row: Row, now: Any) -> Iterator[tuple[str, object]]:
    yield "batch", row["batch_id"]
    yield "state", f"{row['state']} since {ago(row['state_since'], now)}"
    yield "reason", row["reason"]
    yield "opened for", f"{row['opened_for']}, {clock(row['created_at'])} UTC"
    yield "payments", plain(row["payments_count"])
    yield "claimed", f"{eth(row['claimed_wei'])}, worth {usd(row['claimed_usd'])}"
    yield "at", f"{plain(row['eth_usd'])} USD per ETH; threshold {usd(row['threshold_usd'])}"
    yield "arrived", usdt(row["received_microusdt"])


def _of_payout(row: Row, now: Any) -> Iterator[tuple[str, object]]:
    yield "payout", row["payout_id"]
    yield "client", row["client_id"]
    yield "state", f"{row['state']} since {ago(row['state_since'], now)}"
    yield "reason", row["reason"]
    yield "how", f"{row['context']}, {row['kind']}, over {plain(row['payments_count'])} payments"
    yield "pays", of_currency(row["amount_units"], row["from_currency"])
    yield "worth", usd(row["value_usd"])
    yield "as", f"{row['to_currency']}/{row['to_network']} to {row['to_address']}"
    yield "memo", row["to_extra_id"]
    if row["delivered"] is not None:
        yield "delivered", f"{plain(row['delivered'])} {row['to_currency'].upper()}"
    yield "delivered in", row["delivered_hash"]
    if row["refunded_units"] is not None:
        yield "came back", of_currency(row["refunded_units"], row["from_currency"])


def _leg(leg: Row) -> Iterator[RenderableType]:
    swap, transfer = leg["swap"], leg["transfer"]
    if swap is not None:
        yield heading("Exchange")
        yield facts(_of_swap(swap, leg["exchanges"]))
    if transfer is not None:
        yield heading("Transfer")
        yield facts(_of_transfer(transfer))
    if leg["attempts"]:
        yield table(
            ("attempt", "kind", "state", "nonce", "fee at most", "sent", "answer", "transaction"),
            (
                (
                    plain(each["attempt_no"]),
                    each["kind"],
                    each["state"],
                    plain(each["nonce"]),
                    f"{coins(each['max_fee_per_gas_wei'], GWEI_DECIMALS)} gwei",
                    plain(each["sends"]),
                    each["last_outcome"],
                    each["tx_hash"],
                )
                for each in leg["attempts"]
            ),
            right="R--RRR",
        )


def _of_swap(row: Row, exchanges: list[Row]) -> Iterator[tuple[str, object]]:
    yield "swap", row["swap_id"]
    yield "state", row["state"]
    yield "reason", row["reason"]
    yield "exchange", row["cn_api_id"]
    unused = [each["cn_api_id"] for each in exchanges if not each["is_current"]]
    yield "made too", ", ".join(unused)
    paid = of_currency(row["from_amount_units"], row["from_currency"])
    yield "turns", f"{paid} into {row['to_currency']}/{row['to_network']}"
    if row["expected_to_amount"] is not None:
        yield "promised", f"{plain(row['expected_to_amount'])} {row['to_currency'].upper()}"
    yield "says", row["provider_status"]
    yield "paid out in", row["payout_hash"]
    yield "paid back in", row["refund_hash"]


def _of_transfer(row: Row) -> Iterator[tuple[str, object]]:
    yield "transfer", row["unique_id"]
    yield "state", row["state"]
    yield "reason", row["reason"]
    yield "waits for", row["wait_reason"]
    yield "pays", f"{of_currency(row['amount_units'], row['currency'])} to {row['to_address']}"
    yield "from", row["wallet"]
    yield "nonce", None if row["nonce"] is None else plain(row["nonce"])
    yield "transaction", row["tx_hash"]
    yield "block", None if row["block_number"] is None else plain(row["block_number"])
    if row["gas_used"] is not None and row["effective_gas_price_wei"] is not None:
        yield "gas paid", eth(int(row["gas_used"]) * int(row["effective_gas_price_wei"]))


def _payments(answer: Row) -> Iterator[RenderableType]:
    rows = answer.get("payments") or []
    if not rows:
        return
    yield heading("Payments")
    yield table(
        ("payment", "client", "state", "received", "converted", "share"),
        (
            (
                row["payment_id"],
                row["client_id"],
                row["state"],
                eth(row["received_wei"]),
                eth(row["convertible_wei"]),
                usdt(row["share_microusdt"]),
            )
            for row in rows
        ),
        right="---RRR",
    )
    owner = answer["batch"] or answer["payout"]
    left_out = int(owner["payments_count"]) - len(rows)
    if left_out > 0:
        yield line(f"and {left_out} more")


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="its id, or how exactly one begins")


SUBCOMMANDS = (
    Subcommand(name="payment", help="a payment, and what happened", run=_payment, arguments=_id),
    Subcommand(name="batch", help="a batch, and what happened", run=_batch, arguments=_id),
    Subcommand(name="payout", help="a payout, and what happened", run=_payout, arguments=_id),
)

"""What happened to somebody's money, in order: when, to which row, in a sentence."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.operations import looking_store as store
from microbatch.operations.custody import Custody, Leg
from microbatch.operations.facts import Facts, amount, counted, eth, gwei, usd, usdt
from microbatch.platform.database import Transaction

Row = store.Row
Entry = tuple[datetime, str, str, str]  # at, entity, id, what


def timeline(tx: Transaction, found: Custody) -> list[Facts]:
    """Everything that is known to have happened to these rows, oldest first."""
    entries = sorted(_entries(tx, found), key=lambda entry: entry[0])
    return [
        {"at": at.isoformat(), "entity": entity, "id": row_id, "what": what}
        for at, entity, row_id, what in entries
    ]


def _entries(tx: Transaction, found: Custody) -> Iterator[Entry]:
    for held in found.held:
        yield from _held(held)
    if found.payment is not None:
        yield from _payment(found.payment)
    for leg in found.legs:
        yield from _leg(tx, leg)
    for act in store.acts_on(tx, found.ids):
        what = f"{act['who']}: {act['act']}, because: {act['why']}"
        yield act["at"], "operator_acts", str(act["act_id"]), what


def _leg(tx: Transaction, leg: Leg) -> Iterator[Entry]:
    words = _batch if leg.entity == "batches" else _payout
    yield from _moves(tx, leg.entity, leg.owner, leg.owner_id, words)
    if leg.swap is not None:
        yield from _moves(tx, "swaps", leg.swap, leg.swap["swap_id"], _swap)
        yield from _outside(tx, leg.swap)
    if leg.transfer is not None:
        unique_id = leg.transfer["unique_id"]
        yield from _moves(tx, "transfers", leg.transfer, unique_id, _transfer)
        for attempt in leg.attempts:
            yield from _attempt(attempt, unique_id)


def _held(row: Row) -> Iterator[Entry]:
    said = f"{row['received_amount'] or '?'} {row['received_currency'] or '?'}".upper()
    yield row["held_at"], "held_payments", row["payment_id"], f"held: {row['reason']}, {said}"
    if row["decided_at"] is not None:
        yield row["decided_at"], "held_payments", row["payment_id"], row["state"]


def _payment(row: Row) -> Iterator[Entry]:
    worth = f", worth {usd(row['net_usd'])}" if row["net_usd"] is not None else ""
    received = (
        f"received {eth(row['received_wei'])}: fee {eth(row['fee_wei'])},"
        f" net {eth(row['net_wei'])}{worth}"
    )
    yield row["received_at"], "payments", row["payment_id"], received
    yield row["state_since"], "payments", row["payment_id"], _stands(row)


def _stands(row: Row) -> str:
    state, share = str(row["state"]), row["share_microusdt"]
    if row["attempts"]:
        state += f", after {counted(row['attempts'], 'attempt')} in vain"
    if share is not None:
        state += f": its share is {usdt(share)}"
    return state + (f" ({row['park_reason']})" if row["park_reason"] else "")


def _moves(
    tx: Transaction, entity: str, row: Row, row_id: str, words: Callable[[Row, str], str]
) -> Iterator[Entry]:
    for change in store.changes(tx, entity, row_id):
        what = words(row, change["to_state"])
        reason = f": {change['reason']}" if change["reason"] else ""
        yield change["at"], entity, row_id, f"{change['to_state']}{what}{reason}"


def _batch(row: Row, state: str) -> str:
    if state == "claimed":
        return (
            f": {counted(row['payments_count'], 'payment')}, {eth(row['claimed_wei'])},"
            f" worth {usd(row['claimed_usd'])}; opened for {row['opened_for']}"
        )
    if state == "finished" and row["received_microusdt"] is not None:
        return f": {usdt(row['received_microusdt'])} have arrived"
    return ""


def _payout(row: Row, state: str) -> str:
    if state == "claimed":
        paid = amount(row["amount_units"], row["from_currency"])
        return (
            f": {paid} of {counted(row['payments_count'], 'payment')}, as"
            f" {row['to_currency']}/{row['to_network']} to {row['to_address']}"
        )
    if state == "completed":
        delivered = row["delivered"]
        what = "" if delivered is None else f": {_coins(delivered)} {row['to_currency'].upper()}"
        return f"{what} in {row['delivered_hash']}"
    return ""


def _swap(row: Row, state: str) -> str:
    if state == "requested":
        paid = amount(row["from_amount_units"], row["from_currency"])
        return f": {paid} to {row['to_currency']}/{row['to_network']}"
    if state == "created":
        expected = row["expected_to_amount"]
        promised = f", promises {_coins(expected)} {row['to_currency'].upper()}" if expected else ""
        return f": exchange {row['cn_api_id']}, paid at {row['payin_address']}{promised}"
    if state == "finished" and row["payout_hash"]:
        return f": the exchange has paid out in {row['payout_hash']}"
    if state == "refunded":
        came_back = amount(row["refunded_units"], row["from_currency"])
        return f": {came_back} came back in {row['refund_hash']}"
    return ""


def _transfer(row: Row, state: str) -> str:
    if state == "requested":
        return f": {amount(row['amount_units'], row['currency'])} to {row['to_address']}"
    if state == "signed":
        return f": nonce {row['nonce']} of {row['wallet']}"
    if state == "mined":
        return f": {row['tx_hash']} in block {row['block_number']}"
    return ""


def _attempt(row: Row, unique_id: str) -> Iterator[Entry]:
    entity, number = "transfer_attempts", row["attempt_no"]
    fee = f"at most {gwei(row['max_fee_per_gas_wei'])} for gas"
    signed = row["tx_hash"] or "not signed yet"
    yield row["created_at"], entity, unique_id, f"attempt {number}, {row['kind']}: {signed}, {fee}"
    if row["sent_at"] is not None:
        sent = f"sent {counted(row['sends'], 'time')}, last answer {row['last_outcome']}"
        yield row["sent_at"], entity, unique_id, f"attempt {number}: {sent}"


def _outside(tx: Transaction, swap: Row) -> Iterator[Entry]:
    """What the exchange and the chain have shown."""
    for exchange in store.exchanges(tx, swap["swap_id"]):
        if not exchange["is_current"]:
            what = f"exchange {exchange['cn_api_id']} was made too, and is left to expire"
            yield exchange["recorded_at"], "exchanges", exchange["cn_api_id"], what
    if swap["provider_status_since"] is not None:
        what = f"the exchange says: {swap['provider_status']}"
        yield swap["provider_status_since"], "exchanges", swap["cn_api_id"], what
    for receipt in store.receipts(tx, swap["swap_id"]):
        what = f"{usdt(receipt['amount_units'])} from {receipt['from_address']}"
        yield (
            receipt["recorded_at"],
            "token_receipts",
            receipt["tx_hash"],
            f"the chain shows {what}",
        )


def _coins(value: Any) -> str:
    text = f"{Decimal(value):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text

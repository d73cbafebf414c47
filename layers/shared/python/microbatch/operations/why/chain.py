"""The act `why`: from any id along the way of its money to the row that everything waits for."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.operations import custody, why_store
from microbatch.operations import looking_store as rows
from microbatch.operations.finding import ORDER, Found, find
from microbatch.operations.requests import Request, Surroundings, text_in
from microbatch.operations.why import clients, exchanges, payments, transfers
from microbatch.operations.why.link import Link, Look
from microbatch.platform.database import Transaction

ID = r"[!-~]{1,200}"
OVER = frozenset({"settled", "rejected", "failed"})


def why(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    """Where this is, since when, what for, who ends it, and what happens next by itself."""
    entity = request.get("entity")
    if entity is not None and entity not in ORDER:
        raise InvalidInput(f"entity {str(entity)[:40]!r} is not one of {', '.join(ORDER)}")
    text = text_in(request, "id", ID)
    found = find(tx, text, among=(entity,) if entity else ORDER)
    look = Look.of(tx, now, surroundings)
    chain = list(_chain(look, found))
    return {
        "at": now.isoformat(),
        "asked": text,
        "found": {"entity": found.entity, "id": found.row_id},
        "answer": chain[-1].shown(now),
        "chain": [each.shown(now) for each in chain],
    }


def _chain(look: Look, found: Found) -> Iterator[Link]:
    """The rows from what was asked about to the one that everything waits for."""
    if found.entity in ("payments", "held_payments"):
        yield from _of_payment(look, found)
    elif found.entity == "clients":
        yield from _of_client(look, found.row_id)
    elif found.entity == "wallets":
        wallet = why_store.wallet(look.tx, found.row_id)
        assert wallet is not None, f"wallet {found.row_id} was found"
        yield clients.wallet(look, wallet)
    elif found.entity == "observations":
        seen = why_store.observation(look.tx, found.row_id)
        assert seen is not None, f"observation {found.row_id} was found"
        yield clients.observation(look, found.row_id, seen)
    else:
        leg = LEGS[found.entity](look.tx, found.row_id)
        assert leg is not None, f"{found.entity} {found.row_id} was found"
        yield from _of_leg(look, leg)


def _of_payment(look: Look, found: Found) -> Iterator[Link]:
    payment = rows.payment(look.tx, found.row_id)
    held = rows.held_of(look.tx, found.row_id)
    waiting = [row for row in held if row["state"] == "held"]
    if payment is None or found.entity == "held_payments":
        yield payments.held(look, (waiting or held)[0])
        return
    made = payments.payment(look, payment)
    made.details += [f"another notification of this id is held: {row['reason']}" for row in waiting]
    yield made
    leg = None
    if payment["state"] == "swapping":
        leg = custody.of_batch(look.tx, str(payment["batch_id"]))
    elif payment["state"] == "in_payout":
        leg = custody.of_payout(look.tx, str(payment["payout_id"]))
    if leg is not None:
        yield from _of_leg(look, leg)


def _of_client(look: Look, client_id: str) -> Iterator[Link]:
    client = why_store.client(look.tx, client_id)
    assert client is not None, f"client {client_id} was found"
    yield clients.client(look, client)
    payout_id = why_store.open_payout(look.tx, client_id)
    leg = custody.of_payout(look.tx, payout_id) if payout_id else None
    if leg is not None:
        yield from _of_leg(look, leg)


def _of_leg(look: Look, leg: custody.Leg) -> Iterator[Link]:
    """A batch or payout, and of its swap and its transfer what it waits for."""
    of_owner = exchanges.batch if leg.entity == "batches" else exchanges.payout
    owner = of_owner(look, leg.owner)
    yield owner
    if owner.life is None or leg.owner["state"] == "finished":
        return
    is_out = _is_out(leg)
    if leg.swap is not None:
        swap = exchanges.swap(look, leg.swap)
        if is_out:
            swap.last = None  # it follows its transfer, whose age counts
        if swap.life is not None or leg.owner["state"] == "parked":
            yield swap
    if leg.transfer is not None and is_out:
        yield from _of_transfer(look, leg.transfer, leg.attempts)


def _is_out(leg: custody.Leg) -> bool:
    """Whether the transfer has not done its part; it has, when the swap knows that it is paid."""
    if leg.transfer is None or leg.transfer["state"] in OVER:
        return False
    told = leg.swap is not None and leg.swap["state"] != "created"
    return not (leg.transfer["state"] == "confirmed" and told)


def _of_transfer(look: Look, row: rows.Row, attempts: list[rows.Row]) -> Iterator[Link]:
    """A transfer, and what keeps its bytes from being mined: another's nonce, or no signature."""
    yield transfers.transfer(look, row, attempts)
    ahead = transfers.ahead_of(look, row)
    if ahead is not None:
        yield from _of_transfer(look, ahead, rows.attempts(look.tx, ahead["unique_id"]))
        return
    order = transfers.order(look, attempts) if row["state"] in ("signed", "broadcast") else None
    if order is not None:
        yield order


LEGS = {
    "batches": custody.of_batch,
    "payouts": custody.of_payout,
    "swaps": custody.of_swap,
    "transfers": custody.of_transfer,
}

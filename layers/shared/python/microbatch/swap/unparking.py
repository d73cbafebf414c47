"""A person has looked at a swap: its exchange is asked again, or it is given up unpaid."""

from datetime import datetime
from decimal import Decimal

from microbatch.errors import InvalidInput
from microbatch.hostpay import service as hostpay
from microbatch.messages import Outgoing
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import moves, receipt_store, store
from microbatch.swap.due import messages_due

RELEASED = "released_by_operator"
OVER = ("finished", "failed", "refunded", "expired")


def retry(
    tx: Transaction, swap_id: str, vouched_amount: Decimal | None, now: datetime
) -> list[Outgoing]:
    """Ask the exchange of a parked swap again, and then the chain, as if nothing was known.

    `vouched_amount`: what a person has seen there, in coins. Where the chain shows exactly that, it
    is taken, whatever the exchange says. Raises InvalidInput for a swap that is not parked.
    """
    swap = moves.locked(tx, swap_id)
    if swap.state != "parked":
        raise InvalidInput(f"swap {swap_id} is {swap.state}, not parked")
    if not hostpay.unparking.is_paid(tx, swap_id):
        raise InvalidInput(f"swap {swap_id} is not paid: there is nothing to ask for; release it")
    receipt_store.begin_again(tx, swap_id, vouched_amount)
    moves.move(tx, swap, "paid", now)
    moves.owner_of(swap).asked_again(tx, swap.owner_id, now)
    logger.warning("swap_retried", swap_id=swap_id)
    return messages_due(moves.locked(tx, swap_id), now)


def transfer_goes_on(tx: Transaction, swap_id: str, now: datetime) -> None:
    """The swap's parked transfer is tried again: it is ordered, though its order was refused."""
    swap = store.lock(tx, swap_id)
    if swap is not None and swap.state == "created":
        moves.owner_of(swap).pay_ordered(tx, swap.owner_id, now)


def release(tx: Transaction, swap_id: str, now: datetime) -> list[Outgoing] | None:
    """Hand an unpaid swap back to its owner; None when there is no such swap.

    Raises InvalidInput, naming what is in the way, when something of ours may have paid it.
    """
    swap = store.lock(tx, swap_id)
    if swap is None:
        return None
    if swap.state in OVER:
        raise InvalidInput(f"swap {swap_id} is {swap.state}: nothing of it is left to be released")
    hostpay.unparking.give_up(tx, swap_id, RELEASED, now)
    return moves.end(tx, swap, "failed", RELEASED, now)


def is_parked(tx: Transaction, swap_id: str) -> bool:
    """Whether the swap waits for a person."""
    swap = store.read(tx, swap_id)
    return swap is not None and swap.state == "parked"

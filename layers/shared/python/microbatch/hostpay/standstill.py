"""For the reconciler: transfers that stand still, and orders that nobody has signed."""

from datetime import datetime

from microbatch.hostpay import attempt_store, store
from microbatch.hostpay.due import asks_again, execution, looks_again, messages_due
from microbatch.hostpay.moves import move
from microbatch.messages import Outgoing
from microbatch.pace import Pace
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger

ROWS_MAX = 500
WAITING = ("requested", "approved", "signed", "broadcast", "mined", "confirmed")
UNSIGNED = ("requested", "approved")


def standing_still(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """The transfers that have stood still for too long; the one looked at longest ago first."""
    standstill, given_up_before = pace.standstill(now), pace.given_up_before(now)
    return store.standing_still(tx, WAITING, standstill, given_up_before, ROWS_MAX)


def go_on(tx: Transaction, now: datetime, unique_id: str, pace: Pace) -> list[Outgoing]:
    """The message of a transfer that stands still, again; unsigned for a day it is rejected.

    Its owner goes on with another: another exchange, perhaps another wallet.
    """
    transfer = store.lock(tx, unique_id)
    if transfer is None or transfer.state not in WAITING:
        return []
    if transfer.state in UNSIGNED and transfer.tried_since < pace.given_up_before(now):
        rejected = move(tx, transfer, "rejected", now, "waited_too_long")
        logger.warning("transfer_given_up", unique_id=unique_id, reason="waited_too_long")
        return messages_due(tx, rejected, now)
    if transfer.state == "approved":
        return looks_again(tx, transfer, now, pace, at_once=True)
    return asks_again(tx, transfer, now, pace)


def orders_standing_still(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """The transfers with a bump or a cancel that was ordered long ago and is not signed."""
    return attempt_store.orders_standing_still(tx, pace.standstill(now), ROWS_MAX)


def sign_again(tx: Transaction, now: datetime, unique_id: str) -> list[Outgoing]:
    """The hint that a bump or a cancel is to be signed, again."""
    transfer = store.lock(tx, unique_id)
    if transfer is None or not attempt_store.note_order_asked(tx, unique_id, now):
        return []
    return [Outgoing("hostpay-payment-execute", execution(transfer, now))]

"""A person has looked at a payment that failed too often: it is tried again, or it is over."""

from datetime import datetime
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.intake import store
from microbatch.messages import Outgoing
from microbatch.payout import service as payouts
from microbatch.payout.model import Policy as PayoutPolicy
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger


def retry(
    tx: Transaction, payment_id: str, now: datetime, payout_policy: PayoutPolicy
) -> list[Outgoing]:
    """A parked payment waits again for what it failed at, its attempts forgotten.

    Raises InvalidInput for another one, and for one of which nothing is left.
    """
    payment = _parked(tx, payment_id)
    if payment["convertible_wei"] == 0:
        raise InvalidInput(
            f"of payment {payment_id} nothing is left, an exchange has kept it: release it"
        )
    store.unpark(tx, payment_id, _back_to(payment), now)
    logger.warning("payment_retried", payment_id=payment_id, reason=payment["park_reason"])
    return payouts.open_instant(tx, now, payment_id, payout_policy)


def release(tx: Transaction, payment_id: str, now: datetime) -> None:
    """A parked payment of which nothing is left is over. Raises InvalidInput for any other."""
    payment = _parked(tx, payment_id)
    if payment["convertible_wei"] != 0:
        raise InvalidInput(
            f"payment {payment_id} is in nobody's hands, and {payment['convertible_wei']} wei of it"
            " are left: retry it"
        )
    store.write_off(tx, payment_id, now)
    logger.warning("payment_written_off", payment_id=payment_id)


def _parked(tx: Transaction, payment_id: str) -> dict[str, Any]:
    payment = store.lock_parked(tx, payment_id)
    if payment is None:
        raise InvalidInput(f"payment {payment_id} is not parked")
    if payment["batch_state"] not in (None, "released", "distributed"):
        raise InvalidInput(
            f"payment {payment_id} is in batch {payment['batch_id']}, which is "
            f"{payment['batch_state']}: that one first"
        )
    return payment


def _back_to(payment: dict[str, Any]) -> str:
    """It failed at its payout, in a batch, or alone as an instant payment."""
    if payment["share_microusdt"] is not None:
        return "converted"
    return "pending" if payment["batch_id"] is not None else str(payment["credited_as"])

"""How a swap moves: its row and its owner in the same transaction."""

from datetime import datetime
from typing import Any

from microbatch.conversion import service as conversion
from microbatch.errors import IllegalTransition, PermanentFailure
from microbatch.hostpay import service as hostpay
from microbatch.messages import Outgoing
from microbatch.payout import service as payouts
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import store
from microbatch.swap.model import Swap

# Ends that are about the amount or the market of the moment: trying again later can succeed, so
# they do not count against the payments.
NOT_THE_PAYMENTS_FAULT = (
    "deposit_too_small",
    "out_of_range",
    "max_amount_exceeded",
    "minimum_raised",
    "quote_",
    "exchange_expired",
    "exchange_does_not_answer",
    "waited_too_long",
    "released_by_operator",
)


def locked(tx: Transaction, swap_id: str) -> Swap:
    """The swap, locked until the transaction ends. Raises PermanentFailure when there is none."""
    swap = store.lock(tx, swap_id)
    if swap is None:
        raise PermanentFailure(f"swap {swap_id!r} is not known")
    return swap


def owner_of(swap: Swap) -> Any:
    """The service of the room that asked for this swap."""
    return payouts if swap.is_payout else conversion


def move(
    tx: Transaction,
    swap: Swap,
    state_to: str,
    now: datetime,
    *,
    reason: str | None = None,
    received_units: int | None = None,
    refunded_units: int | None = None,
) -> None:
    """Move a swap on. Raises IllegalTransition when it is not where we read it."""
    if not store.move(
        tx,
        swap.swap_id,
        state_from=swap.state,
        state_to=state_to,
        now=now,
        reason=reason,
        received_units=received_units,
        refunded_units=refunded_units,
    ):
        raise IllegalTransition(f"swap {swap.swap_id} is not {swap.state} any more")


def end(tx: Transaction, swap: Swap, state_to: str, reason: str, now: datetime) -> list[Outgoing]:
    """End an unpaid swap and hand it back, only if none of our bytes can pay it any more."""
    if not hostpay.withdraw(tx, swap.swap_id, reason, now):
        raise IllegalTransition(f"swap {swap.swap_id} has a signed transfer, it cannot be ended")
    move(tx, swap, state_to, now, reason=reason)
    logger.warning("swap_ended", swap_id=swap.swap_id, state=state_to, reason=reason)
    counts = not reason.removeprefix("rejected: ").startswith(NOT_THE_PAYMENTS_FAULT)
    told: list[Outgoing] = owner_of(swap).release(tx, swap.owner_id, reason, now, counts=counts)
    return told


def park(tx: Transaction, swap: Swap, reason: str, now: datetime) -> list[Outgoing]:
    """A person has to look at this swap, and at what it was for."""
    move(tx, swap, "parked", now, reason=reason)
    told: list[Outgoing] = owner_of(swap).park(tx, swap.owner_id, reason, now)
    return told

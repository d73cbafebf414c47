"""The life of a batch: what its swap tells it, in the swap's own transaction."""

from collections.abc import Sequence
from datetime import datetime

from microbatch.conversion import sharing_store, store
from microbatch.conversion.model import MAX_ATTEMPTS, is_past
from microbatch.conversion.telling import events_due
from microbatch.errors import IllegalTransition
from microbatch.hostpay import service as hostpay
from microbatch.messages import Announcement, Outgoing
from microbatch.money import MicroUsdt, Wei
from microbatch.pace import Pace
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger
from microbatch.swap import service as swaps

STALE_ROWS_MAX = 500


def note_told(tx: Transaction, now: datetime, told: Sequence[Announcement]) -> None:
    """The events that were sent tell of these states."""
    del now
    for announcement in told:
        store.note_told(tx, announcement.row_id, announcement.state)


def _events(tx: Transaction, batch_id: str, now: datetime) -> list[Outgoing]:
    batch = store.lock_batch(tx, batch_id)
    assert batch is not None
    return events_due(batch, now)


# --- what the swap tells its owner, in the swap's own transaction --------------------------------


def exchange_created(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's exchange stands."""
    _advance(tx, batch_id, "claimed", "exchange_created", now)


def pay_ordered(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's host payment is reserved."""
    _advance(tx, batch_id, "exchange_created", "pay_ordered", now)


def paid(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's host payment is confirmed on chain."""
    _advance(tx, batch_id, "pay_ordered", "paid", now)


def finished(tx: Transaction, batch_id: str, received_units: int, now: datetime) -> None:
    """The batch's USDT has arrived on chain."""
    for state_from in ("paid", "parked"):
        if store.move(
            tx,
            batch_id,
            state_from=state_from,
            state_to="finished",
            now=now,
            received_microusdt=MicroUsdt(received_units),
        ):
            return
    raise IllegalTransition(f"batch {batch_id} is not paid, so it cannot be finished")


def release(
    tx: Transaction, batch_id: str, reason: str, now: datetime, *, counts: bool
) -> list[Outgoing]:
    """Nothing was paid for this batch: its payments go back, and after five tries are parked.

    `counts`: whether this end counts as a try of theirs.
    """
    batch = store.lock_batch(tx, batch_id)
    if batch is None or batch["state"] in ("released", "distributed", "finished"):
        raise IllegalTransition(f"batch {batch_id} cannot be released")
    store.move(tx, batch_id, state_from=batch["state"], state_to="released", now=now, reason=reason)
    released = sharing_store.release_payments(
        tx, batch_id, max_attempts=MAX_ATTEMPTS, counts=counts, reason=reason, now=now
    )
    _tell_parked(tx, batch_id, reason)
    logger.warning("batch_released", batch_id=batch_id, reason=reason, payments=released)
    return _events(tx, batch_id, now)


def refunded(tx: Transaction, batch_id: str, came_back_wei: int, now: datetime) -> list[Outgoing]:
    """The exchange gave ETH back: split exactly over the payments, the rest booked as their loss.

    They go back to pending with what is left of them, their attempts counted.
    """
    if not store.move(
        tx, batch_id, state_from="paid", state_to="released", now=now, reason="refunded"
    ):
        raise IllegalTransition(f"batch {batch_id} is not paid, so it cannot be refunded")
    sharing_store.give_back(
        tx, batch_id, Wei(came_back_wei), max_attempts=MAX_ATTEMPTS, reason="refunded", now=now
    )
    _tell_parked(tx, batch_id, "refunded")
    hostpay.settle(tx, swaps.id_of("batch", batch_id, 1), now)
    logger.warning("batch_refunded", batch_id=batch_id, came_back_wei=came_back_wei)
    return _events(tx, batch_id, now)


def _tell_parked(tx: Transaction, batch_id: str, reason: str) -> None:
    parked = sharing_store.parked(tx, batch_id)
    if parked:
        count("payments_parked", parked)
        logger.error("payments_parked", batch_id=batch_id, payments=parked, reason=reason)


def park(tx: Transaction, batch_id: str, reason: str, now: datetime) -> list[Outgoing]:
    """A person has to look at this batch; its payments stay with it."""
    batch = store.lock_batch(tx, batch_id)
    if batch is None or not store.move(
        tx, batch_id, state_from=batch["state"], state_to="parked", now=now, reason=reason
    ):
        raise IllegalTransition(f"batch {batch_id} cannot be parked")
    count("batch_parked")
    logger.error("batch_parked", batch_id=batch_id, reason=reason)
    return _events(tx, batch_id, now)


def awaits_its_result(tx: Transaction, batch_id: str) -> bool:
    """Whether what has arrived for the batch is still to be distributed."""
    batch = store.lock_batch(tx, batch_id)
    return batch is not None and batch["state"] == "finished"


def asked_again(tx: Transaction, batch_id: str, now: datetime) -> None:
    """A person has the batch's exchange asked again."""
    if not store.unpark(tx, batch_id, now):
        raise IllegalTransition(f"batch {batch_id} is not parked")


def _advance(tx: Transaction, batch_id: str, state_from: str, state_to: str, now: datetime) -> None:
    if store.move(tx, batch_id, state_from=state_from, state_to=state_to, now=now):
        return
    batch = store.lock_batch(tx, batch_id)
    if batch is None or not is_past(batch["state"], state_to):
        state = batch["state"] if batch else "missing"
        raise IllegalTransition(f"batch {batch_id} is {state}, it cannot become {state_to}")


# --- for the reconciler ---------------------------------------------------------------------------


def undistributed(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """The batches whose result was not distributed; the one looked at longest ago first."""
    return store.undistributed(tx, pace.standstill(now), STALE_ROWS_MAX)


def hand_on(
    tx: Transaction, now: datetime, batch_id: str, policy: "swaps.Policy"
) -> list[Outgoing]:
    """The message that has a batch's USDT distributed, again."""
    store.note_asked(tx, batch_id, now)
    return swaps.result_of(tx, "batch", batch_id, now, policy)


def untold(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """The batches of which something was not told; the one looked at longest ago first."""
    return store.unannounced(tx, pace.standstill(now), STALE_ROWS_MAX)


def tell(tx: Transaction, now: datetime, batch_id: str) -> list[Outgoing]:
    """The events of a batch that are not noted as told, again."""
    store.note_asked(tx, batch_id, now)
    return _events(tx, batch_id, now)

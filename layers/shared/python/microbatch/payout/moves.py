"""How a payout ends: its row, its payments and what is told of it, in one transaction."""

from datetime import datetime

from microbatch.errors import IllegalTransition
from microbatch.messages import Outgoing
from microbatch.payout import client_store, store
from microbatch.payout.model import MAX_ATTEMPTS, Payout
from microbatch.payout.telling import events_due
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger


def locked(tx: Transaction, payout_id: str) -> Payout:
    """The payout, locked. Raises IllegalTransition when there is none."""
    payout = store.lock(tx, payout_id)
    if payout is None:
        raise IllegalTransition(f"payout {payout_id} is not known")
    return payout


def move(
    tx: Transaction, payout: Payout, state_to: str, now: datetime, reason: str | None = None
) -> Payout:
    """The payout as it is once it has moved. Raises IllegalTransition when it may not."""
    moved = store.move(
        tx,
        payout.payout_id,
        state_from=payout.state,
        state_to=state_to,
        now=now,
        reason=reason,
    )
    if moved is None:
        raise IllegalTransition(f"payout {payout.payout_id} is not {payout.state} any more")
    return moved


def unpark(tx: Transaction, payout: Payout, state_to: str, now: datetime) -> Payout:
    """A parked payout goes on where it was; parked again, that is told again.

    While the client has another under way it stays parked: it is completed, or given back, all the
    same.
    """
    client_store.read(tx, payout.client_id)  # nobody opens another one meanwhile
    if payout.context == "threshold" and client_store.has_payout_under_way(tx, payout.client_id):
        logger.info("payout_stays_parked", payout_id=payout.payout_id)
        return payout
    store.forget_told(tx, payout.payout_id)
    return move(tx, payout, state_to, now)


def reroute(tx: Transaction, payout: Payout, reason: str, now: datetime) -> list[Outgoing]:
    """Alone the payment is not worth it: it is converted together with others."""
    _give_back_instant(tx, payout, "pending", reason, now, counts=False)
    count("payouts_rerouted")
    logger.warning("payout_rerouted", payout_id=payout.payout_id, reason=reason)
    return events_due(move(tx, payout, "rerouted", now, reason), now)


def give_back(
    tx: Transaction, payout: Payout, reason: str, now: datetime, *, counts: bool
) -> list[Outgoing]:
    """The payout did not happen: its payments are what they were before."""
    if payout.context == "threshold":
        store.give_back_converted(tx, payout.payout_id, now)
    else:
        _give_back_instant(tx, payout, "waiting_instant", reason, now, counts=counts)
    count("payouts_failed")
    logger.warning("payout_failed", payout_id=payout.payout_id, reason=reason)
    return events_due(move(tx, payout, "released", now, reason), now)


def _give_back_instant(
    tx: Transaction, payout: Payout, state: str, reason: str, now: datetime, *, counts: bool
) -> None:
    returned = store.give_back_instant(
        tx,
        payout.payout_id,
        state=state,
        counts=counts,
        max_attempts=MAX_ATTEMPTS,
        reason=reason,
        not_before=payout.retry_at(now),
        now=now,
    )
    if returned is not None and returned["state"] == "parked":
        count("payments_parked")
        logger.error("payments_parked", payout_id=payout.payout_id, payments=1, reason=reason)

"""The life of a payout: what its swap or its transfer tells it, in their own transactions."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from microbatch.errors import IllegalTransition, InvalidInput
from microbatch.messages import AddressChecked, Announcement, Outgoing
from microbatch.money import coins
from microbatch.pace import Pace
from microbatch.payout import client_store, opening, store, waiting_store
from microbatch.payout import redriving as redriving  # noqa: PLC0414 - for operations
from microbatch.payout.due import ask_about as ask_about  # noqa: PLC0414 - for operations
from microbatch.payout.due import order
from microbatch.payout.model import (
    DECIMALS,
    NOT_ITS_FAULT,
    Payout,
    Policy,
    goes_to_accumulation,
)
from microbatch.payout.moves import give_back, locked, move, reroute, unpark
from microbatch.payout.telling import address_changed as address_changed  # noqa: PLC0414
from microbatch.payout.telling import events_due
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger

STALE_ROWS_MAX = 500


def open_instant(tx: Transaction, now: datetime, payment_id: str, policy: Policy) -> list[Outgoing]:
    """The payout of a payment that is to be paid at once, once; nothing for any other."""
    return opening.open_instant(tx, now, payment_id, policy)


# --- what the swap tells its owner ----------------------------------------------------------------


def exchange_created(tx: Transaction, payout_id: str, now: datetime) -> None:
    """Its exchange stands: the swap's own state says so."""


def pay_ordered(tx: Transaction, payout_id: str, now: datetime) -> None:
    """Its host payment is reserved: the transfer's own state says so."""


def paid(tx: Transaction, payout_id: str, now: datetime) -> None:
    """Its host payment is confirmed on chain; the exchange has our money."""
    payout = locked(tx, payout_id)
    if payout.state == "claimed":
        move(tx, payout, "paid", now)


def delivered(
    tx: Transaction, payout_id: str, amount: Decimal | None, delivered_hash: str, now: datetime
) -> list[Outgoing]:
    """The client has the money: its payments count as paid from now on."""
    return _deliver(tx, locked(tx, payout_id), amount, delivered_hash, now)


def _deliver(
    tx: Transaction, payout: Payout, amount: Decimal | None, delivered_hash: str, now: datetime
) -> list[Outgoing]:
    if payout.state == "completed":
        return events_due(payout, now)
    payout_id = payout.payout_id
    completed = store.complete(
        tx, payout_id, delivered=amount, delivered_hash=delivered_hash, now=now
    )
    if completed is None:
        raise IllegalTransition(f"payout {payout_id} is {payout.state}, it cannot be completed")
    paid_count = store.set_paid(tx, payout_id, now)
    if paid_count != payout.payments_count:
        raise AssertionError(f"payout {payout_id} is over {paid_count} payments")
    count("payouts_completed")
    logger.info("payout_completed", payout_id=payout_id, delivered_hash=delivered_hash)
    return events_due(completed, now)


def release(
    tx: Transaction, payout_id: str, reason: str, now: datetime, *, counts: bool
) -> list[Outgoing]:
    """Nothing was paid: the payments are given back, or accumulated when alone too small."""
    payout = locked(tx, payout_id)
    if payout.context == "instant" and goes_to_accumulation(reason):
        return reroute(tx, payout, reason, now)
    counts = counts and not reason.startswith(NOT_ITS_FAULT)
    if payout.context == "threshold":
        client_store.note_wait(tx, payout.client_id, reason, now)
        client_store.wait_until(tx, payout.client_id, payout.retry_at(now))
    return give_back(tx, payout, reason, now, counts=counts)


def refunded(tx: Transaction, payout_id: str, units: int, now: datetime) -> list[Outgoing]:
    """The exchange gave it back, seen on chain: exactly that much is the client's again."""
    payout = locked(tx, payout_id)
    store.set_refunded(tx, payout_id, units)
    if payout.context == "threshold":
        store.book_losses(tx, payout_id, units)
        client_store.note_wait(tx, payout.client_id, "refunded", now)
        client_store.wait_until(tx, payout.client_id, payout.retry_at(now))
    else:
        store.book_wei_loss(tx, payout_id, units)
    return give_back(tx, payout, "refunded", now, counts=True)


def park(tx: Transaction, payout_id: str, reason: str, now: datetime) -> list[Outgoing]:
    """A person has to look at this payout; its payments stay with it."""
    payout = move(tx, locked(tx, payout_id), "parked", now, reason)
    count("payout_parked")
    logger.error("payout_parked", payout_id=payout_id, reason=reason)
    return events_due(payout, now)


def transfer_parked(tx: Transaction, unique_id: str, reason: str, now: datetime) -> None:
    """A person has to look at the payout's transfer, and so at the payout.

    The reconciler tells of it: not every function that parks may send events.
    """
    payout = store.lock_of(tx, unique_id)
    if payout is not None and payout.state == "claimed":
        park(tx, payout.payout_id, reason, now)


def transfer_retried(tx: Transaction, unique_id: str, now: datetime) -> None:
    """A person has the payout's transfer tried again."""
    payout = store.lock_of(tx, unique_id)
    if payout is not None and payout.state == "parked":
        unpark(tx, payout, "claimed", now)


def asked_again(tx: Transaction, payout_id: str, now: datetime) -> None:
    """A person has the payout's exchange asked again."""
    payout = locked(tx, payout_id)
    if payout.state == "parked":
        unpark(tx, payout, "paid", now)


def objection(tx: Transaction, unique_id: str, now: datetime) -> str | None:
    """Why a payout that is not signed yet had better not be paid any more; or None."""
    payout = store.lock_of(tx, unique_id)
    if payout is None:
        return None
    client = client_store.read(tx, payout.client_id)
    if (payout.to_address, payout.to_currency, payout.to_network, payout.to_extra_id) != (
        client.wallet_address,
        client.payout_currency,
        client.payout_network,
        client.payout_extra_id,
    ):
        return "address_changed"
    return client.standstill(now)


# --- what hostpay asks and tells of a direct transfer ---------------------------------------------


def payable_direct(tx: Transaction, unique_id: str) -> Payout | None:
    """The payout, locked, if its direct transfer may be reserved."""
    payout = store.lock_of(tx, unique_id)
    is_open = payout is not None and payout.kind == "direct" and payout.state == "claimed"
    return payout if is_open else None


def direct_paid(tx: Transaction, unique_id: str, tx_hash: str, now: datetime) -> list[Outgoing]:
    """The direct transfer is confirmed: the client has exactly what was to be paid."""
    payout = _direct(tx, unique_id)
    amount = coins(payout.amount_units, DECIMALS[payout.from_currency])
    return _deliver(tx, payout, amount, tx_hash, now)


def payment_ended(tx: Transaction, unique_id: str, reason: str, now: datetime) -> list[Outgoing]:
    """The direct transfer will not happen, or failed for good."""
    payout = _direct(tx, unique_id)
    if payout.state not in ("claimed", "parked"):
        return events_due(payout, now)
    return release(tx, payout.payout_id, reason, now, counts=True)


def give_up(tx: Transaction, unique_id: str, reason: str, now: datetime) -> list[Outgoing]:
    """A person gives up a direct payout of which nothing can pay any more."""
    payout = _direct(tx, unique_id)
    if payout.state not in ("claimed", "parked"):
        raise InvalidInput(
            f"payout {payout.payout_id} is {payout.state}: nothing of it is left to be released"
        )
    return release(tx, payout.payout_id, reason, now, counts=False)


def _direct(tx: Transaction, unique_id: str) -> Payout:
    payout = store.lock_of(tx, unique_id)
    if payout is None or payout.kind != "direct":
        raise IllegalTransition(f"transfer {unique_id} is of no direct payout")
    return payout


# --- addresses ------------------------------------------------------------------------------------


def refuse_address(tx: Transaction, payout_id: str, problem: str, now: datetime) -> None:
    """The provider does not take this address: nothing is paid to it from now on."""
    del now
    payout = locked(tx, payout_id)
    client_store.judge_address(
        tx,
        payout.client_id,
        network=payout.to_network,
        address=payout.to_address,
        problem=problem,
    )
    logger.error("address_refused", client_id=payout.client_id, problem=problem)


def take_address(message: AddressChecked, tx: Transaction, now: datetime) -> list[Outgoing]:
    """What the provider says of a client's address; an answer about an older one is not used."""
    del now
    used = client_store.judge_address(
        tx,
        message.client_id,
        network=message.network,
        address=message.address,
        problem=message.problem,
    )
    if used and message.problem:
        logger.error("address_refused", client_id=message.client_id, problem=message.problem)
    return []


# --- for the reconciler ---------------------------------------------------------------------------


def orders_standing_still(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """Direct payouts whose order was lost, or the end of whose transfer was."""
    return waiting_store.direct_standing_still(tx, pace.standstill(now), STALE_ROWS_MAX)


def order_again(tx: Transaction, now: datetime, payout_id: str) -> list[Outgoing]:
    """The order of a direct payout, again: it is answered with where its transfer stands."""
    store.note_asked(tx, payout_id, now)
    return [order(locked(tx, payout_id), now)]


def unverified(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """Clients whose address nobody was asked about lately."""
    return client_store.unverified(tx, now - pace.stale_after, STALE_ROWS_MAX)


def ask_again(tx: Transaction, now: datetime, client_id: str, pace: Pace) -> list[Outgoing]:
    """The question whether a client's address is one, again."""
    client = client_store.win_question(tx, client_id, now, now - pace.stale_after)
    return [ask_about(client, now)] if client else []


def untold(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """Payouts that are over and were not told of; the one looked at longest ago first."""
    return waiting_store.unannounced(tx, pace.standstill(now), STALE_ROWS_MAX)


def tell(tx: Transaction, now: datetime, payout_id: str) -> list[Outgoing]:
    """The event of a payout, again."""
    store.note_asked(tx, payout_id, now)
    return events_due(locked(tx, payout_id), now)


def untold_changes(tx: Transaction, now: datetime, pace: Pace) -> list[str]:
    """Changes of address that nobody was told of; the one looked at longest ago first."""
    return client_store.unannounced_changes(tx, now - pace.stale_after, STALE_ROWS_MAX)


def tell_change(tx: Transaction, now: datetime, change_id: str) -> list[Outgoing]:
    """The event of a change of address, again."""
    change = client_store.look_at_change(tx, int(change_id), now)
    return [address_changed(change, now)] if change else []


def note_told(tx: Transaction, now: datetime, told: Sequence[Announcement]) -> None:
    """The events that were sent tell of these states."""
    for announcement in told:
        if announcement.entity == "payouts":
            waiting_store.note_told(tx, announcement.row_id, announcement.state)
        elif announcement.entity == "address_changes":
            client_store.note_change_told(tx, int(announcement.row_id), now)

"""Move a swap along what the exchange and the chain say; its owner follows in the same step."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.conversion import service as conversion
from microbatch.errors import IllegalTransition, PermanentFailure
from microbatch.hostpay import service as hostpay
from microbatch.market import service as market
from microbatch.messages import (
    ExchangeCreated,
    ExchangeRefused,
    ExchangeStatusObserved,
    HostPaymentEnded,
    Message,
    Outgoing,
    RangeObserved,
    TransferLogsFound,
)
from microbatch.pace import Pace
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import arrival, store
from microbatch.swap.due import asks_again, messages_due
from microbatch.swap.model import Swap, Terms, accepts, swap_id_of

STALE_ROWS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules a swap is run under."""

    pace: Pace
    confirmations: int
    band_percent: Decimal
    token: str  # the USDT contract


def id_of(context: str, owner_id: str, generation: int) -> str:
    """The identity of an owner's swap."""
    return swap_id_of(context, owner_id, generation)


def request(tx: Transaction, now: datetime, terms: Terms) -> list[Outgoing]:
    """Record what an owner wants to be swapped; the same request again changes nothing."""
    store.insert(tx, terms, now)
    swap = _locked(tx, terms.swap_id)
    return messages_due(swap, now)


def take_result(message: Message, tx: Transaction, now: datetime, policy: Policy) -> list[Outgoing]:
    """One answer from the exchange, the chain or the host payment."""
    return _TAKERS[type(message)](message, tx, now, policy)


def _range(
    message: RangeObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del now, policy
    market.take_range(message, tx)
    return []


def _created(
    message: ExchangeCreated, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The first exchange that fits is the one we pay; every other is recorded and left alone."""
    swap = _locked(tx, message.swap_id)
    if swap.cn_api_id == message.cn_api_id:
        return messages_due(swap, now) if swap.asked_at is None else []
    takes_it = swap.state == "requested" and swap.cn_api_id is None
    refusal = accepts(swap, message, policy.band_percent) if takes_it else None
    store.insert_exchange(
        tx,
        cn_api_id=message.cn_api_id,
        swap_id=swap.swap_id,
        payin_address=message.payin_address,
        is_current=takes_it and refusal is None,
        now=now,
    )
    if not takes_it:
        logger.warning("exchange_unused", swap_id=swap.swap_id, cn_api_id=message.cn_api_id)
        return []
    if refusal is not None:
        return _end(tx, swap, "failed", refusal, now)
    store.set_exchange(
        tx,
        swap.swap_id,
        cn_api_id=message.cn_api_id,
        payin_address=message.payin_address,
        expected_to_amount=Decimal(message.to_amount),
    )
    _move(tx, swap, "created", now)
    _owner(swap).exchange_created(tx, swap.owner_id, now)
    return messages_due(_locked(tx, swap.swap_id), now)


def _refused(
    message: ExchangeRefused, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    swap = _locked(tx, message.swap_id)
    if swap.state != "requested":
        logger.info("refusal_ignored", swap_id=swap.swap_id, state=swap.state)
        return []
    return _end(tx, swap, "failed", f"{message.error}: {message.detail}", now)


def _host_payment_ended(
    message: HostPaymentEnded, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    swap = _locked(tx, message.swap_id)
    if swap.state != "created" or swap.cn_api_id != message.cn_api_id:
        return []
    return _end(tx, swap, "failed", f"{message.outcome}: {message.detail}", now)


def _status(
    message: ExchangeStatusObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """What the exchange says after we have paid: never money moves by this word alone."""
    swap = _locked(tx, message.swap_id)
    if swap.state != "paid" or swap.cn_api_id != message.cn_api_id:
        return []
    payout_hash = arrival.payout_hash_in(message)
    if swap.payout_hash is not None and payout_hash == swap.payout_hash:
        return asks_again(tx, swap, now, policy)
    store.set_provider_state(
        tx,
        swap.swap_id,
        status=message.status,
        amount_to=Decimal(message.amount_to) if message.amount_to else None,
        payout_hash=payout_hash,
    )
    arrival.warn_of_trouble(swap, message)
    swap = _locked(tx, swap.swap_id)
    if swap.payout_hash is not None:
        return messages_due(swap, now, policy.token)
    return asks_again(tx, swap, now, policy)


def _logs(
    message: TransferLogsFound, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The USDT that arrived, as the chain says: deep enough, each log used once."""
    swap = _locked(tx, message.swap_id)
    if swap.state == "finished":
        return messages_due(swap, now) if swap.asked_at is None else []
    if swap.state != "paid" or swap.cn_api_id != message.cn_api_id:
        return []
    if not arrival.is_settled(message, policy.confirmations):
        return asks_again(tx, swap, now, policy)
    received, problem = arrival.book(tx, swap, message, now)
    if problem:
        _move(tx, swap, "parked", now, reason=problem)
        _owner(swap).park(tx, swap.owner_id, problem, now)
        return []
    _move(tx, swap, "finished", now, received_units=received)
    _owner(swap).finished(tx, swap.owner_id, received, now)
    logger.info("swap_finished", swap_id=swap.swap_id, received_units=received)
    return messages_due(_locked(tx, swap.swap_id), now)


_TAKERS: dict[type[Message], Callable[[Any, Transaction, datetime, Policy], list[Outgoing]]] = {
    RangeObserved: _range,
    ExchangeCreated: _created,
    ExchangeRefused: _refused,
    HostPaymentEnded: _host_payment_ended,
    ExchangeStatusObserved: _status,
    TransferLogsFound: _logs,
}


# --- what hostpay tells and asks, in its own transaction ------------------------------------------


def payable(tx: Transaction, context: str, owner_id: str, cn_api_id: str) -> Swap | None:
    """The owner's swap on this exchange, locked, if its host payment may be reserved."""
    swap = store.lock_by_owner(tx, context, owner_id, cn_api_id)
    return swap if swap is not None and swap.state == "created" else None


def payable_by_id(tx: Transaction, swap_id: str, cn_api_id: str) -> Swap | None:
    """The same, for an order that names the swap itself."""
    swap = store.lock(tx, swap_id)
    if swap is None or swap.state != "created" or swap.cn_api_id != cn_api_id:
        return None
    return swap


def pay_ordered(tx: Transaction, swap: Swap, now: datetime) -> None:
    """The swap's host payment is reserved."""
    _owner(swap).pay_ordered(tx, swap.owner_id, now)


def paid(tx: Transaction, swap_id: str, now: datetime) -> list[Outgoing]:
    """The swap's host payment is confirmed on chain; its exchange is watched from now on."""
    swap = _locked(tx, swap_id)
    if swap.state == "created":
        _move(tx, swap, "paid", now)
        _owner(swap).paid(tx, swap.owner_id, now)
        return messages_due(_locked(tx, swap_id), now)
    if swap.state == "paid" and swap.asked_at is None:
        return messages_due(swap, now)
    return []


# --- for the reconciler ---------------------------------------------------------------------------


def due(tx: Transaction, now: datetime, policy: Policy) -> list[Outgoing]:
    """The messages of all swaps that have stood still for too long."""
    outgoing: list[Outgoing] = []
    for swap in store.standing_still(
        tx, ("requested", "created", "paid"), policy.pace.stale_before(now), STALE_ROWS_MAX
    ):
        outgoing += asks_again(tx, swap, now, policy)
    return outgoing


def result_of(
    tx: Transaction, context: str, owner_id: str, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The message that hands a finished swap's result to its owner, again."""
    swap = store.lock(tx, swap_id_of(context, owner_id, 1))
    if swap is None or swap.state != "finished":
        return []
    return asks_again(tx, swap, now, policy)


# --- in here --------------------------------------------------------------------------------------


def _locked(tx: Transaction, swap_id: str) -> Swap:
    swap = store.lock(tx, swap_id)
    if swap is None:
        raise PermanentFailure(f"swap {swap_id!r} is not known")
    return swap


def _owner(swap: Swap) -> Any:
    """The service of the room that asked for this swap (payouts come with their own room)."""
    if swap.context != "batch":
        raise PermanentFailure(f"no room owns swaps of context {swap.context}")
    return conversion


def _move(
    tx: Transaction,
    swap: Swap,
    state_to: str,
    now: datetime,
    *,
    reason: str | None = None,
    received_units: int | None = None,
) -> None:
    if not store.move(
        tx,
        swap.swap_id,
        state_from=swap.state,
        state_to=state_to,
        now=now,
        reason=reason,
        received_units=received_units,
    ):
        raise IllegalTransition(f"swap {swap.swap_id} is not {swap.state} any more")


def _end(tx: Transaction, swap: Swap, state_to: str, reason: str, now: datetime) -> list[Outgoing]:
    """End an unpaid swap and hand it back, only if none of our bytes can pay it any more."""
    if not hostpay.withdraw(tx, swap.swap_id, reason, now):
        raise IllegalTransition(f"swap {swap.swap_id} has a signed transfer, it cannot be ended")
    _move(tx, swap, state_to, now, reason=reason)
    _owner(swap).release(tx, swap.owner_id, reason, now)
    logger.warning("swap_ended", swap_id=swap.swap_id, state=state_to, reason=reason)
    return []

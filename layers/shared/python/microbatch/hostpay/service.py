"""A host payment from its order to its settlement, but for signing and recording."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from microbatch.codec import agrees
from microbatch.errors import PermanentFailure
from microbatch.hostpay import cancelling as cancelling  # noqa: PLC0414 - for operations
from microbatch.hostpay import redriving as redriving  # noqa: PLC0414 - for operations
from microbatch.hostpay import standstill as standstill  # noqa: PLC0414 - for the reconciler
from microbatch.hostpay import store, wallet_store
from microbatch.hostpay import thawing as thawing  # noqa: PLC0414 - for operations
from microbatch.hostpay import unparking as unparking  # noqa: PLC0414 - for operations
from microbatch.hostpay.due import asks_again, messages_due
from microbatch.hostpay.model import DECIMALS, ENDED, NOT_YET, Limits, Transfer
from microbatch.hostpay.moves import locked, move, park
from microbatch.messages import (
    BatchOrder,
    HostPayOrder,
    Outgoing,
    PaymentExecutionResponse,
    StatusCheckResponse,
)
from microbatch.money import coins
from microbatch.pace import Pace
from microbatch.payout import service as payouts
from microbatch.payout.model import Payout
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger
from microbatch.swap import service as swaps
from microbatch.swap.model import Swap

# An order that comes again sends what these states call for; from `signed` on the chain's own
# questions and the reconciler keep a transfer moving.
RESENT_BY_ORDER = frozenset({"requested", "approved", "rejected", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules a host payment is run under."""

    pace: Pace
    limits: Limits
    confirmations: int
    observation_max_age_seconds: int


def take_order(
    order: BatchOrder | HostPayOrder, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Reserve the transfer of one exchange, once, over the database's own amount and address.

    The order is a hint. One that disagrees with the database is refused and, when nothing is
    reserved yet, kept as a parked transfer for a person to look at.
    """
    swap = _ordered_swap(tx, order)
    if swap is None:
        if isinstance(order, HostPayOrder) and not order.cn_api_id:
            return _take_direct_order(order, tx, now, policy)
        logger.info("order_stale", cn_api_id=order.cn_api_id)
        return []
    existing = store.lock(tx, swap.swap_id)
    problem = _disagreement(order, swap)
    if existing is not None:
        if problem:
            raise PermanentFailure(f"order for {swap.swap_id} refused: {problem}")
        swaps.pay_ordered(tx, swap, now)
        resent = existing.state in RESENT_BY_ORDER and existing.asked_at is None
        return messages_due(tx, existing, now) if resent else []
    _reserve(tx, swap, problem, policy, now)
    swaps.pay_ordered(tx, swap, now)  # a parked one, too: a person may have it paid
    if problem:
        count("transfer_parked")
        logger.error("order_parked", unique_id=swap.swap_id, reason=problem)
        return []
    return messages_due(tx, locked(tx, swap.swap_id), now)


def _take_direct_order(
    order: HostPayOrder, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Reserve the transfer of a payout that needs no exchange; nobody has to approve it."""
    existing = store.lock(tx, order.unique_id)
    if existing is not None:
        return messages_due(tx, existing, now) if existing.state in RESENT_BY_ORDER else []
    payout = payouts.payable_direct(tx, order.unique_id)
    if payout is None:
        logger.info("order_stale", unique_id=order.unique_id)
        return []
    problem = _disagreement(order, payout)
    if problem:
        # Nothing is reserved: the reconciler orders it from the row.
        raise PermanentFailure(f"order for {order.unique_id} refused: {problem}")
    is_first = store.insert(
        tx,
        **_paid_from(tx, payout.from_currency, policy.limits),
        unique_id=order.unique_id,
        context=payout.context,
        kind="direct",
        swap_id=None,
        cn_api_id=None,
        network="eth",
        to_address=payout.to_address,
        amount_units=payout.amount_units,
        state="requested",
        reason=None,
        now=now,
    )
    if not is_first:
        return []
    approved = store.approve(tx, order.unique_id, approved_at=now, now=now)
    return messages_due(tx, approved, now)


def _ordered_swap(tx: Transaction, order: BatchOrder | HostPayOrder) -> Swap | None:
    if isinstance(order, BatchOrder):
        if order.context != "batch":
            raise PermanentFailure(f"BatchOrder has context {order.context!r}, not 'batch'")
        return swaps.payable(tx, "batch", order.batch_conversion_id, order.cn_api_id)
    return swaps.payable_by_id(tx, order.unique_id, order.cn_api_id)


def _disagreement(order: BatchOrder | HostPayOrder, swap: "Swap | Payout") -> str | None:
    if (order.from_currency, order.from_network) != (swap.from_currency, swap.from_network):
        return "currency_differs"
    if order.payin_address != swap.payin_address:
        return "payin_address_differs"
    exact = coins(swap.from_amount_units, DECIMALS[swap.from_currency, swap.from_network])
    if not agrees(order.from_amount, exact):
        return "amount_differs"
    return None


def _reserve(
    tx: Transaction, swap: Swap, problem: str | None, policy: Policy, now: datetime
) -> None:
    assert swap.cn_api_id is not None
    assert swap.payin_address is not None
    store.insert(
        tx,
        **_paid_from(tx, swap.from_currency, policy.limits),
        unique_id=swap.swap_id,
        context=swap.context,
        kind="exchange",
        swap_id=swap.swap_id,
        cn_api_id=swap.cn_api_id,
        network=swap.from_network,
        to_address=swap.payin_address,
        amount_units=swap.from_amount_units,
        state="parked" if problem else "requested",
        reason=problem,
        now=now,
    )


def _paid_from(tx: Transaction, currency: str, limits: Limits) -> dict[str, Any]:
    """Which wallet pays, in which coin. USDT arrives at the first: there it is paid from."""
    addresses = [wallet.address for wallet in limits.wallets]
    if currency == "eth":
        wallet, token = wallet_store.least_busy(tx, addresses, limits.chain_id), None
    else:
        wallet, token = addresses[0], limits.token
    return {"wallet": wallet, "chain_id": limits.chain_id, "currency": currency, "token": token}


def approve(
    answer: StatusCheckResponse, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Pay only into an exchange that waits for exactly this; ask again, or reject.

    An exchange that goes on, or has finished, without a payment of ours was paid by somebody
    else: it is never paid again.
    """
    transfer = locked(tx, answer.unique_id)
    if transfer.cn_api_id != answer.cn_api_id:
        raise PermanentFailure(f"{answer.cn_api_id} is not the exchange of {transfer.unique_id}")
    if transfer.state == "rejected" or (transfer.state == "approved" and transfer.asked_at is None):
        return messages_due(tx, transfer, now)
    if transfer.state != "requested":
        return []
    if answer.status == "waiting":
        return _approve_waiting(answer, transfer, tx, now, policy)
    if answer.status in ENDED:
        return messages_due(tx, move(tx, transfer, "rejected", now, ENDED[answer.status]), now)
    if answer.status == "finished":
        return park(tx, transfer, "exchange_paid_by_somebody_else", now)
    if answer.status not in NOT_YET:
        logger.error("exchange_not_waiting", unique_id=transfer.unique_id, status=answer.status)
    store.note_wait(tx, transfer.unique_id, f"exchange_not_waiting: {answer.status}", now)
    return asks_again(tx, transfer, now, policy.pace)


def _approve_waiting(
    answer: StatusCheckResponse,
    transfer: Transfer,
    tx: Transaction,
    now: datetime,
    policy: Policy,
) -> list[Outgoing]:
    """Approve as of the time of the answer: an old one proves nothing, the exchange may be over."""
    answered_at = min(now, datetime.fromtimestamp(answer.timestamp, UTC))
    if not answer.payin_address or now - answered_at > policy.limits.approval_max_age:
        return asks_again(tx, transfer, now, policy.pace)
    if answer.payin_address.lower() != transfer.to_address.lower():
        return park(tx, transfer, "payin_address_changed", now)
    refusal = _refusal(tx, transfer, now, policy)
    if refusal:
        return messages_due(tx, move(tx, transfer, "rejected", now, refusal), now)
    approved = store.approve(tx, transfer.unique_id, approved_at=answered_at, now=now)
    return messages_due(tx, approved, now)


def _refusal(tx: Transaction, transfer: Transfer, now: datetime, policy: Policy) -> str | None:
    if transfer.swap_id is None:
        return None
    objection = payouts.objection(tx, transfer.unique_id, now)
    if objection is not None:
        return objection
    return swaps.refuses(tx, transfer.swap_id, now, policy.observation_max_age_seconds)


def complete(message: PaymentExecutionResponse, tx: Transaction, now: datetime) -> list[Outgoing]:
    """A transfer is confirmed on chain: its exchange is watched from now on.

    What it was for is read from the row, never guessed from the message.
    """
    transfer = store.read(tx, message.unique_id)  # no lock: the swap's comes first
    if transfer is None:
        raise PermanentFailure(f"transfer {message.unique_id!r} is not known")
    if transfer.kind == "direct":
        return _complete_direct(tx, message.unique_id, now)
    if transfer.state == "settled":
        return []
    if transfer.state != "confirmed":
        raise PermanentFailure(f"transfer {transfer.unique_id} is {transfer.state}, not confirmed")
    assert transfer.swap_id is not None
    return swaps.paid(tx, transfer.swap_id, now)


def _complete_direct(tx: Transaction, unique_id: str, now: datetime) -> list[Outgoing]:
    """The client has its money: settled, and its payout completed, in one transaction."""
    transfer = locked(tx, unique_id)
    if transfer.state not in ("confirmed", "settled"):
        raise PermanentFailure(f"transfer {unique_id} is {transfer.state}, not confirmed")
    if transfer.state == "confirmed":
        move(tx, transfer, "settled", now)
    return payouts.direct_paid(tx, unique_id, transfer.tx_hash or "", now)


# --- what the swap tells and asks, in its own transaction -----------------------------------------


def withdraw(tx: Transaction, swap_id: str, reason: str, now: datetime) -> bool:
    """Make sure that nothing we have signed can pay this swap: True if so.

    A transfer without a nonce is rejected here; one that is bound to a nonce stays as it is.
    """
    transfer = store.lock_of_swap(tx, swap_id)
    if transfer is None or transfer.state in ("rejected", "failed"):
        return True
    if transfer.nonce is not None:
        return False
    move(tx, transfer, "rejected", now, reason)
    return True


def end_of(tx: Transaction, unique_id: str) -> str | None:
    """Why a transfer is over without having paid; None when it is not. Its row stays locked."""
    transfer = store.lock(tx, unique_id)
    if transfer is None or transfer.state not in ("rejected", "failed"):
        return None
    return f"{transfer.state}: {transfer.reason}"


def tx_hash_of(tx: Transaction, swap_id: str) -> str | None:
    """The transaction that has paid this swap's exchange; None before it is mined."""
    transfer = store.read(tx, swap_id)
    return transfer.tx_hash if transfer else None


def settle(tx: Transaction, swap_id: str, now: datetime) -> None:
    """The exchange that a transfer paid for has delivered."""
    transfer = store.lock_of_swap(tx, swap_id)
    if transfer is not None and transfer.state == "confirmed":
        move(tx, transfer, "settled", now)

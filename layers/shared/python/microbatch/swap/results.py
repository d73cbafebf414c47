"""One answer from the exchange, the chain or the host payment: what becomes of its swap."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.hostpay import service as hostpay
from microbatch.market import service as market
from microbatch.messages import (
    AddressChecked,
    ExchangeCreated,
    ExchangeRefused,
    ExchangeStatusObserved,
    HostPaymentEnded,
    Message,
    Outgoing,
    QuoteObserved,
    RangeObserved,
    RefundFound,
    TransferLogsFound,
)
from microbatch.payout import service as payouts
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import arrival, delivery, store
from microbatch.swap.due import asks_again, messages_due
from microbatch.swap.model import accepts
from microbatch.swap.moves import end, locked, move, owner_of, park
from microbatch.swap.service import Policy


def take_result(message: Message, tx: Transaction, now: datetime, policy: Policy) -> list[Outgoing]:
    """One answer from the exchange, the chain or the host payment."""
    return _TAKERS[type(message)](message, tx, now, policy)


def _range(
    message: RangeObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    market.take_range(message, tx, now)
    return []


def _created(
    message: ExchangeCreated, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The first exchange that fits is the one we pay; every other is recorded and left alone."""
    swap = locked(tx, message.swap_id)
    if swap.cn_api_id == message.cn_api_id:
        return messages_due(swap, now) if swap.asked_at is None else []
    awaited = "quoted" if swap.is_payout else "requested"
    takes_it = swap.state == awaited and swap.cn_api_id is None
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
        return end(tx, swap, "failed", refusal, now)
    store.set_exchange(
        tx,
        swap.swap_id,
        cn_api_id=message.cn_api_id,
        payin_address=message.payin_address,
        expected_to_amount=Decimal(message.to_amount),
    )
    move(tx, swap, "created", now)
    owner_of(swap).exchange_created(tx, swap.owner_id, now)
    return messages_due(locked(tx, swap.swap_id), now)


def _refused(
    message: ExchangeRefused, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    swap = locked(tx, message.swap_id)
    if swap.state not in ("requested", "quoted"):
        logger.info("refusal_ignored", swap_id=swap.swap_id, state=swap.state)
        return []
    seen_at = market.seen_at(message.timestamp, now)
    market.take_limits(tx, swap.pair, message.minimum, message.maximum, seen_at)
    return end(tx, swap, "failed", f"{message.error}: {message.detail}", now)


def _host_payment_ended(
    message: HostPaymentEnded, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    if not message.cn_api_id:  # no exchange, so no swap: a direct payment
        return _direct_payment_ended(tx, message.unique_id, now)
    swap = locked(tx, message.swap_id)
    if swap.state != "created" or swap.cn_api_id != message.cn_api_id:
        return []
    return end(tx, swap, "failed", f"{message.outcome}: {message.detail}", now)


def _direct_payment_ended(tx: Transaction, unique_id: str, now: datetime) -> list[Outgoing]:
    """The message is a hint: only a transfer that is over, by its own row, gives money back."""
    reason = hostpay.end_of(tx, unique_id)
    if reason is None:
        logger.error("direct_payment_is_not_over", unique_id=unique_id)
        return []
    return payouts.payment_ended(tx, unique_id, reason, now)


def _status(
    message: ExchangeStatusObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """What the exchange says after we have paid: never money moves by this word alone."""
    swap = locked(tx, message.swap_id)
    if swap.state != "paid" or swap.cn_api_id != message.cn_api_id:
        arrival.warn_of_more(swap, message)
        return []
    arrival.warn_of_deposit(tx, swap, message)
    if swap.is_payout:
        return delivery.take_status(message, swap, tx, now, policy)
    payout_hash, refund_hash = arrival.payout_hash_in(message), arrival.refund_hash_in(message)
    if (payout_hash or refund_hash) and (payout_hash, refund_hash) == (
        swap.payout_hash,
        swap.refund_hash,
    ):
        return asks_again(tx, swap, now, policy)
    store.set_provider_state(
        tx,
        swap.swap_id,
        status=message.status,
        amount_to=Decimal(message.amount_to) if message.amount_to else None,
        payout_hash=payout_hash,
        refund_hash=refund_hash,
        refund_amount=Decimal(message.refund_amount) if message.refund_amount else None,
        now=now,
    )
    arrival.warn_of_trouble(swap, message)
    swap = locked(tx, swap.swap_id)
    if payout_hash or refund_hash:
        return messages_due(swap, now, policy.token)
    return asks_again(tx, swap, now, policy)


def _logs(
    message: TransferLogsFound, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The USDT that arrived, as the chain says: deep enough, each log used once."""
    swap = locked(tx, message.swap_id)
    if swap.is_payout:
        return delivery.take_refund_logs(message, swap, tx, now, policy)
    if swap.state == "finished":
        return messages_due(swap, now) if swap.asked_at is None else []
    if swap.state != "paid" or swap.cn_api_id != message.cn_api_id:
        return []
    if message.tx_hash != swap.payout_hash:
        return []  # the exchange has named another transaction since
    if not arrival.is_settled(message, policy.confirmations):
        return asks_again(tx, swap, now, policy, of_exchange=message.status != "success")
    if not arrival.has_transfers(message):
        logger.error("payout_without_transfer", swap_id=swap.swap_id, tx_hash=message.tx_hash)
        return asks_again(tx, swap, now, policy, of_exchange=True)
    received, problem = arrival.book(tx, swap, message, now, policy.band_percent)
    if problem:
        return park(tx, swap, problem, now)
    move(tx, swap, "finished", now, received_units=received)
    owner_of(swap).finished(tx, swap.owner_id, received, now)
    logger.info("swap_finished", swap_id=swap.swap_id, received_units=received)
    return messages_due(locked(tx, swap.swap_id), now)


def _refund(message: RefundFound, tx: Transaction, now: datetime, policy: Policy) -> list[Outgoing]:
    """The ETH that came back, as the chain says: split over the payments, which go back too."""
    swap = locked(tx, message.swap_id)
    if swap.state != "paid" or (swap.cn_api_id, swap.refund_hash) != (
        message.cn_api_id,
        message.tx_hash,
    ):
        return []
    if not arrival.is_settled(message, policy.confirmations):
        return asks_again(tx, swap, now, policy, of_exchange=message.status != "success")
    return delivery.take_back(tx, swap, message.tx_hash, int(message.amount_wei), now, policy)


def _address(
    message: AddressChecked, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    del policy
    return payouts.take_address(message, tx, now)


_TAKERS: dict[type[Message], Callable[[Any, Transaction, datetime, Policy], list[Outgoing]]] = {
    RangeObserved: _range,
    ExchangeCreated: _created,
    ExchangeRefused: _refused,
    HostPaymentEnded: _host_payment_ended,
    ExchangeStatusObserved: _status,
    TransferLogsFound: _logs,
    RefundFound: _refund,
    QuoteObserved: delivery.take_quote,
    AddressChecked: _address,
}

"""What becomes of a payout's swap: its quote, the word that it has delivered, what came back."""

from datetime import datetime
from decimal import Decimal

from microbatch.hostpay import service as hostpay
from microbatch.market import service as market
from microbatch.messages import (
    ExchangeStatusObserved,
    Outgoing,
    QuoteObserved,
    TransferLogsFound,
)
from microbatch.payout import service as payouts
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import arrival, store
from microbatch.swap.due import asks_again, messages_due
from microbatch.swap.model import DECIMALS, Swap, quote_refusal
from microbatch.swap.moves import end, locked, move, owner_of, park
from microbatch.swap.service import Policy

HASH_CHARACTERS_MAX = 128


def take_quote(
    message: QuoteObserved, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Have the exchange created when it takes the amount and the address; else end the swap."""
    swap = locked(tx, message.swap_id)
    if swap.state == "quoted" and swap.asked_at is None:
        return messages_due(swap, now)
    if swap.state != "requested" or not swap.is_payout:
        return []
    maximum = message.maximum or market.NO_MAXIMUM
    seen_at = market.seen_at(message.timestamp, now)
    market.take_limits(tx, swap.pair, message.minimum, maximum, seen_at)
    if message.address_problem:
        payouts.refuse_address(tx, swap.owner_id, message.address_problem, now)
        return end(tx, swap, "failed", f"address_refused: {message.address_problem}", now)
    eth_usd = market.fresh_price(tx, now, policy.observation_max_age_seconds)
    refusal = quote_refusal(swap, message, eth_usd, policy.band_percent)
    if refusal:
        return end(tx, swap, "failed", refusal, now)
    estimated = message.estimated_amount
    store.set_quote(tx, swap.swap_id, Decimal(estimated) if estimated else None)
    move(tx, swap, "quoted", now)
    return messages_due(locked(tx, swap.swap_id), now)


def take_status(
    message: ExchangeStatusObserved, swap: Swap, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Finished and paid out: the client has the money. Refunded: looked for on the chain."""
    delivered_hash = None
    if message.status == "finished" and message.payout_hash:
        delivered_hash = message.payout_hash[:HASH_CHARACTERS_MAX]
    refund_hash = arrival.refund_hash_in(message)
    store.set_provider_state(
        tx,
        swap.swap_id,
        status=message.status,
        amount_to=_positive(message.amount_to, swap),
        payout_hash=delivered_hash,
        refund_hash=refund_hash,
        refund_amount=Decimal(message.refund_amount) if message.refund_amount else None,
        now=now,
    )
    arrival.warn_of_trouble(swap, message)
    swap = locked(tx, swap.swap_id)
    if delivered_hash:
        return _delivered(tx, swap, delivered_hash, now, policy)
    if refund_hash:
        return messages_due(swap, now, policy.token)
    return asks_again(tx, swap, now, policy)


def _positive(amount: str, swap: Swap) -> Decimal | None:
    """What the exchange names, if it can be: it has paid out, whatever it says of how much."""
    if amount and Decimal(amount) <= 0:
        logger.error("amount_not_believed", swap_id=swap.swap_id, amount=amount)
        return None
    return Decimal(amount) if amount else None


def _delivered(
    tx: Transaction, swap: Swap, delivered_hash: str, now: datetime, policy: Policy
) -> list[Outgoing]:
    delivered, expected = swap.provider_amount_to, swap.expected_to_amount
    if delivered and expected and abs(delivered - expected) * 100 > expected * policy.band_percent:
        logger.error(
            "delivered_differs_from_quote",
            swap_id=swap.swap_id,
            delivered=str(delivered),
            expected=str(expected),
        )
    move(tx, swap, "finished", now)
    hostpay.settle(tx, swap.swap_id, now)
    return payouts.delivered(tx, swap.owner_id, delivered, delivered_hash, now)


def take_refund_logs(
    message: TransferLogsFound, swap: Swap, tx: Transaction, now: datetime, policy: Policy
) -> list[Outgoing]:
    """The USDT that came back, as the chain says: deep enough, one transaction for one swap."""
    if swap.state != "paid" or (swap.cn_api_id, swap.refund_hash) != (
        message.cn_api_id,
        message.tx_hash,
    ):
        return []
    if not arrival.is_settled(message, policy.confirmations):
        return asks_again(tx, swap, now, policy, of_exchange=message.status != "success")
    if not arrival.has_transfers(message):
        logger.error("refund_without_transfer", swap_id=swap.swap_id, tx_hash=message.tx_hash)
        return asks_again(tx, swap, now, policy, of_exchange=True)
    decimals = DECIMALS[swap.from_currency, swap.from_network]
    named = swap.provider_refund_amount
    units, problem = arrival.use_logs(tx, swap, message, named, decimals, now)
    if problem:
        return park(tx, swap, problem, now)
    return take_back(tx, swap, message.tx_hash, units, now, policy)


def take_back(
    tx: Transaction, swap: Swap, tx_hash: str, units: int, now: datetime, policy: Policy
) -> list[Outgoing]:
    """What an exchange gave back, seen on the chain: its owner has it again, less the loss."""
    problem = arrival.refund_problem(tx, swap, tx_hash, units, policy.band_percent)
    if problem:
        return park(tx, swap, problem, now)
    move(tx, swap, "refunded", now, refunded_units=units)
    logger.warning("swap_refunded", swap_id=swap.swap_id, came_back_units=units)
    if swap.is_payout:
        hostpay.settle(tx, swap.swap_id, now)
    told: list[Outgoing] = owner_of(swap).refunded(tx, swap.owner_id, units, now)
    return told

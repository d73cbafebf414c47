"""What arrived on chain for a swap: the logs, each used once, against the provider's word."""

import json
import re
from datetime import datetime
from decimal import Decimal

from microbatch.hostpay import service as hostpay
from microbatch.messages import ExchangeStatusObserved, RefundFound, TransferLogsFound
from microbatch.money import coins
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger
from microbatch.swap import receipt_store, store
from microbatch.swap.model import (
    DECIMALS,
    DISAGREEMENT_PERCENT_MAX,
    ONGOING,
    Swap,
    disagrees,
)

TX_HASH = re.compile(r"0x[0-9a-f]{64}")


def payout_hash_in(message: ExchangeStatusObserved) -> str | None:
    """The transaction in which a finished exchange paid out, once it names one."""
    return _tx_hash(message.payout_hash, message) if message.status == "finished" else None


def refund_hash_in(message: ExchangeStatusObserved) -> str | None:
    """The transaction in which a refunded exchange paid back, once it names one."""
    return _tx_hash(message.refund_hash, message) if message.status == "refunded" else None


def _tx_hash(text: str, message: ExchangeStatusObserved) -> str | None:
    if not text:
        return None
    if not TX_HASH.fullmatch(text.lower()):
        logger.error("provider_hash_malformed", swap_id=message.swap_id)
        return None
    return text.lower()


def is_settled(message: TransferLogsFound | RefundFound, confirmations: int) -> bool:
    """Whether a transaction to us is mined successfully and deep enough to be believed."""
    depth = message.head_number - message.block_number + 1
    return message.status == "success" and depth >= confirmations


def has_transfers(message: TransferLogsFound) -> bool:
    """Whether the transaction moved any of the token to us at all."""
    return bool(json.loads(message.logs))


def book(
    tx: Transaction, swap: Swap, message: TransferLogsFound, now: datetime, band_percent: Decimal
) -> tuple[int, str | None]:
    """(units that arrived, why a person has to look at it or None); records the logs.

    Without the provider's own word on the amount, what it had quoted is the measure.
    """
    decimals = DECIMALS[swap.to_currency, swap.to_network]
    units, problem = use_logs(tx, swap, message, swap.provider_amount_to, decimals, now)
    if problem or swap.vouched_amount == coins(units, decimals):
        return units, problem
    if swap.provider_amount_to is not None:
        if disagrees(units, decimals, swap.provider_amount_to):
            return units, "arrived_differs_from_provider"
    elif swap.expected_to_amount is not None and disagrees(
        units, decimals, swap.expected_to_amount, band_percent
    ):
        return units, "arrived_differs_from_quote"
    return units, None


def use_logs(
    tx: Transaction,
    swap: Swap,
    message: TransferLogsFound,
    named: Decimal | None,
    decimals: int,
    now: datetime,
) -> tuple[int, str | None]:
    """(units that the logs come to, why they are not simply ours or None); each is used once.

    What a person has seen counts for more than what the exchange names.
    """
    logs, named = json.loads(message.logs), swap.vouched_amount or named
    exact = [log for log in logs if coins(int(log["amount_units"]), decimals) == named]
    if len(exact) == 1:
        logs = exact  # one payout may serve several of our swaps
    elif store.shares_payout(tx, swap.swap_id, message.tx_hash):
        return 0, "payout_shared_with_another_swap"
    for log in logs:
        fresh = receipt_store.insert_receipt(
            tx,
            tx_hash=message.tx_hash,
            log_index=int(log["log_index"]),
            swap_id=swap.swap_id,
            from_address=log["from"],
            amount_units=int(log["amount_units"]),
            block_number=message.block_number,
            block_hash=message.block_hash,
            now=now,
        )
        if not fresh:
            return 0, "receipt_used_before"
    return receipt_store.received_units(tx, swap.swap_id), None


def refund_problem(
    tx: Transaction, swap: Swap, tx_hash: str, came_back_units: int, band_percent: Decimal
) -> str | None:
    """Why a refund is not simply booked, its loss the clients'; or None."""
    if not 0 < came_back_units <= swap.from_amount_units:
        return "refund_is_not_what_was_paid"
    if store.refund_is_used(tx, tx_hash):
        return "refund_used_before"
    decimals = DECIMALS[swap.from_currency, swap.from_network]
    if swap.vouched_amount == coins(came_back_units, decimals):
        return None
    named = swap.provider_refund_amount
    if named is not None and disagrees(came_back_units, decimals, named):
        return "refund_differs_from_provider"
    if disagrees(came_back_units, decimals, swap.from_amount, band_percent):
        return "refund_loss_too_large"
    return None


def warn_of_more(swap: Swap, message: ExchangeStatusObserved) -> None:
    """An alarm for an exchange that pays in another transaction than the one we have booked."""
    named = {"finished": message.payout_hash, "refunded": message.refund_hash}.get(message.status)
    booked = [each.lower() for each in (swap.payout_hash, swap.refund_hash) if each]
    if swap.cn_api_id == message.cn_api_id and named and named.lower() not in booked:
        count("exchange_pays_again")
        logger.error("exchange_pays_again", swap_id=swap.swap_id, tx_hash=named)


def warn_of_deposit(tx: Transaction, swap: Swap, message: ExchangeStatusObserved) -> None:
    """An alarm for an exchange that has been paid otherwise than by our one transfer.

    That it was paid twice shows in its sum, or in a transaction that is none of ours.
    """
    ours = hostpay.tx_hash_of(tx, swap.swap_id)
    other = message.payin_hash if ours and message.payin_hash.lower() not in ("", ours) else ""
    got = Decimal(message.amount_from or 0)
    differs = abs(got - swap.from_amount) * 100 > swap.from_amount * DISAGREEMENT_PERCENT_MAX
    if other or (got > 0 and differs):
        count("exchange_deposit_differs")
        logger.error(
            "exchange_deposit_differs",
            swap_id=swap.swap_id,
            cn_api_id=swap.cn_api_id,
            payin_hash=other or ours,
            amount_from=message.amount_from,
            paid=f"{swap.from_amount:f}",
        )


def warn_of_trouble(swap: Swap, message: ExchangeStatusObserved) -> None:
    """An alarm for an exchange that is paid in and does not simply go on."""
    if message.status not in ONGOING and message.status != "finished":
        logger.error(
            "exchange_in_trouble",
            swap_id=swap.swap_id,
            cn_api_id=swap.cn_api_id,
            status=message.status,
        )
    if message.status == "finished" and not message.payout_hash:
        logger.error("finished_without_payout_hash", swap_id=swap.swap_id)

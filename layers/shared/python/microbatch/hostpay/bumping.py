"""When bytes lie unmined, order others on the same nonce that pay more for their gas."""

from datetime import datetime

from microbatch.hostpay import attempt_store, store
from microbatch.hostpay.due import execution
from microbatch.hostpay.fees import above_ceiling, bumped, worth_wei
from microbatch.hostpay.model import Transfer
from microbatch.hostpay.service import Policy
from microbatch.market import service as market
from microbatch.market.model import BASE_FEE_WEI
from microbatch.messages import Outgoing, ReceiptObserved
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger

NO_CEILING_WEI = 2**255


def order_bump(
    tx: Transaction, transfer: Transfer, seen: ReceiptObserved, now: datetime, policy: Policy
) -> list[Outgoing]:
    """Order a bump when it is due; the order is committed before anything is signed or sent.

    Only for the lowest unmined nonce: raising a later one moves nothing. At the ceiling the same
    bytes go on being sent, with an alarm.
    """
    attempt = attempt_store.last_attempt(tx, transfer.unique_id)
    if attempt is None or seen.latest_nonce != transfer.nonce:
        return []
    if attempt.unmined_at_block is None:
        attempt_store.note_unmined(tx, attempt.attempt_id, seen.head_number)
        return []
    if seen.head_number - attempt.unmined_at_block < policy.limits.bump_after_blocks:
        return []
    if attempt_store.ordered(tx, transfer.unique_id) is None:
        # Without any price the ceiling is the absolute one: bytes that are out had better move.
        paid_wei = worth_wei(transfer, market.last_price(tx, now)) or NO_CEILING_WEI
        fees = bumped(attempt.fees, _base_fee_wei(tx, now, policy))
        if above_ceiling(fees, paid_wei, policy.limits):  # twice the base fee; an eighth may do
            fees = bumped(attempt.fees, None)
        if above_ceiling(fees, paid_wei, policy.limits):
            store.note_wait(tx, transfer.unique_id, "fee_ceiling_reached", now)
            count("fee_ceiling_reached")
            logger.error("bump_at_ceiling", unique_id=transfer.unique_id, nonce=transfer.nonce)
            return []
        store.end_wait(tx, transfer.unique_id)
        attempt_store.order_attempt(tx, transfer.unique_id, fees, now)
        logger.warning(
            "bump_ordered",
            unique_id=transfer.unique_id,
            nonce=transfer.nonce,
            max_fee_per_gas_wei=fees.max_fee_per_gas_wei,
        )
    return [Outgoing("hostpay-payment-execute", execution(transfer, now))]


def _base_fee_wei(tx: Transaction, now: datetime, policy: Policy) -> int | None:
    fresh = market.fresh(tx, [BASE_FEE_WEI], now, policy.observation_max_age_seconds)
    seen = fresh.get(BASE_FEE_WEI)
    return int(seen.value) if seen is not None and seen.value is not None else None

"""Share out what arrived on chain over a batch's payments, exactly."""

from datetime import datetime
from uuid import UUID

from microbatch.codec import agrees
from microbatch.conversion import sharing_store, store
from microbatch.conversion.telling import events_due
from microbatch.errors import PermanentFailure
from microbatch.hostpay import service as hostpay
from microbatch.messages import BatchResult, Outgoing
from microbatch.money import USDT_DECIMALS, MicroUsdt, coins
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import service as swaps


def distribute(message: BatchResult, tx: Transaction, now: datetime) -> list[Outgoing]:
    """Share out the USDT that arrived on chain over the batch's payments, exactly, once.

    The message is a hint: the sum comes from the database. One that disagrees is refused.
    """
    try:
        batch_id = str(UUID(message.batch_conversion_id))
    except ValueError as error:
        raise PermanentFailure("batch_conversion_id is not a UUID") from error
    batch = store.lock_batch(tx, batch_id)
    if batch is None:
        raise PermanentFailure(f"batch {batch_id} is not known")
    if batch["state"] == "distributed":
        return events_due(batch, now)
    if batch["state"] != "finished":
        raise PermanentFailure(f"batch {batch_id} is {batch['state']}, nothing has arrived for it")
    total = MicroUsdt(int(batch["received_microusdt"]))
    if not agrees(message.actual_usdt_received, coins(total, USDT_DECIMALS)):
        raise PermanentFailure(f"batch {batch_id}: the token's amount is not what arrived")
    sharing_store.distribute(tx, batch_id, total, now)
    _check_shares(tx, batch_id, int(batch["claimed_wei"]), int(batch["payments_count"]), total)
    store.move(tx, batch_id, state_from="finished", state_to="distributed", now=now)
    hostpay.settle(tx, swaps.id_of("batch", batch_id, 1), now)
    logger.info("batch_distributed", batch_id=batch_id, microusdt=total)
    told = store.lock_batch(tx, batch_id)
    assert told is not None
    return events_due(told, now)


def _check_shares(
    tx: Transaction, batch_id: str, claimed_wei: int, payments_count: int, total: MicroUsdt
) -> None:
    """Every unit, every row: else nothing is committed."""
    given = sharing_store.shared_out(tx, batch_id)
    if (int(given["microusdt"]), int(given["net_wei"]), int(given["payments_count"])) != (
        total,
        claimed_wei,
        payments_count,
    ):
        raise AssertionError(f"batch {batch_id}: shares, wei or rows do not add up: {given}")

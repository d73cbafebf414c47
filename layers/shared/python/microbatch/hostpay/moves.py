"""How a transfer moves: locked, along its table, or not at all."""

from datetime import datetime

from microbatch.errors import IllegalTransition, PermanentFailure
from microbatch.hostpay import attempt_store, store, wallet_store
from microbatch.hostpay.model import Transfer
from microbatch.messages import Outgoing
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger


def locked(tx: Transaction, unique_id: str) -> Transfer:
    """The transfer, locked until the transaction ends. Raises PermanentFailure when unknown."""
    transfer = store.lock(tx, unique_id)
    if transfer is None:
        raise PermanentFailure(f"transfer {unique_id!r} is not known")
    return transfer


def move(
    tx: Transaction, transfer: Transfer, state_to: str, now: datetime, reason: str | None = None
) -> Transfer:
    """The transfer, moved on. Raises IllegalTransition when it is not where we read it."""
    moved = store.move(
        tx,
        transfer.unique_id,
        state_from=transfer.state,
        state_to=state_to,
        now=now,
        reason=reason,
    )
    if moved is None:
        raise IllegalTransition(f"transfer {transfer.unique_id} is not {transfer.state} any more")
    return moved


def park(tx: Transaction, transfer: Transfer, reason: str, now: datetime) -> list[Outgoing]:
    """A person has to look at this transfer."""
    move(tx, transfer, "parked", now, reason)
    attempt_store.drop_order(tx, transfer.unique_id, now)  # nothing signs it any more
    from microbatch.payout import service as payouts  # noqa: PLC0415 - whose own imports need us

    if transfer.context != "batch":
        payouts.transfer_parked(tx, transfer.unique_id, reason, now)
    count("transfer_parked")
    logger.error("transfer_parked", unique_id=transfer.unique_id, reason=reason)
    return []


def freeze(tx: Transaction, transfer: Transfer, reason: str, now: datetime) -> None:
    """Nothing more is signed from the transfer's wallet until a person has looked."""
    wallet_store.freeze_wallet(tx, transfer.wallet, transfer.chain_id, reason, now)
    count("wallet_frozen")
    logger.error("wallet_frozen", wallet=transfer.wallet, reason=reason)

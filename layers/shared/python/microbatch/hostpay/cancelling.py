"""An operator's cancel: 0 wei to ourselves on the same nonce, racing with what is out.

The chain decides which of them is mined: the transfer is paid, or it is cancelled, never both.
"""

from datetime import datetime

from microbatch.errors import InvalidInput
from microbatch.hostpay import attempt_store, store
from microbatch.hostpay.due import execution
from microbatch.hostpay.fees import bumped
from microbatch.hostpay.model import Transfer
from microbatch.messages import Outgoing
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger

CANCELLABLE = ("signed", "broadcast")


def cancel(
    tx: Transaction, unique_id: str, now: datetime, fee_per_gas_ceiling_wei: int
) -> tuple[Transfer, list[Outgoing]]:
    """Order the cancel of a transfer whose bytes are out. Raises InvalidInput when it cannot be.

    Ordered twice, it is one order. It is signed by the signer alone, as every attempt.
    """
    transfer = store.lock(tx, unique_id)
    if transfer is None:
        raise InvalidInput(f"transfer {unique_id!r} is not known")
    if transfer.state not in CANCELLABLE:
        raise InvalidInput(
            f"transfer {unique_id} is {transfer.state}; only one that is "
            f"{' or '.join(CANCELLABLE)} can be cancelled"
        )
    if not attempt_store.has_cancel(tx, unique_id):
        newest = attempt_store.last_attempt(tx, unique_id)
        assert newest is not None
        fees = bumped(newest.fees, None)
        if fees.max_fee_per_gas_wei > fee_per_gas_ceiling_wei:
            raise InvalidInput("a cancel would need fees above the ceiling; raise it first")
        attempt_store.drop_order(tx, unique_id, now)
        attempt_store.order_cancel(tx, unique_id, fees, now)
        logger.warning("cancel_ordered", unique_id=unique_id, nonce=transfer.nonce)
    return transfer, [Outgoing("hostpay-payment-execute", execution(transfer, now))]


def is_ordered(tx: Transaction, unique_id: str) -> bool:
    """Whether a cancel of this transfer is ordered or out."""
    return attempt_store.has_cancel(tx, unique_id)

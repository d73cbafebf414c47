"""A person has looked at a transfer: it goes on, or it is given up when nothing of it can pay."""

from datetime import datetime
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.hostpay import attempt_store, store
from microbatch.hostpay.due import messages_due
from microbatch.hostpay.model import Transfer
from microbatch.hostpay.moves import locked, move
from microbatch.messages import Outgoing
from microbatch.pauses.model import SIGNED_BY, Part
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger

UNSIGNED = ("requested", "approved", "parked")
ENDED = ("rejected", "failed")


def retry(tx: Transaction, unique_id: str, now: datetime) -> list[Outgoing]:
    """A parked transfer goes on: approved again from scratch, or looked for on the chain again.

    With a nonce its bytes are out: it is never signed anew. Raises InvalidInput for another one.
    """
    transfer = locked(tx, unique_id)
    if transfer.state != "parked":
        raise InvalidInput(f"transfer {unique_id} is {transfer.state}, not parked")
    if transfer.nonce is not None:
        move(tx, transfer, "broadcast", now)
    else:
        move(tx, transfer, "requested", now)
        if transfer.kind == "direct":  # approved by nobody outside
            store.approve(tx, unique_id, approved_at=now, now=now)
    logger.warning("transfer_retried", unique_id=unique_id, reason=transfer.reason)
    return messages_due(tx, locked(tx, unique_id), now)


def give_up(tx: Transaction, unique_id: str, reason: str, now: datetime) -> None:
    """See to it that nothing we have signed, or will sign, can pay this transfer.

    Raises InvalidInput, naming what is in the way, when that can not be proven.
    """
    transfer = store.lock(tx, unique_id)
    if transfer is None or transfer.state in ENDED:
        return
    if transfer.state in UNSIGNED and transfer.nonce is None:
        move(tx, transfer, "rejected", now, reason)
    elif transfer.state == "parked" and transfer.consumed_by_hash:
        # The chain itself refuses every byte on this nonce, by finalized evidence.
        move(tx, transfer, "failed", now, transfer.reason)
        attempt_store.supersede_others(tx, unique_id, transfer.consumed_by_hash, now)
    else:
        raise InvalidInput(_in_the_way(transfer))
    logger.warning("transfer_given_up", unique_id=unique_id, reason=reason)


def check_over(tx: Transaction, unique_id: str) -> None:
    """Raises InvalidInput when there is a transfer that may still pay."""
    transfer = store.read(tx, unique_id)
    if transfer is not None and transfer.state not in ENDED:
        raise InvalidInput(
            f"transfer {unique_id} was ordered a moment ago: nothing is released; say it again"
        )


def _in_the_way(transfer: Transfer) -> str:
    what = (
        f"transfer {transfer.unique_id} is {transfer.state} with nonce {transfer.nonce} of "
        f"{transfer.wallet}"
    )
    if transfer.state in ("confirmed", "settled"):
        return (
            f"{what}: {transfer.tx_hash} has paid, so only what its exchange delivers or gives "
            "back ends it"
        )
    todo = "retry it" if transfer.state == "parked" else "wait for it, or cancel it"
    return f"{what}: its bytes are out and can be mined at any time; {todo}"


def is_paid(tx: Transaction, unique_id: str) -> bool:
    """Whether the transfer has paid, as far as the chain can say."""
    transfer = store.read(tx, unique_id)
    return transfer is not None and transfer.state in ("confirmed", "settled")


def is_parked(tx: Transaction, unique_id: str) -> bool:
    """Whether the transfer waits for a person."""
    transfer = store.read(tx, unique_id)
    return transfer is not None and transfer.state == "parked"


# --- for those who pause --------------------------------------------------------------------------


def out(tx: Transaction, part: Part) -> list[dict[str, Any]]:
    """What this part has signed and nobody can call back, by state and currency."""
    return store.out(tx, _contexts(part))


def wake(tx: Transaction, reason: str) -> None:
    """Have the reconciler look in its next run at what has waited for this to end."""
    store.wake(tx, reason)


def _contexts(part: Part) -> list[str]:
    return [context for context, parts in SIGNED_BY.items() if part in parts]

"""The message that a transfer's state calls for, sent because a person wants it to be."""

from datetime import datetime

from microbatch.hostpay import attempt_store, store
from microbatch.hostpay.due import looks_again, messages_due
from microbatch.hostpay.model import Transfer
from microbatch.hostpay.standstill import sign_again
from microbatch.messages import Outgoing
from microbatch.pace import Pace
from microbatch.platform.database import Transaction


def look(tx: Transaction, unique_id: str) -> Transfer | None:
    """The transfer, locked until the transaction ends."""
    return store.lock(tx, unique_id)


def transfer_of(tx: Transaction, tx_hash: str) -> str | None:
    """The transfer for which the bytes of this hash were signed; None when they are not ours."""
    return attempt_store.owner_of(tx, tx_hash)


def send_now(tx: Transaction, transfer: Transfer, now: datetime, pace: Pace) -> list[Outgoing]:
    """Its message, whenever it was sent last; whoever asks again by itself waits from now on."""
    if transfer.state == "approved":
        return looks_again(tx, transfer, now, pace, at_once=True)
    store.win_ask(tx, transfer.unique_id, now, now)
    return [*sign_again(tx, now, transfer.unique_id), *messages_due(tx, transfer, now)]

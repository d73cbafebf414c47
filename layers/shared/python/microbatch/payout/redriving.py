"""What a person who sends messages again wants to know of a payout, or of a client's address."""

from microbatch.payout import client_store, store
from microbatch.payout.model import Client, Payout
from microbatch.platform.database import Transaction


def look_direct(tx: Transaction, unique_id: str) -> Payout | None:
    """The payout that this direct transfer is of, or is to be; locked."""
    payout = store.lock_of(tx, unique_id)
    return payout if payout is not None and payout.kind == "direct" else None


def look_client(tx: Transaction, client_id: str) -> Client | None:
    """The client, if there is one."""
    return client_store.find(tx, client_id)

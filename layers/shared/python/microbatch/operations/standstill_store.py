"""SQL of the reconciler's own: how long its statements may take, and what it has looked at."""

from collections.abc import Sequence
from datetime import datetime

from microbatch.platform.database import Transaction

STATEMENT_SECONDS = 10  # a batch of 100 000 payments is given back in one statement
LOCK_SECONDS = 2  # somebody else is at work on the row: it is looked at again in a minute
# By which column each table's rows are named.
KEYS = {
    "swaps": "swap_id",
    "transfers": "unique_id",
    "transfer_attempts": "unique_id",
    "payouts": "payout_id::text",
    "batches": "batch_id::text",
    "clients": "client_id",
    "address_changes": "change_id::text",
    "held_payments": "held_id::text",
    "observation_requests": "name",
}


def bound(tx: Transaction) -> None:
    """No statement of this transaction takes long, and none waits long for a lock."""
    tx.execute(
        f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s';"
        f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"
    )


def set_asked(tx: Transaction, table: str, keys: Sequence[str], at: datetime | None) -> None:
    """Note when these rows were last looked at; None: as if nobody had."""
    tx.execute(
        f"UPDATE {table} SET asked_at = %(at)s WHERE {KEYS[table]} = ANY(%(keys)s)",  # noqa: S608
        keys=list(keys),
        at=at,
    )

"""SQL of token transfers to us, as the chain logged them: each is used once."""

from datetime import datetime
from decimal import Decimal

from microbatch.platform.database import Transaction


def insert_receipt(
    tx: Transaction,
    *,
    tx_hash: str,
    log_index: int,
    swap_id: str,
    from_address: str,
    amount_units: int,
    block_number: int,
    block_hash: str,
    now: datetime,
) -> bool:
    """Use one transfer log for this swap; False when it has been used already."""
    return bool(
        tx.execute(
            """
            INSERT INTO token_receipts (tx_hash, log_index, swap_id, from_address, amount_units,
                block_number, block_hash, recorded_at)
            VALUES (%(tx_hash)s, %(log_index)s, %(swap_id)s, %(from_address)s, %(amount_units)s,
                %(block_number)s, %(block_hash)s, %(now)s)
            ON CONFLICT (tx_hash, log_index) DO NOTHING
            """,
            tx_hash=tx_hash,
            log_index=log_index,
            swap_id=swap_id,
            from_address=from_address,
            amount_units=amount_units,
            block_number=block_number,
            block_hash=block_hash,
            now=now,
        )
    )


def received_units(tx: Transaction, swap_id: str) -> int:
    """What has arrived on chain for this swap."""
    row = tx.one(
        "SELECT coalesce(sum(amount_units), 0) AS units FROM token_receipts"
        " WHERE swap_id = %(swap_id)s",
        swap_id=swap_id,
    )
    assert row is not None
    return int(row["units"])


def begin_again(tx: Transaction, swap_id: str, vouched_amount: Decimal | None) -> None:
    """Forget what was used for a parked swap, and note what a person has seen on the chain."""
    tx.execute("DELETE FROM token_receipts WHERE swap_id = %(swap_id)s", swap_id=swap_id)
    tx.execute(
        "UPDATE swaps SET vouched_amount = %(amount)s WHERE swap_id = %(swap_id)s",
        swap_id=swap_id,
        amount=vouched_amount,
    )

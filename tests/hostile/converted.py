"""A client's money at the end of its conversion, written without the rooms that convert."""

import secrets
from uuid import uuid4

from microbatch.platform.database import Transaction
from tests.integration.rows import insert


def converted(tx: Transaction, client_id: str, units: int) -> None:
    """One payment of a client, of a batch for which `units` micro-USDT arrived on the chain."""
    batch_id, swap_id = str(uuid4()), secrets.token_hex(8).upper()
    insert(tx, "batches", batch_id=batch_id, state="distributed", received_microusdt=units)
    insert(
        tx,
        "payments",
        payment_id=str(int(swap_id, 16)),
        client_id=client_id,
        state="converted",
        batch_id=batch_id,
        share_microusdt=units,
    )
    exchange = {"cn_api_id": f"past-{swap_id}", "payin_address": "0x" + secrets.token_hex(20)}
    insert(
        tx,
        "swaps",
        swap_id=swap_id,
        owner_id=batch_id,
        state="finished",
        received_units=units,
        **exchange,
    )
    insert(
        tx,
        "token_receipts",
        swap_id=swap_id,
        tx_hash="0x" + secrets.token_hex(32),
        amount_units=units,
    )

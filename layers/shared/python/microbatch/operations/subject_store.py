"""SQL of what an id means to an operator: a payment, a batch, a payout, a swap or a transfer."""

from typing import Any

from microbatch.platform.database import Transaction

FIND = """
    SELECT 'payments' AS entity, NULL AS unique_id FROM payments WHERE payment_id = %(id)s
    UNION ALL SELECT 'batches', (SELECT swap_id FROM swaps WHERE context = 'batch'
        AND owner_id = batch_id::text ORDER BY generation DESC LIMIT 1)
    FROM batches WHERE batch_id::text = %(id)s
    UNION ALL SELECT 'payouts', unique_id FROM payouts WHERE payout_id::text = %(id)s
    UNION ALL SELECT 'transfers', %(id)s WHERE EXISTS (SELECT FROM swaps WHERE swap_id = %(id)s)
        OR EXISTS (SELECT FROM transfers WHERE unique_id = %(id)s)
        OR EXISTS (SELECT FROM payouts WHERE unique_id = %(id)s)
"""


def find(tx: Transaction, subject_id: str) -> list[dict[str, Any]]:
    """What has this id: (entity, the id of its swap and transfer)."""
    return tx.all(FIND, id=subject_id)


def payment(tx: Transaction, payment_id: str) -> dict[str, Any] | None:
    """A payment as an operator sees it."""
    return tx.one(
        "SELECT payment_id, client_id, state, state_since::text AS state_since, park_reason,"
        " attempts, convertible_wei::text AS convertible_wei, batch_id::text AS batch_id,"
        " payout_id::text AS payout_id FROM payments WHERE payment_id = %(payment_id)s",
        payment_id=payment_id,
    )


def chain_of(tx: Transaction, unique_id: str) -> dict[str, Any]:
    """Everything that has one identity: who is paid for, the swap, the transfer; None if absent."""
    row = tx.one(
        """
        SELECT
            (SELECT to_jsonb(b) FROM (SELECT batch_id, state, reason, payments_count
                FROM batches WHERE batch_id::text = (SELECT owner_id FROM swaps
                    WHERE swap_id = %(unique_id)s AND context = 'batch')) b) AS batch,
            (SELECT to_jsonb(o) FROM (SELECT payout_id, client_id, state, reason, payments_count
                FROM payouts WHERE unique_id = %(unique_id)s) o) AS payout,
            (SELECT to_jsonb(s) FROM (SELECT swap_id, state, reason, cn_api_id,
                vouched_amount::text AS vouched_amount
                FROM swaps WHERE swap_id = %(unique_id)s) s) AS swap,
            (SELECT to_jsonb(t) FROM (SELECT unique_id, state, reason, wait_reason, nonce, tx_hash
                FROM transfers WHERE unique_id = %(unique_id)s) t) AS transfer
        """,
        unique_id=unique_id,
    )
    assert row is not None
    return row

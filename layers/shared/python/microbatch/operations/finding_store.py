"""SQL that finds what an id, or how one begins, is of: one statement, an index for each part."""

from typing import Any

from microbatch.platform.database import Transaction

FOUND_MAX = 21  # candidates are listed up to one fewer
UUID_DIGITS = 32

# Texts are found by how they begin through indexes of text_pattern_ops, or of collation "C";
# UUIDs between the smallest and the largest that begin so.
BY_TEXT = """
    (SELECT 'payments' AS entity, payment_id AS id, payment_id AS by FROM payments
        WHERE payment_id LIKE %(prefix)s LIMIT %(limit)s)
    UNION ALL (SELECT 'held_payments', payment_id, payment_id FROM held_payments
        WHERE payment_id LIKE %(prefix)s LIMIT %(limit)s)
    UNION ALL (SELECT 'swaps', swap_id, swap_id FROM swaps
        WHERE swap_id LIKE %(upper)s LIMIT %(limit)s)
    UNION ALL (SELECT 'transfers', unique_id, unique_id FROM transfers
        WHERE unique_id LIKE %(upper)s LIMIT %(limit)s)
    UNION ALL (SELECT 'swaps', swap_id, cn_api_id FROM exchanges
        WHERE cn_api_id LIKE %(prefix)s LIMIT %(limit)s)
    UNION ALL (SELECT 'clients', client_id, client_id FROM clients
        WHERE client_id LIKE %(prefix)s LIMIT %(limit)s)
"""
BY_UUID = """
    UNION ALL (SELECT 'batches', batch_id::text, batch_id::text FROM batches
        WHERE batch_id BETWEEN %(smallest)s::uuid AND %(largest)s::uuid LIMIT %(limit)s)
    UNION ALL (SELECT 'payouts', payout_id::text, payout_id::text FROM payouts
        WHERE payout_id BETWEEN %(smallest)s::uuid AND %(largest)s::uuid LIMIT %(limit)s)
"""
BY_HASH = """
    UNION ALL (SELECT 'transfers', unique_id, tx_hash FROM transfer_attempts
        WHERE tx_hash LIKE %(lower)s LIMIT %(limit)s)
    UNION ALL (SELECT 'swaps', swap_id, payout_hash FROM swaps
        WHERE payout_hash LIKE %(prefix)s LIMIT %(limit)s)
    UNION ALL (SELECT 'swaps', swap_id, refund_hash FROM swaps
        WHERE refund_hash LIKE %(prefix)s LIMIT %(limit)s)
    UNION ALL (SELECT 'wallets', address, address FROM wallets
        WHERE address LIKE %(lower)s LIMIT %(limit)s)
    UNION ALL (SELECT 'observations', name, name FROM observations
        WHERE name = %(text)s LIMIT 1)
"""


def begin_with(tx: Transaction, text: str) -> list[dict[str, Any]]:
    """Rows whose id, exchange or transaction begins with this text: entity, id, by what."""
    digits = text.replace("-", "").lower()
    is_uuid = len(digits) <= UUID_DIGITS and all(each in "0123456789abcdef" for each in digits)
    query = BY_TEXT + (BY_UUID if is_uuid else "") + BY_HASH
    return tx.all(
        query,
        text=text,
        prefix=_pattern(text),
        upper=_pattern(text.upper()),
        lower=_pattern(text.lower()),
        smallest=digits.ljust(UUID_DIGITS, "0") if is_uuid else None,
        largest=digits.ljust(UUID_DIGITS, "f") if is_uuid else None,
        limit=FOUND_MAX,
    )


def _pattern(text: str) -> str:
    """What begins with this text, to LIKE: the text itself has no wildcards."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"

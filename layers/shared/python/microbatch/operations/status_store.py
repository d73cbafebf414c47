"""SQL of the status, one statement a function."""

from typing import Any

from microbatch.platform.database import Transaction


def owed_wei(tx: Transaction) -> int:
    """ETH in our wallets that is the clients': not converted and not paid out yet."""
    row = tx.one(
        "SELECT (SELECT coalesce(sum(convertible_wei), 0) FROM payments"
        "   WHERE state IN ('pending', 'waiting_instant'))"
        " + (SELECT coalesce(sum(claimed_wei), 0) FROM batches"
        "   WHERE state IN ('claimed', 'exchange_created', 'pay_ordered'))"
        " + (SELECT coalesce(sum(amount_units), 0) FROM payouts"
        "   WHERE state = 'claimed' AND from_currency = 'eth') AS wei"
    )
    assert row is not None
    return int(row["wei"])


def oldest_decisions(tx: Transaction) -> list[dict[str, Any]]:
    """Clients and wallets that wait for somebody, by state, and since when the first of them."""
    return tx.all(
        "SELECT 'clients' AS entity, address_state AS state, count(*) AS rows_count,"
        " min(created_at)::text AS oldest_since FROM clients"
        " WHERE address_state <> 'verified' GROUP BY address_state"
        " UNION ALL SELECT 'wallets', status, count(*),"
        " min(coalesce(frozen_at, adopted_at))::text FROM wallets"
        " WHERE status <> 'active' GROUP BY status ORDER BY entity, state"
    )

"""What is on its way, read from the tables alone: nothing of the product takes part."""

from collections import Counter
from typing import Any

from local.customer import Customer

ON_THEIR_WAY = """
    SELECT 'payment' AS entity, state, count(*) AS rows FROM payments
    WHERE state IN ('waiting_instant', 'swapping', 'in_payout') GROUP BY state
    UNION ALL SELECT 'batch', state, count(*) FROM batches
    WHERE state NOT IN ('distributed', 'released', 'parked') GROUP BY state
    UNION ALL SELECT 'swap', state, count(*) FROM swaps
    WHERE state NOT IN ('finished', 'failed', 'refunded', 'expired', 'parked') GROUP BY state
    UNION ALL SELECT context || '-payout', state, count(*) FROM payouts
    WHERE state IN ('claimed', 'paid') GROUP BY context, state
    UNION ALL SELECT 'transfer', state, count(*) FROM transfers
    WHERE state NOT IN ('settled', 'rejected', 'failed', 'parked') GROUP BY state
    UNION ALL SELECT 'bytes', state, count(*) FROM transfer_attempts
    WHERE state IN ('ordered', 'prepared', 'sent') GROUP BY state
"""
# Neither does anything but time keep them: what there is has reached what it waits for.
DUE = """
    SELECT 'pending' AS what, sum(net_usd) >= (SELECT value::numeric FROM settings
        WHERE name = 'threshold_usd') AS due FROM payments WHERE state = 'pending'
    UNION ALL
    SELECT 'converted for ' || client_id, sum(share_microusdt - payout_loss_microusdt)
        >= max(payout_threshold_usd) * 1000000
    FROM payments JOIN clients USING (client_id) WHERE payments.state = 'converted'
    GROUP BY client_id
    UNION ALL SELECT 'event of batch', true FROM batches
    WHERE announced_state IS NULL OR (state IN ('distributed', 'released', 'parked')
        AND announced_state <> state)
    UNION ALL SELECT 'event of payout', true FROM payouts
    WHERE state IN ('completed', 'released', 'rerouted', 'parked')
        AND announced_state IS DISTINCT FROM state
"""
STOPPED = """
    SELECT 'payment' AS entity, park_reason AS reason, count(*) AS rows FROM payments
    WHERE state = 'parked' GROUP BY park_reason
    UNION ALL SELECT 'batch', reason, count(*) FROM batches WHERE state = 'parked' GROUP BY reason
    UNION ALL SELECT 'swap', reason, count(*) FROM swaps WHERE state = 'parked' GROUP BY reason
    UNION ALL SELECT 'payout', reason, count(*) FROM payouts WHERE state = 'parked' GROUP BY reason
    UNION ALL SELECT 'transfer', reason, count(*) FROM transfers
    WHERE state IN ('parked', 'failed') GROUP BY reason
    UNION ALL SELECT 'wallet', reason, count(*) FROM wallets
    WHERE status <> 'active' GROUP BY reason
"""
GIVEN_UP = """
    SELECT 'batch released: ' || reason AS what, count(*) AS rows FROM batches
    WHERE state = 'released' AND state_since >= %(since)s GROUP BY reason
    UNION ALL SELECT 'payout ' || state || ': ' || reason, count(*) FROM payouts
    WHERE state IN ('released', 'rerouted') AND state_since >= %(since)s GROUP BY state, reason
    ORDER BY what
"""


def on_their_way(customer: Customer) -> Counter[str]:
    """How many rows of each kind and state are not at their end."""
    rows = customer.rows(ON_THEIR_WAY)
    return Counter({f"{row['entity']} {row['state']}": row["rows"] for row in rows})


def left_to_do(customer: Customer) -> Counter[str]:
    """The same, and what a schedule has yet to take up or tell."""
    due = (row["what"] for row in customer.rows(DUE) if row["due"])
    return on_their_way(customer) + Counter(due)


def stopped(customer: Customer) -> list[str]:
    """What waits for a person: nothing a drill does is a reason for that."""
    return [
        "{rows} {entity}: {reason}".format(**row)
        for row in customer.rows(STOPPED)  # as they stand
    ]


def given_up(customer: Customer, since: Any) -> dict[str, int]:
    """Batches and payouts that were given up since then, and begun anew."""
    return {row["what"]: row["rows"] for row in customer.rows(GIVEN_UP, since=since)}

"""SQL of what waits: payments to be paid, orders to be sent, ends to be told of."""

from datetime import datetime

from microbatch.pace import Standstill
from microbatch.platform.database import Transaction


def client_of_waiting(tx: Transaction, payment_id: str) -> str | None:
    """Whose payment this is, if it waits to be paid at once."""
    row = tx.one(
        "SELECT client_id FROM payments WHERE payment_id = %(payment_id)s"
        " AND state = 'waiting_instant'",
        payment_id=payment_id,
    )
    return row["client_id"] if row else None


def waiting_payments(tx: Transaction, now: datetime, limit: int) -> list[str]:
    """Payments that may be paid at once now; one that failed before waits a while."""
    rows = tx.all(
        "SELECT payment_id FROM payments JOIN clients USING (client_id)"
        " WHERE state = 'waiting_instant' AND clients.address_state = 'verified'"
        " AND clients.paused_at IS NULL"
        " AND (address_matures_at IS NULL OR address_matures_at <= %(now)s)"
        " AND (payments.payout_not_before IS NULL OR payments.payout_not_before <= %(now)s)"
        " ORDER BY payments.state_since, payment_id LIMIT %(limit)s",
        now=now,
        limit=limit,
    )
    return [row["payment_id"] for row in rows]


def put_off(tx: Transaction, payment_id: str, not_before: datetime) -> None:
    """Do not try a payment that waits to be paid before then."""
    tx.execute(
        "UPDATE payments SET payout_not_before = greatest(payout_not_before, %(not_before)s)"
        " WHERE payment_id = %(payment_id)s AND state = 'waiting_instant'",
        payment_id=payment_id,
        not_before=not_before,
    )


def direct_standing_still(tx: Transaction, standstill: Standstill, limit: int) -> list[str]:
    """Direct payouts whose order is old, and whose transfer is not reserved, or over unpaid.

    A parked one waits for a person; but when its transfer is over, nobody has to decide any more.
    """
    rows = tx.all(
        "SELECT payout_id::text AS payout_id FROM payouts"  # noqa: S608
        " LEFT JOIN (SELECT unique_id, state AS transfer_state FROM transfers) AS its"
        "   USING (unique_id)"
        f" WHERE kind = 'direct' AND {Standstill.SQL}"
        " AND CASE WHEN state = 'claimed'"
        "     THEN transfer_state IS NULL OR transfer_state IN ('rejected', 'failed')"
        "   ELSE state = 'parked' AND transfer_state IN ('rejected', 'failed') END"
        " AND state IN ('claimed', 'parked')"
        " ORDER BY greatest(state_since, asked_at), payouts.payout_id LIMIT %(limit)s",
        limit=limit,
        **standstill.parameters,
    )
    return [row["payout_id"] for row in rows]


def unannounced(tx: Transaction, standstill: Standstill, limit: int) -> list[str]:
    """Ended payouts that nobody was told of."""
    rows = tx.all(
        "SELECT payout_id::text AS payout_id FROM payouts"  # noqa: S608
        " WHERE state IN ('completed', 'released', 'rerouted', 'parked')"
        f" AND announced_state IS DISTINCT FROM state AND {Standstill.SQL}"
        " ORDER BY greatest(state_since, asked_at), payouts.payout_id LIMIT %(limit)s",
        limit=limit,
        **standstill.parameters,
    )
    return [row["payout_id"] for row in rows]


def note_told(tx: Transaction, payout_id: str, state: str) -> None:
    """The outside world knows of this state."""
    tx.execute(
        "UPDATE payouts SET announced_state = %(state)s WHERE payout_id = %(payout_id)s"
        " AND state = %(state)s",
        payout_id=payout_id,
        state=state,
    )

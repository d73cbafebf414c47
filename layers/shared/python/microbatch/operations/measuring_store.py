"""SQL of what is measured every minute: each by an index, for it runs beside the money."""

from datetime import datetime
from typing import Any

from microbatch.platform.database import Transaction


def pending(tx: Transaction) -> dict[str, Any]:
    """What waits to be converted: `usd`, and `oldest_at` (None when nothing does)."""
    return _row(
        tx,
        "SELECT coalesce(sum(net_usd), 0) AS usd, min(received_at) AS oldest_at"
        " FROM payments WHERE state = 'pending'",
    )


def batches(tx: Transaction) -> dict[str, Any]:
    """Batches by how they ended, since ever; what is being converted, and what has been."""
    return _row(
        tx,
        "SELECT count(*) FILTER (WHERE state = 'distributed') AS distributed,"
        " count(*) FILTER (WHERE state = 'released') AS released,"
        " count(*) FILTER (WHERE state = 'parked') AS parked,"
        " coalesce(sum(claimed_usd) FILTER (WHERE state NOT IN ('distributed', 'released',"
        "  'parked')), 0) AS open_usd,"
        " coalesce(sum(received_microusdt) FILTER (WHERE state = 'distributed'), 0)"
        "  AS distributed_microusdt FROM batches",
    )


def paying_usd(tx: Transaction) -> Any:
    """What payouts that are open are worth."""
    return _row(
        tx,
        "SELECT coalesce(sum(value_usd), 0) AS usd FROM payouts WHERE state IN ('claimed', 'paid')",
    )["usd"]


def parked_usd(tx: Transaction) -> Any:
    """What is parked, each payment's money once, whichever of its rows it is that is parked."""
    return _row(
        tx,
        "WITH stuck AS (SELECT s.context, s.owner_id FROM transfers t JOIN swaps s USING (swap_id)"
        "   WHERE t.state = 'parked'"
        "   UNION SELECT context, owner_id FROM swaps WHERE state = 'parked')"
        " SELECT (SELECT coalesce(sum(net_usd), 0) FROM payments WHERE state = 'parked')"
        " + (SELECT coalesce(sum(claimed_usd), 0) FROM batches"
        "    WHERE state NOT IN ('distributed', 'released') AND (state = 'parked'"
        "     OR batch_id::text IN (SELECT owner_id FROM stuck WHERE context = 'batch')))"
        " + (SELECT coalesce(sum(value_usd), 0) FROM payouts"
        "    WHERE state = 'parked' OR (state IN ('claimed', 'paid')"
        "     AND payout_id::text IN (SELECT owner_id FROM stuck WHERE context <> 'batch')))"
        " AS usd",
    )["usd"]


def late_payments(tx: Transaction, received_before: datetime) -> int:
    """Payments that came in before then, and are neither converted nor paid."""
    return int(
        _row(
            tx,
            "SELECT (SELECT count(*) FROM payments"
            "   WHERE state = 'pending' AND received_at < %(before)s)"
            " + (SELECT count(*) FROM payments"
            "   WHERE state = 'waiting_instant' AND received_at < %(before)s)"
            " + (SELECT count(*) FROM payments WHERE state = 'held' AND received_at < %(before)s)"
            " + (SELECT count(*) FROM payments WHERE state = 'parked' AND received_at < %(before)s)"
            " + (SELECT count(*) FROM payments p JOIN batches b USING (batch_id)"
            "   WHERE b.state NOT IN ('distributed', 'released') AND p.state = 'swapping'"
            "     AND p.received_at < %(before)s) AS payments",
            before=received_before,
        )["payments"]
    )


def _row(tx: Transaction, statement: str, **values: Any) -> dict[str, Any]:
    row = tx.one(statement, **values)
    assert row is not None
    return row

"""SQL of what a batch's payments are given: shares, refunds, or themselves back."""

from datetime import datetime
from typing import Any

from microbatch.money import MicroUsdt, Wei
from microbatch.platform.database import Transaction


def release_payments(
    tx: Transaction,
    batch_id: str,
    *,
    max_attempts: int,
    counts: bool,
    reason: str,
    now: datetime,
) -> int:
    """Give a batch's payments back to `pending`, or park those that were tried too often."""
    return tx.execute(
        """
        UPDATE payments SET
            state = CASE WHEN attempts >= %(parks_from)s THEN 'parked' ELSE 'pending' END,
            park_reason = CASE WHEN attempts >= %(parks_from)s THEN %(reason)s END,
            batch_id = CASE WHEN attempts >= %(parks_from)s THEN batch_id END,
            attempts = attempts + %(step)s, state_since = %(now)s
        WHERE batch_id = %(batch_id)s AND state = 'swapping'
        """,
        batch_id=batch_id,
        parks_from=max_attempts - 1 if counts else max_attempts,
        step=1 if counts else 0,
        reason=reason,
        now=now,
    )


def parked(tx: Transaction, batch_id: str) -> int:
    """How many of a batch's payments are parked."""
    row = tx.one(
        "SELECT count(*) AS payments FROM payments"
        " WHERE batch_id = %(batch_id)s AND state = 'parked'",
        batch_id=batch_id,
    )
    assert row is not None
    return int(row["payments"])


def give_back(
    tx: Transaction,
    batch_id: str,
    came_back: Wei,
    *,
    max_attempts: int,
    reason: str,
    now: datetime,
) -> int:
    """Split a refund over a batch's payments and return them; what is missing is their loss.

    The shares are those of `distribute`. A payment that nothing is left of is parked.
    """
    return tx.execute(
        """
        WITH running AS MATERIALIZED (
            SELECT payment_id, convertible_wei,
                sum(convertible_wei) OVER (ORDER BY payment_id ROWS UNBOUNDED PRECEDING) AS up_to,
                sum(convertible_wei) OVER () AS whole
            FROM payments
            WHERE batch_id = %(batch_id)s AND state = 'swapping'
        ), kept AS (
            SELECT payment_id,
                div(%(came_back)s * up_to, whole)
                    - div(%(came_back)s * (up_to - convertible_wei), whole) AS wei
            FROM running
        ), ruled AS (
            SELECT payments.payment_id, kept.wei,
                kept.wei = 0 OR attempts + 1 >= %(max_attempts)s AS parks
            FROM kept JOIN payments USING (payment_id)
        )
        UPDATE payments SET
            refund_loss_wei = refund_loss_wei + convertible_wei - ruled.wei,
            state = CASE WHEN parks THEN 'parked' ELSE 'pending' END,
            park_reason = CASE WHEN parks THEN %(reason)s END,
            batch_id = CASE WHEN parks THEN batch_id END,
            attempts = attempts + 1, state_since = %(now)s
        FROM ruled
        WHERE payments.payment_id = ruled.payment_id
        """,
        batch_id=batch_id,
        came_back=came_back,
        max_attempts=max_attempts,
        reason=reason,
        now=now,
    )


def distribute(tx: Transaction, batch_id: str, total: MicroUsdt, now: datetime) -> int:
    """Give every payment of a batch its share of `total`; how many they were.

    share_i = ⌊T·C_i/W⌋ − ⌊T·C_{i−1}/W⌋ over net wei, C the running sum by payment id: the same
    shares as money.split_pro_rata. numeric division by div() is exact.
    """
    return tx.execute(
        """
        WITH running AS MATERIALIZED (
            SELECT payment_id, convertible_wei,
                sum(convertible_wei) OVER (ORDER BY payment_id ROWS UNBOUNDED PRECEDING)
                    AS up_to_here,
                sum(convertible_wei) OVER () AS whole
            FROM payments
            WHERE batch_id = %(batch_id)s AND state = 'swapping'
        )
        UPDATE payments SET state = 'converted', state_since = %(now)s,
            share_microusdt = div(%(total)s * up_to_here, whole)
                - div(%(total)s * (up_to_here - running.convertible_wei), whole)
        FROM running
        WHERE payments.payment_id = running.payment_id
        """,
        batch_id=batch_id,
        total=total,
        now=now,
    )


def shared_out(tx: Transaction, batch_id: str) -> dict[str, Any]:
    """What the rows of a batch have been given, to check the distribution by."""
    row = tx.one(
        "SELECT count(*) AS payments_count, coalesce(sum(share_microusdt), 0) AS microusdt,"
        " coalesce(sum(convertible_wei), 0) AS net_wei"
        " FROM payments WHERE batch_id = %(batch_id)s AND state = 'converted'",
        batch_id=batch_id,
    )
    assert row is not None
    return row

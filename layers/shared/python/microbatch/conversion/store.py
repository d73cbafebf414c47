"""SQL of batches and of the payments they claim, one statement a function."""

from datetime import datetime
from typing import Any
from uuid import UUID

from microbatch.conversion.model import Claimed, Limits, Open
from microbatch.money import MicroUsdt, Usd, Wei
from microbatch.pace import Standstill
from microbatch.platform.database import Transaction

COLUMNS = """batch_id::text AS batch_id, state, state_since, created_at, opened_for,
    payments_count, claimed_wei, received_microusdt, reason, announced_state"""

CLAIM_LOCK = 4_711_001  # one threshold check at a time


CLAIMABLE = """state = 'pending' AND convertible_wei BETWEEN 1 AND %(max_payment_wei)s
        AND (%(after_at)s::timestamptz IS NULL
            OR (received_at, payment_id) > (%(after_at)s, %(after_id)s))"""

# What is claimed is all up to the last that still fits: a range, and no list of a million names,
# which would be joined in an order that has nothing to do with where the rows lie.
CLAIM = f"""
WITH running AS (
    SELECT received_at, payment_id,
        sum(convertible_wei) OVER in_order AS up_to_here,
        row_number() OVER in_order AS place
    FROM (
        SELECT received_at, payment_id, convertible_wei FROM payments
        WHERE {CLAIMABLE}
        ORDER BY received_at, payment_id
        LIMIT %(max_payments)s
    ) AS oldest
    WINDOW in_order AS (ORDER BY received_at, payment_id ROWS UNBOUNDED PRECEDING)
), last AS (
    SELECT received_at, payment_id FROM running
    WHERE up_to_here <= %(max_wei)s OR place = 1
    ORDER BY place DESC
    LIMIT 1
), moved AS (
    UPDATE payments SET state = 'swapping', state_since = %(now)s, batch_id = %(batch_id)s
    WHERE {CLAIMABLE}
        AND (received_at, payment_id) <= (SELECT received_at, payment_id FROM last)
    RETURNING convertible_wei, received_at,
        -- what a refund kept is not worth anything any more
        net_usd * convertible_wei / net_wei AS net_usd
)
SELECT count(*) AS payments_count, coalesce(sum(convertible_wei), 0) AS net_wei,
    round(coalesce(sum(net_usd), 0), 6) AS net_usd,
    min(received_at) AS oldest_received_at
FROM moved
"""  # noqa: S608


def lock_checks(tx: Transaction) -> None:
    """Wait for any other threshold check to end; released with the transaction."""
    tx.execute("SELECT pg_advisory_xact_lock(%(lock)s)", lock=CLAIM_LOCK)


def setting(tx: Transaction, name: str) -> str | None:
    """The value of a setting now."""
    row = tx.one("SELECT value FROM settings WHERE name = %(name)s", name=name)
    return row["value"] if row else None


def insert_batch(
    tx: Transaction,
    batch_id: UUID,
    *,
    claimed: Claimed,
    opened: Open,
    threshold_usd: Usd,
    now: datetime,
) -> None:
    """The batch over what was claimed. What it converts is fixed here; no message changes it."""
    tx.execute(
        """
        INSERT INTO batches (batch_id, state, state_since, created_at, opened_for, payments_count,
            claimed_wei, claimed_usd, threshold_usd, eth_usd)
        VALUES (%(batch_id)s, 'claimed', %(now)s, %(now)s, %(opened_for)s, %(payments_count)s,
            %(claimed_wei)s, %(claimed_usd)s, %(threshold_usd)s, %(eth_usd)s)
        """,
        batch_id=str(batch_id),
        now=now,
        opened_for=opened.opened_for,
        payments_count=claimed.payments_count,
        claimed_wei=claimed.net_wei,
        claimed_usd=claimed.net_usd,
        threshold_usd=threshold_usd,
        eth_usd=opened.eth_usd,
    )


def claim(
    tx: Transaction,
    batch_id: UUID,
    limits: Limits,
    now: datetime,
    after: tuple[datetime, str] | None = None,
) -> Claimed:
    """Move the oldest pending payments, within the caps, to this batch; what that came to.

    One statement: what is summed is exactly what was moved. The first payment is taken even when
    it alone passes the cap in wei, or it would block all others for ever.
    """
    row = tx.one(
        CLAIM,
        max_payments=limits.max_payments,
        max_wei=limits.max_wei,
        max_payment_wei=limits.max_payment_wei,
        now=now,
        batch_id=str(batch_id),
        after_at=after[0] if after else None,
        after_id=after[1] if after else "",
    )
    assert row is not None
    return Claimed(
        int(row["payments_count"]),
        Wei(int(row["net_wei"])),
        Usd(row["net_usd"]),
        row["oldest_received_at"],
    )


def last_claimed(tx: Transaction, batch_id: UUID) -> tuple[datetime, str] | None:
    """The newest row of a claim: (received_at, payment_id)."""
    row = tx.one(
        "SELECT received_at, payment_id FROM payments WHERE batch_id = %(batch_id)s"
        " ORDER BY received_at DESC, payment_id DESC LIMIT 1",
        batch_id=str(batch_id),
    )
    return (row["received_at"], row["payment_id"]) if row else None


def has_larger(tx: Transaction, limits: Limits) -> bool:
    """Whether any payment is pending that is larger than an exchange takes now."""
    found = tx.one(
        "SELECT 1 AS found FROM payments WHERE state = 'pending'"
        " AND convertible_wei > %(max_payment_wei)s LIMIT 1",
        max_payment_wei=limits.max_payment_wei,
    )
    return found is not None


def insert_check(
    tx: Transaction,
    now: datetime,
    *,
    reason: str,
    claimed: Claimed,
    threshold_usd: Usd,
    batch_id: UUID | None,
) -> None:
    """Record what a threshold check decided."""
    tx.execute(
        """
        INSERT INTO threshold_checks (at, decision, reason, payments_count, claimed_wei,
            claimed_usd, threshold_usd, batch_id)
        VALUES (%(now)s, %(decision)s, %(reason)s, %(payments_count)s, %(claimed_wei)s,
            %(claimed_usd)s, %(threshold_usd)s, %(batch_id)s)
        """,
        now=now,
        decision="open" if batch_id else "wait",
        reason=reason,
        payments_count=claimed.payments_count,
        claimed_wei=claimed.net_wei,
        claimed_usd=claimed.net_usd,
        threshold_usd=threshold_usd,
        batch_id=str(batch_id) if batch_id else None,
    )


def lock_batch(tx: Transaction, batch_id: str) -> dict[str, Any] | None:
    """The batch, locked until the transaction ends."""
    return tx.one(
        f"SELECT {COLUMNS} FROM batches WHERE batch_id = %(batch_id)s FOR UPDATE",  # noqa: S608
        batch_id=batch_id,
    )


def note_told(tx: Transaction, batch_id: str, state: str) -> None:
    """Note the state that the outside world has been told of; an earlier one never comes back."""
    tx.execute(
        "UPDATE batches SET announced_state = %(state)s WHERE batch_id = %(batch_id)s"
        " AND (announced_state IS NULL OR %(state)s <> 'claimed')",
        batch_id=batch_id,
        state=state,
    )


def note_asked(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The reconciler is looking at this batch: the others come before it next time."""
    tx.execute(
        "UPDATE batches SET asked_at = %(now)s WHERE batch_id = %(batch_id)s",
        batch_id=batch_id,
        now=now,
    )


def unannounced(tx: Transaction, standstill: Standstill, limit: int) -> list[str]:
    """Batches of which something has not been noted as told for too long."""
    rows = tx.all(
        "SELECT batch_id::text AS batch_id FROM batches WHERE (announced_state IS NULL"  # noqa: S608
        "  OR (state IN ('distributed', 'released', 'parked') AND announced_state <> state))"
        f" AND {Standstill.SQL}"
        " ORDER BY greatest(state_since, asked_at), batches.batch_id LIMIT %(limit)s",
        limit=limit,
        **standstill.parameters,
    )
    return [row["batch_id"] for row in rows]


def move(
    tx: Transaction,
    batch_id: str,
    *,
    state_from: str,
    state_to: str,
    now: datetime,
    reason: str | None = None,
    received_microusdt: MicroUsdt | None = None,
) -> bool:
    """Move a batch from one state to another; False when it is not there (any more)."""
    return bool(
        tx.execute(
            """
            UPDATE batches SET state = %(state_to)s, state_since = %(now)s,
                reason = coalesce(%(reason)s, reason),
                received_microusdt = coalesce(%(received_microusdt)s, received_microusdt)
            WHERE batch_id = %(batch_id)s AND state = %(state_from)s
            """,
            batch_id=batch_id,
            state_from=state_from,
            state_to=state_to,
            now=now,
            reason=reason,
            received_microusdt=received_microusdt,
        )
    )


def unpark(tx: Transaction, batch_id: str, now: datetime) -> bool:
    """A parked batch goes on where it was; False when it is not parked.

    What has been told of it is that it was opened: parked again, that is told again.
    """
    return bool(
        tx.execute(
            "UPDATE batches SET state = 'paid', state_since = %(now)s,"
            " announced_state = CASE WHEN announced_state IS NOT NULL THEN 'claimed' END"
            " WHERE batch_id = %(batch_id)s AND state = 'parked'",
            batch_id=batch_id,
            now=now,
        )
    )


def undistributed(tx: Transaction, standstill: Standstill, limit: int) -> list[str]:
    """Batches whose USDT arrived long ago and has not been distributed."""
    rows = tx.all(
        "SELECT batch_id::text AS batch_id FROM batches WHERE state = 'finished'"  # noqa: S608
        f" AND {Standstill.SQL}"
        " ORDER BY greatest(state_since, asked_at), batches.batch_id LIMIT %(limit)s",
        limit=limit,
        **standstill.parameters,
    )
    return [row["batch_id"] for row in rows]

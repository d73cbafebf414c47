"""SQL of payouts and of the payments they are over, one statement a function."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.payout.model import Payout
from microbatch.platform.database import Transaction

COLUMNS = """payout_id::text AS payout_id, unique_id, context, kind, client_id, state, state_since,
    created_at, asked_at, payments_count, from_currency, amount_units, value_usd, to_currency,
    to_network, to_address, to_extra_id, delivered, delivered_hash, reason, retry_seconds,
    announced_state"""


def claim_converted(
    tx: Transaction, payout_id: str, client_id: str, most_units: int, now: datetime
) -> tuple[int, int]:
    """Claim a client's converted payments, oldest first, up to so much; (how many, micro-USDT)."""
    row = tx.one(
        """
        WITH running AS (
            SELECT payment_id, sum(share_microusdt - payout_loss_microusdt)
                OVER (ORDER BY received_at, payment_id) AS up_to_here
            FROM payments WHERE client_id = %(client_id)s AND state = 'converted'
                -- one that is too large alone does not stand in the way of the others
                AND share_microusdt - payout_loss_microusdt <= %(most_units)s
        ), claimed AS (
            UPDATE payments SET state = 'in_payout', state_since = %(now)s,
                payout_id = %(payout_id)s
            FROM running WHERE payments.payment_id = running.payment_id
                AND up_to_here <= %(most_units)s AND payments.state = 'converted'
            RETURNING share_microusdt - payout_loss_microusdt AS units
        )
        SELECT count(*) AS payments, coalesce(sum(units), 0) AS units FROM claimed
        """,
        payout_id=payout_id,
        client_id=client_id,
        most_units=most_units,
        now=now,
    )
    assert row is not None
    return int(row["payments"]), int(row["units"])


def claim_waiting(tx: Transaction, payout_id: str, payment_id: str, now: datetime) -> int | None:
    """Claim one payment that waits to be paid at once; its wei, or None when it does not wait."""
    row = tx.one(
        "UPDATE payments SET state = 'in_payout', state_since = %(now)s, payout_id = %(payout_id)s"
        " WHERE payment_id = %(payment_id)s AND state = 'waiting_instant' AND convertible_wei > 0"
        " AND (payout_not_before IS NULL OR payout_not_before <= %(now)s)"
        " RETURNING convertible_wei",
        payout_id=payout_id,
        payment_id=payment_id,
        now=now,
    )
    return int(row["convertible_wei"]) if row else None


def insert(tx: Transaction, fields: dict[str, Any], now: datetime) -> None:
    """Record a payout over what was claimed."""
    tx.execute(
        """
        INSERT INTO payouts (payout_id, unique_id, context, kind, client_id, state, state_since,
            created_at, payments_count, from_currency, amount_units, value_usd, to_currency,
            to_network, to_address, to_extra_id, retry_seconds)
        VALUES (%(payout_id)s, %(unique_id)s, %(context)s, %(kind)s, %(client_id)s, 'claimed',
            %(now)s, %(now)s, %(payments_count)s, %(from_currency)s, %(amount_units)s,
            %(value_usd)s, %(to_currency)s, %(to_network)s, %(to_address)s, %(to_extra_id)s,
            %(retry_seconds)s)
        """,
        **fields,
        now=now,
    )


def lock(tx: Transaction, payout_id: str) -> Payout | None:
    """The payout, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM payouts WHERE payout_id = %(payout_id)s FOR UPDATE",  # noqa: S608
        payout_id=payout_id,
    )
    return Payout.from_row(row) if row else None


def lock_of(tx: Transaction, unique_id: str) -> Payout | None:
    """The payout whose swap or transfer has this id, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM payouts WHERE unique_id = %(unique_id)s FOR UPDATE",  # noqa: S608
        unique_id=unique_id,
    )
    return Payout.from_row(row) if row else None


def move(
    tx: Transaction,
    payout_id: str,
    *,
    state_from: str,
    state_to: str,
    now: datetime,
    reason: str | None = None,
) -> Payout | None:
    """The payout, moved from one state to another; None when it is not there (any more)."""
    row = tx.one(
        "UPDATE payouts SET state = %(state_to)s, state_since = %(now)s, asked_at = NULL,"  # noqa: S608
        " reason = coalesce(%(reason)s, reason)"
        f" WHERE payout_id = %(payout_id)s AND state = %(state_from)s RETURNING {COLUMNS}",
        payout_id=payout_id,
        state_from=state_from,
        state_to=state_to,
        now=now,
        reason=reason,
    )
    return Payout.from_row(row) if row else None


def complete(
    tx: Transaction,
    payout_id: str,
    *,
    delivered: Decimal | None,
    delivered_hash: str,
    now: datetime,
) -> Payout | None:
    """The payout whose client has the money; None when it is over already."""
    row = tx.one(
        "UPDATE payouts SET state = 'completed', state_since = %(now)s, asked_at = NULL,"  # noqa: S608
        " delivered = %(delivered)s, delivered_hash = %(delivered_hash)s"
        " WHERE payout_id = %(payout_id)s AND state IN ('claimed', 'paid', 'parked')"
        f" RETURNING {COLUMNS}",
        payout_id=payout_id,
        delivered=delivered,
        delivered_hash=delivered_hash,
        now=now,
    )
    return Payout.from_row(row) if row else None


def set_paid(tx: Transaction, payout_id: str, now: datetime) -> int:
    """The payout's payments count as paid; how many they are."""
    return tx.execute(
        "UPDATE payments SET state = 'paid', state_since = %(now)s"
        " WHERE payout_id = %(payout_id)s AND state = 'in_payout'",
        payout_id=payout_id,
        now=now,
    )


def give_back_converted(tx: Transaction, payout_id: str, now: datetime) -> int:
    """A threshold payout's payments are available again."""
    return tx.execute(
        "UPDATE payments SET state = 'converted', state_since = %(now)s, payout_id = NULL"
        " WHERE payout_id = %(payout_id)s AND state = 'in_payout'",
        payout_id=payout_id,
        now=now,
    )


def give_back_instant(
    tx: Transaction,
    payout_id: str,
    *,
    state: str,
    counts: bool,
    max_attempts: int,
    reason: str,
    not_before: datetime,
    now: datetime,
) -> dict[str, Any] | None:
    """An instant payout's payment waits again, or is pending; after five tries it is parked."""
    return tx.one(
        """
        UPDATE payments SET payout_id = NULL, state_since = %(now)s,
            attempts = attempts + %(tries)s, payout_not_before = %(not_before)s,
            state = CASE WHEN attempts + %(tries)s >= %(max_attempts)s
                AND %(state)s = 'waiting_instant' THEN 'parked' ELSE %(state)s END,
            park_reason = CASE WHEN attempts + %(tries)s >= %(max_attempts)s
                AND %(state)s = 'waiting_instant' THEN %(reason)s END
        WHERE payout_id = %(payout_id)s AND state = 'in_payout'
        RETURNING payment_id, state
        """,
        payout_id=payout_id,
        state=state,
        tries=int(counts),
        max_attempts=max_attempts,
        reason=reason,
        not_before=not_before,
        now=now,
    )


def book_losses(tx: Transaction, payout_id: str, came_back_units: int) -> None:
    """What came back is shared exactly over the payments; the rest is booked as their loss."""
    tx.execute(
        """
        WITH weights AS (
            SELECT payment_id, share_microusdt - payout_loss_microusdt AS units,
                sum(share_microusdt - payout_loss_microusdt) OVER (ORDER BY payment_id) AS up_to,
                sum(share_microusdt - payout_loss_microusdt) OVER () AS whole
            FROM payments WHERE payout_id = %(payout_id)s
        )
        UPDATE payments SET payout_loss_microusdt = payout_loss_microusdt + units
            - (div(%(came_back)s * up_to, whole) - div(%(came_back)s * (up_to - units), whole))
        FROM weights WHERE payments.payment_id = weights.payment_id AND whole > 0
        """,
        payout_id=payout_id,
        came_back=Decimal(came_back_units),
    )


def book_wei_loss(tx: Transaction, payout_id: str, came_back_wei: int) -> None:
    """Of an instant payment less came back than was paid: the rest is booked as its loss."""
    tx.execute(
        "UPDATE payments SET refund_loss_wei = refund_loss_wei + convertible_wei - %(came_back)s"
        " WHERE payout_id = %(payout_id)s",
        payout_id=payout_id,
        came_back=came_back_wei,
    )


def set_refunded(tx: Transaction, payout_id: str, units: int) -> None:
    """Note what came back of a payout."""
    tx.execute(
        "UPDATE payouts SET refunded_units = %(units)s WHERE payout_id = %(payout_id)s",
        payout_id=payout_id,
        units=units,
    )


def note_asked(tx: Transaction, payout_id: str, now: datetime) -> None:
    """The payout's order is sent now."""
    tx.execute(
        "UPDATE payouts SET asked_at = %(now)s WHERE payout_id = %(payout_id)s",
        payout_id=payout_id,
        now=now,
    )


def forget_told(tx: Transaction, payout_id: str) -> None:
    """What was told of a payout is not so any more."""
    tx.execute(
        "UPDATE payouts SET announced_state = NULL WHERE payout_id = %(payout_id)s",
        payout_id=payout_id,
    )

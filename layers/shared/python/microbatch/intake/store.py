"""SQL of payments as they come in, one statement a function."""

from datetime import datetime
from typing import Any

from microbatch.intake.model import Client, Credit, Notice
from microbatch.platform.database import Transaction


def lock_payment_id(tx: Transaction, payment_id: str) -> None:
    """One notification of an id at a time; released with the transaction."""
    tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%(payment_id)s, 0))", payment_id=payment_id
    )


def try_lock_payment_id(tx: Transaction, payment_id: str) -> bool:
    """The same, without waiting for anybody; False when somebody has it."""
    row = tx.one(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(%(payment_id)s, 0)) AS locked",
        payment_id=payment_id,
    )
    assert row is not None
    return bool(row["locked"])


def client(tx: Transaction, client_id: str) -> Client | None:
    """The client, if one is registered."""
    row = tx.one(
        "SELECT client_id, payout_strategy, paused_at IS NOT NULL AS paused"
        " FROM clients WHERE client_id = %(client_id)s",
        client_id=client_id,
    )
    return Client(**row) if row else None


def fingerprint(tx: Transaction, payment_id: str) -> bytes | None:
    """The fingerprint of the credited payment with this id, if there is one."""
    row = tx.one(
        "SELECT fingerprint FROM payments WHERE payment_id = %(payment_id)s",
        payment_id=payment_id,
    )
    return row["fingerprint"] if row else None


def insert_payment(
    tx: Transaction,
    notice: Notice,
    credit: Credit,
    *,
    fingerprint: bytes,
    received_at: datetime,
    now: datetime,
) -> None:
    """Book a payment. Its id is locked and new: a second row would be an error."""
    tx.execute(
        """
        INSERT INTO payments (payment_id, source, client_id, state, credited_as, state_since,
            received_at, received_wei, fee_percent, fee_wei, net_wei, invoice_usd, net_usd,
            net_usd_from, paid_at, fingerprint, notification)
        VALUES (%(payment_id)s, %(source)s, %(client_id)s, %(state)s, %(state)s, %(now)s,
            %(received_at)s, %(received_wei)s, %(fee_percent)s, %(fee_wei)s, %(net_wei)s,
            %(invoice_usd)s, %(net_usd)s, %(net_usd_from)s, %(paid_at)s, %(fingerprint)s,
            %(notification)s)
        """,
        payment_id=notice.payment_id,
        source=notice.source,
        client_id=notice.client_id,
        state=credit.state,
        received_at=received_at,
        now=now,
        received_wei=credit.received_wei,
        fee_percent=credit.fee_percent,
        fee_wei=credit.fee_wei,
        net_wei=credit.net_wei,
        invoice_usd=credit.invoice_usd,
        net_usd=credit.net_usd,
        net_usd_from=credit.net_usd_from,
        paid_at=notice.paid_at,
        fingerprint=fingerprint,
        notification=notice.body,
    )


def booked(tx: Transaction, payment_id: str, fingerprint: bytes) -> dict[str, Any] | None:
    """What is told of a credited payment, as it was credited."""
    return tx.one(
        "SELECT payment_id, client_id, received_wei::text AS received_wei,"
        " fee_wei::text AS fee_wei, net_wei::text AS net_wei, received_at,"
        " credited_as AS state FROM payments"
        " WHERE payment_id = %(payment_id)s AND fingerprint = %(fingerprint)s",
        payment_id=payment_id,
        fingerprint=fingerprint,
    )


def lock_parked(tx: Transaction, payment_id: str) -> dict[str, Any] | None:
    """A payment that waits for a person, locked; and the state of the batch it was last in."""
    return tx.one(
        "SELECT payment_id, client_id, state, credited_as, convertible_wei, share_microusdt,"
        " payments.batch_id::text AS batch_id, park_reason, (SELECT batches.state FROM batches"
        "   WHERE batches.batch_id = payments.batch_id) AS batch_state"
        " FROM payments WHERE payment_id = %(payment_id)s AND state = 'parked'"
        " FOR UPDATE OF payments",
        payment_id=payment_id,
    )


def unpark(tx: Transaction, payment_id: str, state_to: str, now: datetime) -> None:
    """A parked payment is tried again as if it never had been."""
    tx.execute(
        "UPDATE payments SET state = %(state_to)s, state_since = %(now)s, park_reason = NULL,"
        " attempts = 0, payout_not_before = NULL,"
        " batch_id = CASE WHEN share_microusdt IS NOT NULL THEN batch_id END"
        " WHERE payment_id = %(payment_id)s AND state = 'parked'",
        payment_id=payment_id,
        state_to=state_to,
        now=now,
    )


def write_off(tx: Transaction, payment_id: str, now: datetime) -> None:
    """A parked payment of which nothing is left is over."""
    tx.execute(
        "UPDATE payments SET state = 'written_off', state_since = %(now)s, park_reason = NULL"
        " WHERE payment_id = %(payment_id)s AND state = 'parked'",
        payment_id=payment_id,
        now=now,
    )

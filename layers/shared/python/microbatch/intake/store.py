"""SQL of payments as they come in, one statement a function."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from microbatch.intake.model import Booking, Client
from microbatch.platform.database import Transaction

# Of a payment as it was credited: in this order, an event's fields.
TOLD = """payment_id, client_id, received_wei::text AS received_wei, fee_wei::text AS fee_wei,
    net_wei::text AS net_wei, received_at, credited_as AS state"""


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


def try_lock_payment_ids(tx: Transaction, payment_ids: Sequence[str]) -> set[str]:
    """Those of these ids that nobody else has locked: now they are ours."""
    rows = tx.all(
        "SELECT payment_id, pg_try_advisory_xact_lock(hashtextextended(payment_id, 0)) AS locked"
        " FROM unnest(%(payment_ids)s::text[]) AS payment_id",
        payment_ids=list(payment_ids),
    )
    return {row["payment_id"] for row in rows if row["locked"]}


def seen_before(tx: Transaction, payment_ids: Sequence[str]) -> set[str]:
    """Those of these ids under which anything is stored: credited, held or decided about."""
    rows = tx.all(
        "SELECT payment_id FROM payments WHERE payment_id = ANY(%(payment_ids)s::text[])"
        " UNION SELECT payment_id FROM held_payments"
        " WHERE payment_id = ANY(%(payment_ids)s::text[])",
        payment_ids=list(payment_ids),
    )
    return {row["payment_id"] for row in rows}


def client(tx: Transaction, client_id: str) -> Client | None:
    """The client, if one is registered."""
    return clients(tx, [client_id]).get(client_id)


def clients(tx: Transaction, client_ids: Sequence[str]) -> dict[str, Client]:
    """Those of the clients that are registered, by id."""
    rows = tx.all(
        "SELECT client_id, payout_strategy, paused_at IS NOT NULL AS paused"
        " FROM clients WHERE client_id = ANY(%(client_ids)s::text[])",
        client_ids=list(client_ids),
    )
    return {row["client_id"]: Client(**row) for row in rows}


def fingerprint(tx: Transaction, payment_id: str) -> bytes | None:
    """The fingerprint of the credited payment with this id, if there is one."""
    row = tx.one(
        "SELECT fingerprint FROM payments WHERE payment_id = %(payment_id)s",
        payment_id=payment_id,
    )
    return row["fingerprint"] if row else None


def insert_payments(
    tx: Transaction, bookings: Sequence[Booking], *, received_at: datetime, now: datetime
) -> list[dict[str, Any]]:
    """Book payments; what is told of each. Their ids are locked and new: a second row would be
    an error, and then none is booked.
    """
    notices = [each.notice for each in bookings]
    credits_ = [each.credit for each in bookings]
    return tx.all(
        f"""
        INSERT INTO payments (payment_id, source, client_id, state, credited_as, state_since,
            received_at, received_wei, fee_percent, fee_wei, net_wei, invoice_usd, net_usd,
            net_usd_from, paid_at, fingerprint, notification)
        SELECT payment_id, source, client_id, state, state, %(now)s, %(received_at)s, received_wei,
            fee_percent, fee_wei, net_wei, invoice_usd, net_usd, net_usd_from, paid_at,
            fingerprint, notification
        FROM unnest(%(payment_id)s::text[], %(source)s::text[], %(client_id)s::text[],
            %(state)s::text[], %(received_wei)s::numeric[], %(fee_percent)s::numeric[],
            %(fee_wei)s::numeric[], %(net_wei)s::numeric[], %(invoice_usd)s::numeric[],
            %(net_usd)s::numeric[], %(net_usd_from)s::text[], %(paid_at)s::text[],
            %(fingerprint)s::bytea[], %(notification)s::bytea[])
            AS new (payment_id, source, client_id, state, received_wei, fee_percent, fee_wei,
                net_wei, invoice_usd, net_usd, net_usd_from, paid_at, fingerprint, notification)
        RETURNING {TOLD}
        """,  # noqa: S608 - a constant
        received_at=received_at,
        now=now,
        payment_id=[each.payment_id for each in notices],
        source=[each.source for each in notices],
        client_id=[each.client_id for each in notices],
        state=[each.state for each in credits_],
        received_wei=[each.received_wei for each in credits_],
        fee_percent=[each.fee_percent for each in credits_],
        fee_wei=[each.fee_wei for each in credits_],
        net_wei=[each.net_wei for each in credits_],
        invoice_usd=[each.invoice_usd for each in credits_],
        net_usd=[each.net_usd for each in credits_],
        net_usd_from=[each.net_usd_from for each in credits_],
        paid_at=[each.paid_at for each in notices],
        fingerprint=[each.fingerprint for each in bookings],
        notification=[each.body for each in notices],
    )


def booked(tx: Transaction, payment_id: str, fingerprint: bytes) -> dict[str, Any] | None:
    """What is told of a credited payment, as it was credited."""
    return tx.one(
        f"SELECT {TOLD} FROM payments"  # noqa: S608 - a constant
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

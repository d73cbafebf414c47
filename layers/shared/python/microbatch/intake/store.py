"""SQL of payments as they come in, one statement a function."""

from datetime import datetime
from typing import Any

from microbatch.intake.model import Client, Credit, Hold, Notice
from microbatch.platform.database import Transaction


def lock_payment_id(tx: Transaction, payment_id: str) -> None:
    """One notification of an id at a time; released with the transaction."""
    tx.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%(payment_id)s, 0))", payment_id=payment_id
    )


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


def held_fingerprints(tx: Transaction, payment_id: str) -> list[bytes]:
    """The fingerprints under which this id is held or was decided about."""
    rows = tx.all(
        "SELECT fingerprint FROM held_payments WHERE payment_id = %(payment_id)s",
        payment_id=payment_id,
    )
    return [row["fingerprint"] for row in rows]


def insert_payment(tx: Transaction, notice: Notice, credit: Credit, now: datetime) -> None:
    """Book a payment. Its id is locked and new: a second row would be an error."""
    tx.execute(
        """
        INSERT INTO payments (payment_id, source, client_id, state, credited_as, state_since,
            received_at, received_wei, fee_percent, fee_wei, net_wei, invoice_usd, net_usd,
            net_usd_from, paid_at, fingerprint, notification)
        VALUES (%(payment_id)s, %(source)s, %(client_id)s, %(state)s, %(state)s, %(now)s,
            %(now)s, %(received_wei)s, %(fee_percent)s, %(fee_wei)s, %(net_wei)s, %(invoice_usd)s,
            %(net_usd)s, %(net_usd_from)s, %(paid_at)s, %(fingerprint)s, %(notification)s)
        """,
        payment_id=notice.payment_id,
        source=notice.source,
        client_id=notice.client_id,
        state=credit.state,
        now=now,
        received_wei=credit.received_wei,
        fee_percent=credit.fee_percent,
        fee_wei=credit.fee_wei,
        net_wei=credit.net_wei,
        invoice_usd=credit.invoice_usd,
        net_usd=credit.net_usd,
        net_usd_from=credit.net_usd_from,
        paid_at=notice.paid_at,
        fingerprint=notice.fingerprint,
        notification=notice.body,
    )


def insert_held(tx: Transaction, notice: Notice, hold: Hold, now: datetime) -> bool:
    """Keep a payment that is not credited; False when this very notification is held already."""
    fields: dict[str, Any] = {
        "payment_id": notice.payment_id,
        "source": notice.source,
        "client_id": notice.client_id,
        "reason": hold.reason.value,
        "detail": hold.detail,
        "received_amount": notice.received_amount,
        "received_currency": notice.received_currency,
        "received_network": notice.received_network,
        "invoice_usd": notice.invoice_usd,
        "order_id": notice.order_id,
        "parent_payment_id": notice.parent_payment_id,
        "paid_at": notice.paid_at,
        "fingerprint": notice.fingerprint,
        "notification": notice.body,
        "now": now,
    }
    return bool(
        tx.execute(
            """
            INSERT INTO held_payments (payment_id, source, client_id, reason, detail,
                received_amount, received_currency, received_network, invoice_usd, order_id,
                parent_payment_id, paid_at, fingerprint, notification, state, held_at)
            VALUES (%(payment_id)s, %(source)s, %(client_id)s, %(reason)s, %(detail)s,
                %(received_amount)s, %(received_currency)s, %(received_network)s, %(invoice_usd)s,
                %(order_id)s, %(parent_payment_id)s, %(paid_at)s, %(fingerprint)s,
                %(notification)s, 'held', %(now)s)
            ON CONFLICT (payment_id, fingerprint) DO NOTHING
            """,
            **fields,
        )
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


def held(tx: Transaction, payment_id: str, fingerprint: bytes) -> dict[str, Any] | None:
    """What is told of a held payment."""
    return tx.one(
        "SELECT payment_id, client_id, reason, detail, held_at FROM held_payments"
        " WHERE payment_id = %(payment_id)s AND fingerprint = %(fingerprint)s",
        payment_id=payment_id,
        fingerprint=fingerprint,
    )

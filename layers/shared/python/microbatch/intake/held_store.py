"""SQL of payments that are kept without being credited, one statement a function."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from microbatch.intake.model import Hold, HoldReason, Notice
from microbatch.money import ETH_DECIMALS, Wei, text_from_units
from microbatch.platform.database import Transaction

COLUMNS = """held_id, payment_id, source, client_id, reason, detail, received_amount,
    received_currency, received_network, invoice_usd, order_id, parent_payment_id, paid_at,
    fingerprint, notification, state, held_at, decided_at, decided_by, decided_why, named_wei,
    announced_state"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A row of held_payments: one version of what was notified under an id."""

    held_id: int
    payment_id: str
    source: str
    client_id: str
    reason: HoldReason
    detail: str
    received_amount: str
    received_currency: str
    received_network: str
    invoice_usd: str
    order_id: str
    parent_payment_id: str
    paid_at: str
    fingerprint: bytes
    notification: bytes
    state: str
    held_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    decided_why: str | None
    named_wei: int | None
    announced_state: str | None

    @property
    def notice(self) -> Notice:
        """What was notified, to be judged again. Nobody can vouch for what cannot be read."""
        return Notice(
            payment_id=self.payment_id,
            source=self.source,
            client_id=self.client_id,
            received_amount=self.received_amount,
            received_currency=self.received_currency,
            received_network=self.received_network,
            invoice_usd=self.invoice_usd,
            parent_payment_id=self.parent_payment_id,
            order_id=self.order_id,
            payment_status="",
            paid_at=self.paid_at,
            problem=self.detail if self.reason is HoldReason.MALFORMED else "",
            body=self.notification,
        )

    @property
    def tells(self) -> str:
        """What the outside is to know of it: why it is held, or what was decided."""
        return self.reason.value if self.state == "held" else self.state

    @property
    def named_eth(self) -> str | None:
        """What a person says has arrived, if one had to."""
        return None if self.named_wei is None else text_from_units(self.named_wei, ETH_DECIMALS)

    @property
    def shown(self) -> dict[str, Any]:
        """For an operator and the record of an act."""
        return {
            "payment_id": self.payment_id,
            "fingerprint": self.fingerprint.hex(),
            "client_id": self.client_id,
            "state": self.state,
            "reason": self.reason.value,
            "detail": self.detail,
            "received_amount": self.received_amount,
            "received_currency": self.received_currency,
            "received_network": self.received_network,
            "invoice_usd": self.invoice_usd,
            "held_at": self.held_at.isoformat(),
            "decided_at": self.decided_at.isoformat() if self.decided_at else None,
            "decided_by": self.decided_by,
            "decided_why": self.decided_why,
            "received_eth": self.named_eth,
        }


def fingerprints(tx: Transaction, payment_id: str) -> list[bytes]:
    """The fingerprints under which this id is held or was decided about."""
    rows = tx.all(
        "SELECT fingerprint FROM held_payments WHERE payment_id = %(payment_id)s",
        payment_id=payment_id,
    )
    return [row["fingerprint"] for row in rows]


def insert(tx: Transaction, notice: Notice, hold: Hold, now: datetime) -> bool:
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


def read(tx: Transaction, payment_id: str, fingerprint: bytes) -> Held | None:
    """One version of what was notified under an id."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM held_payments WHERE payment_id = %(payment_id)s"  # noqa: S608
        " AND fingerprint = %(fingerprint)s",
        payment_id=payment_id,
        fingerprint=fingerprint,
    )
    return _held(row) if row else None


def lock(tx: Transaction, held_id: int) -> Held | None:
    """One version, locked until the transaction ends."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM held_payments WHERE held_id = %(held_id)s FOR UPDATE",  # noqa: S608
        held_id=held_id,
    )
    return _held(row) if row else None


def versions(tx: Transaction, payment_id: str) -> list[Held]:
    """Every version that is held under an id or was decided about, oldest first."""
    rows = tx.all(
        f"SELECT {COLUMNS} FROM held_payments WHERE payment_id = %(payment_id)s"  # noqa: S608
        " ORDER BY held_at, held_id",
        payment_id=payment_id,
    )
    return [_held(row) for row in rows]


def _held(row: dict[str, Any]) -> Held:
    named = row["named_wei"]
    whole = {
        "reason": HoldReason(row["reason"]),
        "named_wei": None if named is None else int(named),
    }
    return Held(**{**row, **whole})


def no_longer_paused(tx: Transaction, limit: int) -> list[str]:
    """What was held for a pause alone and whose client is not paused, in the order of arrival."""
    rows = tx.all(
        "SELECT held_id::text AS held_id FROM held_payments AS held"
        " WHERE state = 'held' AND reason IN ('ingress_paused', 'client_paused')"
        " AND NOT EXISTS (SELECT FROM clients WHERE clients.client_id = held.client_id"
        "   AND paused_at IS NOT NULL)"
        " ORDER BY asked_at NULLS FIRST, held.held_at, held.held_id LIMIT %(limit)s",
        limit=limit,
    )
    return [row["held_id"] for row in rows]


def decide(
    tx: Transaction,
    held_id: int,
    state_to: str,
    *,
    who: str,
    why: str,
    named_wei: Wei | None = None,
    now: datetime,
) -> bool:
    """Accept or reject what is held, once; False when it is decided already."""
    return bool(
        tx.execute(
            "UPDATE held_payments SET state = %(state_to)s, decided_at = %(now)s,"
            " decided_by = %(who)s, decided_why = %(why)s, named_wei = %(named_wei)s"
            " WHERE held_id = %(held_id)s AND state = 'held'",
            held_id=held_id,
            state_to=state_to,
            who=who,
            why=why,
            named_wei=named_wei,
            now=now,
        )
    )


def hold_for(tx: Transaction, held_id: int, hold: Hold) -> bool:
    """Hold it for another reason from now on; False when it is decided already."""
    return bool(
        tx.execute(
            "UPDATE held_payments SET reason = %(reason)s, detail = %(detail)s"
            " WHERE held_id = %(held_id)s AND state = 'held'",
            held_id=held_id,
            reason=hold.reason.value,
            detail=hold.detail,
        )
    )


def untold(tx: Transaction, not_since: datetime, limit: int) -> list[str]:
    """What the outside was not told of, and nobody has looked at since then."""
    rows = tx.all(
        "SELECT held_id::text AS held_id FROM held_payments WHERE announced_state IS DISTINCT FROM"
        " (CASE state WHEN 'held' THEN reason ELSE state END)"
        " AND greatest(held_at, decided_at, asked_at) <= %(not_since)s"
        " ORDER BY greatest(held_at, decided_at, asked_at), held_payments.held_id"
        " LIMIT %(limit)s",
        not_since=not_since,
        limit=limit,
    )
    return [row["held_id"] for row in rows]


def note_asked(tx: Transaction, held_id: int, now: datetime) -> None:
    """It is being looked at: the others come before it next time."""
    tx.execute(
        "UPDATE held_payments SET asked_at = %(now)s WHERE held_id = %(held_id)s",
        held_id=held_id,
        now=now,
    )


def note_told(tx: Transaction, held_id: int, told: str) -> None:
    """The outside knows this of it."""
    tx.execute(
        "UPDATE held_payments SET announced_state = %(told)s WHERE held_id = %(held_id)s"
        " AND (CASE state WHEN 'held' THEN reason ELSE state END) = %(told)s",
        held_id=held_id,
        told=told,
    )

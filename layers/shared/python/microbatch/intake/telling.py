"""What the outside world is told of a payment as it comes in: again until it is noted."""

from datetime import datetime
from typing import Any

from microbatch.events import event
from microbatch.intake import held_store, store
from microbatch.intake.held_store import Held
from microbatch.messages import Announcement, Outgoing
from microbatch.platform.database import Transaction


def of_version(
    tx: Transaction, payment_id: str, fingerprint: bytes, now: datetime
) -> list[Outgoing]:
    """The event of one notification, whatever is stored of it."""
    held = held_store.read(tx, payment_id, fingerprint)
    return [of_held(tx, held, now)] if held else of_booked(tx, payment_id, fingerprint, now)


def of_booked(
    tx: Transaction, payment_id: str, fingerprint: bytes, now: datetime
) -> list[Outgoing]:
    """The event of a payment that was credited as it came in."""
    booked = store.booked(tx, payment_id, fingerprint)
    return [of_credited(booked, now)] if booked else []


def of_credited(booked: dict[str, Any], now: datetime) -> Outgoing:
    """The event of a payment, from what its row tells of it."""
    detail = {name: value for name, value in booked.items() if name != "received_at"}
    at = booked["received_at"]
    return event("payment.accumulated", booked["payment_id"], detail, occurred_at=at, now=now)


def of_held(tx: Transaction, held: Held, now: datetime) -> Outgoing:
    """The event that tells what became of a payment that is, or was, held."""
    name, subject, detail = _NAMED[held.state](tx, held)
    return event(
        name,
        subject,
        detail,
        occurred_at=held.decided_at or held.held_at,
        now=now,
        announces=Announcement("held_payments", str(held.held_id), held.tells),
    )


Named = tuple[str, str, dict[str, Any]]


def _held(tx: Transaction, held: Held) -> Named:
    del tx
    subject = f"{held.payment_id}|{held.fingerprint.hex()}|{held.reason}"
    return "payment.held", subject, {**_common(held), "detail": held.detail}


def _accepted(tx: Transaction, held: Held) -> Named:
    booked = store.booked(tx, held.payment_id, held.fingerprint)
    assert booked is not None
    del booked["received_at"]  # it is credited since it was accepted
    return "payment.accumulated", held.payment_id, booked


def _rejected(tx: Transaction, held: Held) -> Named:
    del tx
    subject = f"{held.payment_id}|{held.fingerprint.hex()}"
    return "payment.rejected", subject, {**_common(held), "why": held.decided_why or ""}


def _common(held: Held) -> dict[str, Any]:
    return {
        "payment_id": held.payment_id,
        "client_id": held.client_id,
        "reason": held.reason.value,
    }


_NAMED = {"held": _held, "accepted": _accepted, "rejected": _rejected}

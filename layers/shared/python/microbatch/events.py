"""The business events: names, versions and fields. `docs/events.md` is asserted from this table."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from microbatch.messages import Announcement, EventOccurred, Outgoing


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event; its fields by name, each with what it means. Changes are additive."""

    version: str
    when: str
    fields: Mapping[str, str]


PAYMENT = {
    "payment_id": "the sender's id of the payment",
    "client_id": "whose payment it is",
}
BATCH = {"batch_id": "UUID of the batch"}

KINDS: dict[str, Kind] = {
    "payment.accumulated": Kind(
        "1",
        "a payment is stored and credited",
        {
            **PAYMENT,
            "received_wei": "what arrived, in wei",
            "fee_wei": "our fee, in wei",
            "net_wei": "what will be converted, in wei",
            "state": "pending, or waiting_instant",
        },
    ),
    "payment.held": Kind(
        "1",
        "a payment is kept for a person to decide about, not credited",
        {**PAYMENT, "reason": "why, one word", "detail": "why, one sentence"},
    ),
    "batch.opened": Kind(
        "1",
        "payments were claimed for one exchange",
        {
            **BATCH,
            "payments_count": "how many",
            "claimed_wei": "their net sum, in wei",
            "opened_for": "threshold, or max_age",
        },
    ),
    "batch.completed": Kind(
        "1",
        "the USDT that arrived is distributed over the payments",
        {
            **BATCH,
            "payments_count": "how many",
            "claimed_wei": "what was converted, in wei",
            "received_microusdt": "what arrived on chain and was distributed, in micro-USDT",
        },
    ),
    "batch.released": Kind(
        "1",
        "the conversion did not happen; the payments are pending again, or parked",
        {**BATCH, "payments_count": "how many", "claimed_wei": "in wei", "reason": "why"},
    ),
    "batch.parked": Kind(
        "1",
        "a person has to look at the batch; its payments stay with it",
        {**BATCH, "payments_count": "how many", "claimed_wei": "in wei", "reason": "why"},
    ),
}


def event(
    name: str,
    subject: str,
    detail: Mapping[str, object],
    *,
    occurred_at: datetime,
    now: datetime,
    announces: Announcement | None = None,
) -> Outgoing:
    """The message that tells of one event. Told again, it has the same id.

    `subject` identifies what happened among all events of this name. Amounts are text.
    Raises ValueError when the fields are not those of the table.
    """
    kind = KINDS[name]
    if set(detail) != set(kind.fields):
        raise ValueError(f"{name} has fields {sorted(detail)}, not {sorted(kind.fields)}")
    digest = hashlib.sha256(f"{name}|{subject}".encode()).hexdigest()
    message = EventOccurred(
        timestamp=int(now.timestamp()),
        event_id=f"evt_{digest[:32]}",
        name=name,
        version=kind.version,
        occurred_at=occurred_at.astimezone(UTC).isoformat(),
        detail=json.dumps(dict(detail)).encode(),
    )
    return Outgoing("events", message, announces=announces)

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
PAYOUT = {
    "payout_id": "UUID of the payout",
    "client_id": "whom it pays",
    "context": "instant, or threshold",
    "payments_count": "over how many payments",
    "from_currency": "what we pay with: eth, or usdt",
    "amount_units": "how much of it, in wei or micro-USDT",
    "to_currency": "what the client gets",
    "to_network": "on which network",
}

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
    "payment.rejected": Kind(
        "1",
        "a person has decided that a held payment does not count",
        {**PAYMENT, "reason": "what it was held for, one word", "why": "what the person said"},
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
    "payout.completed": Kind(
        "1",
        "a client has its money: by an exchange that says so, or by our own transfer",
        {
            **PAYOUT,
            "to_address": "where it went",
            "delivered": "what arrived, in coins of to_currency; empty when nobody said",
            "delivered_hash": "the transaction that paid it",
        },
    ),
    "payout.failed": Kind(
        "1",
        "a payout did not happen; its payments are what they were, and are paid later",
        {**PAYOUT, "reason": "why"},
    ),
    "payout.rerouted": Kind(
        "1",
        "an instant payment is too small to be paid alone; it is converted together with others",
        {**PAYOUT, "reason": "why"},
    ),
    "payout.parked": Kind(
        "1",
        "a person has to look at the payout; its payments stay with it",
        {**PAYOUT, "reason": "why"},
    ),
    "client.address_changed": Kind(
        "1",
        "a client's money goes elsewhere from some time on",
        {
            "client_id": "whose",
            "wallet_address": "the new address",
            "payout_currency": "the coin that is paid there",
            "payout_network": "its network",
            "matures_at": "until then nothing is paid to this client, ISO 8601",
        },
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
    if detail.keys() != kind.fields.keys():
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

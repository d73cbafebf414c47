"""What a message is about, by the names under which the log is searched."""

import json
from dataclasses import fields
from typing import Any

from microbatch.codec import Message
from microbatch.messages.events import EventOccurred

# Field of a message, or of an event's detail → key in the log.
IDS = {
    "payment_id": "payment_id",
    "batch_id": "batch_id",
    "batch_conversion_id": "batch_id",
    "payout_id": "payout_id",
    "swap_id": "swap_id",
    "unique_id": "unique_id",
    "cn_api_id": "cn_api_id",
    "client_id": "client_id",
    "tx_hash": "tx_hash",
    "event_id": "event_id",
}


def subject(message: Message) -> dict[str, Any]:
    """The ids that a message names, and what message it is; never an amount or an address."""
    named = {field.name: getattr(message, field.name) for field in fields(message)}  # type: ignore[arg-type]
    if isinstance(message, EventOccurred):
        named |= _detail(message)
    found = {key: str(named[name]) for name, key in IDS.items() if named.get(name)}
    return {"message_type": type(message).__name__, **found}


def _detail(event: EventOccurred) -> dict[str, object]:
    try:
        detail = json.loads(event.detail)
    except ValueError:
        return {}
    return detail if isinstance(detail, dict) else {}

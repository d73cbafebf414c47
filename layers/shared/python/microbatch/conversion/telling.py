"""What the outside world is told of a batch: each state once, and again until it is noted."""

from datetime import datetime
from typing import Any

from microbatch.events import event
from microbatch.messages import Announcement, Outgoing

FINAL_NAMES = {
    "distributed": "batch.completed",
    "released": "batch.released",
    "parked": "batch.parked",
}


def events_due(batch: dict[str, Any], now: datetime) -> list[Outgoing]:
    """The events of a batch that have not been noted as told."""
    due = []
    if batch["announced_state"] is None:
        due.append(_opened(batch, now))
    state = batch["state"]
    if state in FINAL_NAMES and batch["announced_state"] != state:
        due.append(_ended(batch, now))
    return due


def _opened(batch: dict[str, Any], now: datetime) -> Outgoing:
    return event(
        "batch.opened",
        batch["batch_id"],
        {**_common(batch), "opened_for": batch["opened_for"]},
        occurred_at=batch["created_at"],
        now=now,
        announces=Announcement("batches", batch["batch_id"], "claimed"),
    )


def _ended(batch: dict[str, Any], now: datetime) -> Outgoing:
    state = batch["state"]
    detail = _common(batch)
    if state == "distributed":
        detail["received_microusdt"] = str(batch["received_microusdt"])
    else:
        detail["reason"] = batch["reason"]
    return event(
        FINAL_NAMES[state],
        f"{batch['batch_id']}|{batch['state_since'].isoformat()}",
        detail,
        occurred_at=batch["state_since"],
        now=now,
        announces=Announcement("batches", batch["batch_id"], state),
    )


def _common(batch: dict[str, Any]) -> dict[str, Any]:
    return {
        "batch_id": batch["batch_id"],
        "payments_count": batch["payments_count"],
        "claimed_wei": str(batch["claimed_wei"]),
    }

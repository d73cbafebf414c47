"""Is money moving: what stands where, since when."""

from datetime import datetime
from typing import Any

from microbatch.messages import Outgoing
from microbatch.operations import store
from microbatch.operations.requests import Request, Surroundings
from microbatch.pauses import service as pauses
from microbatch.platform.database import Transaction


def show(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """The act."""
    del request
    return status(tx, now, surroundings.depths()), []


def status(tx: Transaction, now: datetime, depths: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Everything an operator looks at first; amounts as decimal text in their unit."""
    return {
        "at": now.isoformat(),
        "threshold_usd": store.setting(tx, "threshold_usd"),
        "payments": store.payments_by_state(tx),
        "held": store.held_by_reason(tx),
        "rows": store.rows_by_state(tx),
        "paused": [part.shown for part in pauses.shown(tx) if part.paused_at is not None],
        "payouts_waiting": store.waiting_payouts(tx, now),
        "last_check": store.last_check(tx),
        "wallets": store.wallets(tx),
        "observations": store.latest_observations(tx),
        "queues": depths,
    }

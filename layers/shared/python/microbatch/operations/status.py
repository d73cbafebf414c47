"""Is money moving: what stands where, since when."""

from datetime import datetime
from typing import Any

from microbatch.operations import store
from microbatch.platform.database import Transaction


def status(tx: Transaction, now: datetime, depths: dict[str, dict[str, int]]) -> dict[str, Any]:
    """Everything an operator looks at first; amounts as decimal text in their unit."""
    return {
        "at": now.isoformat(),
        "threshold_usd": store.setting(tx, "threshold_usd"),
        "payments": store.payments_by_state(tx),
        "held": store.held_by_reason(tx),
        "rows": store.rows_by_state(tx),
        "payouts_waiting": store.waiting_payouts(tx, now),
        "last_check": store.last_check(tx),
        "wallets": store.wallets(tx),
        "observations": store.latest_observations(tx),
        "queues": depths,
    }

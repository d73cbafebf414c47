"""An operator's acts on settings."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.messages import Outgoing
from microbatch.operations import store
from microbatch.operations.requests import Request, Surroundings, changed, record, usd_in
from microbatch.platform.database import Transaction

Done = tuple[dict[str, Any], list[Outgoing]]


def get_threshold(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> Done:
    """The sum in dollars from which pending payments are converted."""
    del request, now, surroundings
    return {"threshold_usd": store.setting(tx, "threshold_usd")}, []


def set_threshold(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> Done:
    """Change it; the next check reads it."""
    del surroundings
    after = usd_in(request, "threshold_usd")
    if Decimal(after) <= 0:
        raise InvalidInput("threshold_usd must be above zero")
    before = store.setting(tx, "threshold_usd")
    if before != after:
        store.set_setting(tx, "threshold_usd", after, now)
        record(request, tx, now, "threshold_usd", before, after)
    return {**changed(before, after), "threshold_usd": after}, []

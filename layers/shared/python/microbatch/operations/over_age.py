"""What stands longer in its state than its lifetime allows: somebody has to look."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from microbatch.market.service import KEPT_FRESH
from microbatch.operations import age_store
from microbatch.operations.lifetimes import LIFETIMES, Ages
from microbatch.platform.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class OverAge:
    """Rows of one table that have stood in one state for longer than its maximum age."""

    entity: str
    state: str
    rows_count: int
    oldest_since: datetime
    max_age_seconds: int

    def shown(self) -> dict[str, Any]:
        """As JSON can have it."""
        return {
            "entity": self.entity,
            "state": self.state,
            "rows_count": self.rows_count,
            "oldest_since": self.oldest_since.isoformat(),
            "max_age_seconds": self.max_age_seconds,
        }


def over_age(tx: Transaction, now: datetime, ages: Ages) -> list[OverAge]:
    """What is over age, by table and state. A row that follows another is not counted."""
    most = {
        (each.entity, each.state): ages.seconds(each.max_age) for each in LIFETIMES if each.max_age
    }
    before = {key: now - timedelta(seconds=seconds) for key, seconds in most.items()}
    return [
        OverAge(
            entity=row["entity"],
            state=row["state"],
            rows_count=int(row["rows_count"]),
            oldest_since=row["oldest_since"],
            max_age_seconds=most[row["entity"], row["state"]],
        )
        for row in age_store.older_than(tx, before, KEPT_FRESH)
    ]

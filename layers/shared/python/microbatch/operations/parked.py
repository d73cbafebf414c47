"""What waits for a person's decision: how much, for which reason, since when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.operations import parked_store
from microbatch.operations.reasons import explain
from microbatch.platform.database import Transaction

ENTITIES = tuple(parked_store.QUERIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """Rows of one table that wait for a person for the same reason.

    The same money may show in several tables: a parked batch is that of a parked swap.
    """

    entity: str
    reason: str  # its code
    rows_count: int
    wei: int
    microusdt: int
    usd: Decimal  # a label
    oldest_since: datetime

    def shown(self) -> dict[str, Any]:
        """As JSON can have it: amounts as decimal text."""
        return {
            "entity": self.entity,
            "reason": self.reason,
            "rows_count": self.rows_count,
            "wei": str(self.wei),
            "microusdt": str(self.microusdt),
            "usd": f"{self.usd:.2f}",
            "oldest_since": self.oldest_since.isoformat(),
        }


def parked(tx: Transaction, entities: Sequence[str] = ENTITIES) -> list[Parked]:
    """Everything in these tables that is parked or held, by table and reason."""
    found: dict[tuple[str, str], Parked] = {}
    for row in parked_store.parked(tx, entities):
        part = _of(row)
        key = (part.entity, part.reason)
        found[key] = _sum(found[key], part) if key in found else part
    return list(found.values())


def _of(row: dict[str, Any]) -> Parked:
    return Parked(
        entity=row["entity"],
        reason=explain(row["reason"]).code or row["reason"],
        rows_count=int(row["rows_count"]),
        wei=int(row["wei"]),
        microusdt=int(row["microusdt"]),
        usd=Decimal(row["usd"]),
        oldest_since=row["oldest_since"],
    )


def _sum(one: Parked, other: Parked) -> Parked:
    """Two texts of one reason."""
    return replace(
        one,
        rows_count=one.rows_count + other.rows_count,
        wei=one.wei + other.wei,
        microusdt=one.microusdt + other.microusdt,
        usd=one.usd + other.usd,
        oldest_since=min(one.oldest_since, other.oldest_since),
    )

"""Scripted ends of an exchange, for tests and drills. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

OUTCOMES = frozenset(
    {
        "finished",
        "failed",
        "refunded",
        "expired",
        "verifying",
        "finish_without_amount",
        "finish_without_hash",
        "amount_lie",
        "unknown_status",
    }
)
HOLDS = frozenset({"verifying", "unknown_status"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A scripted end of one exchange."""

    name: str
    at: str = "deposit"  # or "waiting": before any deposit
    status: str = "hold"  # shown by unknown_status
    polls: int = 1  # how many by-id answers lack the amount or the hash
    amount_to: Decimal | None = None  # what amount_lie tells
    seconds: float | None = None  # how long a hold lasts; None: until another outcome is set
    then: str = "finished"  # what follows a hold that ran out

    @property
    def held_status(self) -> str:
        """The status a hold shows."""
        return "verifying" if self.name == "verifying" else self.status


def parse_outcome(fields: Mapping[str, Any]) -> Outcome:
    """A scripted outcome from its JSON; raises ValueError naming what is wrong."""
    name = str(fields.get("outcome"))
    if name not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(sorted(OUTCOMES))}, not {name!r}")
    at = str(fields.get("at", "waiting" if name == "expired" else "deposit"))
    if at not in ("deposit", "waiting"):
        raise ValueError("at must be deposit or waiting")
    then = str(fields.get("then", "finished"))
    if then not in OUTCOMES - HOLDS:
        raise ValueError("then must be an outcome that is not a hold")
    amount_to, seconds = fields.get("amount_to"), fields.get("seconds")
    return Outcome(
        name=name,
        at=at,
        status=str(fields.get("status", "hold")),
        polls=int(fields.get("polls", 1)),
        amount_to=None if amount_to is None else Decimal(str(amount_to)),
        seconds=None if seconds is None else float(seconds),
        then=then,
    )

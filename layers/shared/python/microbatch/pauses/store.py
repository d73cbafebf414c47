"""SQL of pauses, one statement a function."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from microbatch.pauses.model import Part, Pause
from microbatch.platform.database import Transaction

COLUMNS = "part, paused_at, who, why"
LOCKS = 4_711_002  # the first half of the locks' names; the second is the part's place
PLACES = {part: place for place, part in enumerate(Part)}


def share(tx: Transaction, parts: Sequence[Part]) -> None:
    """Let nobody pause or resume these parts before the transaction ends."""
    tx.execute(
        "SELECT pg_advisory_xact_lock_shared(%(locks)s, place)"
        " FROM unnest(%(places)s::int[]) AS place",
        locks=LOCKS,
        places=sorted(PLACES[part] for part in parts),
    )


def claim(tx: Transaction, part: Part) -> None:
    """Wait for everybody who holds this part shared; nobody else begins meanwhile."""
    tx.execute(
        "SELECT pg_advisory_xact_lock(%(locks)s, %(place)s)", locks=LOCKS, place=PLACES[part]
    )


def read(tx: Transaction) -> list[Pause]:
    """Every part as it stands, in their order."""
    rows = tx.all(f"SELECT {COLUMNS} FROM pauses")  # noqa: S608 - a constant
    return sorted(map(_pause, rows), key=lambda pause: PLACES[pause.part])


def paused(tx: Transaction, parts: Sequence[Part]) -> list[Part]:
    """Those of the parts that are paused, in their order."""
    rows = tx.all(
        "SELECT part FROM pauses WHERE part = ANY(%(parts)s) AND paused_at IS NOT NULL",
        parts=[part.value for part in parts],
    )
    return sorted((Part(row["part"]) for row in rows), key=PLACES.__getitem__)


def write(
    tx: Transaction, part: Part, paused_at: datetime | None, who: str | None, why: str | None
) -> None:
    """Pause a part, or let it run."""
    tx.execute(
        "UPDATE pauses SET paused_at = %(paused_at)s, who = %(who)s, why = %(why)s"
        " WHERE part = %(part)s",
        part=part.value,
        paused_at=paused_at,
        who=who,
        why=why,
    )


def _pause(row: dict[str, Any]) -> Pause:
    return Pause(**{**row, "part": Part(row["part"])})

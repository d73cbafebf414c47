"""SQL of observations, one statement a function."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from microbatch.market.model import Observation
from microbatch.platform.database import Transaction


def insert(tx: Transaction, name: str, value: Decimal | int | None, at: datetime) -> None:
    """Record one observation; a repeated message records nothing new."""
    tx.execute(
        "INSERT INTO observations (name, value, observed_at) VALUES (%(name)s, %(value)s, %(at)s)"
        " ON CONFLICT (name, observed_at) DO NOTHING",
        name=name,
        value=value,
        at=at,
    )


def latest(tx: Transaction, names: Sequence[str], since: datetime) -> dict[str, Observation]:
    """The newest observation of each name, of those seen since then."""
    rows = tx.all(
        # one look into the index for each name, however many there are of it
        "SELECT name, value, observed_at FROM unnest(%(names)s::text[]) AS names (name), LATERAL ("
        " SELECT value, observed_at FROM observations"
        " WHERE observations.name = names.name AND observed_at >= %(since)s"
        " ORDER BY observed_at DESC LIMIT 1) AS newest",
        names=list(names),
        since=since,
    )
    return {row["name"]: Observation(row["value"], row["observed_at"]) for row in rows}


def win_request(tx: Transaction, name: str, now: datetime, not_since: datetime) -> bool:
    """Whether we are the one to ask for this now: nobody has since `not_since`."""
    return bool(
        tx.execute(
            """
            INSERT INTO observation_requests (name, asked_at) VALUES (%(name)s, %(now)s)
            ON CONFLICT (name) DO UPDATE SET asked_at = EXCLUDED.asked_at
                WHERE observation_requests.asked_at <= %(not_since)s
            """,
            name=name,
            now=now,
            not_since=not_since,
        )
    )


def not_asked_for(tx: Transaction, names: Sequence[str], not_since: datetime) -> list[str]:
    """Those of these names that nobody has asked for since then."""
    rows = tx.all(
        "SELECT name FROM unnest(%(names)s::text[]) AS name"
        " LEFT JOIN observation_requests USING (name)"
        " WHERE asked_at IS NULL OR asked_at <= %(not_since)s ORDER BY asked_at NULLS FIRST, name",
        names=list(names),
        not_since=not_since,
    )
    return [row["name"] for row in rows]


def delete_before(tx: Transaction, before: datetime) -> int:
    """Forget observations that nothing can use any more; how many they were."""
    return tx.execute("DELETE FROM observations WHERE observed_at < %(before)s", before=before)

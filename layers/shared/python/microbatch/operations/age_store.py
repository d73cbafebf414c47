"""SQL of rows that are too old for the state they are in: one statement over all tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from microbatch.platform.database import Transaction

NO_LIVE_TRANSFER = (
    "NOT EXISTS (SELECT FROM transfers t WHERE t.{column} = {table}.{key}"
    " AND t.state NOT IN ('rejected', 'failed'))"
)
# A payout that waits for more money, or for cheaper gas, waits for nobody's act.
SMALL = (
    "split_part(payout_wait_reason, ':', 1)"
    " NOT IN ('below_threshold', 'below_minimum', 'gas_too_dear')"
)
TRIED_SINCE = "coalesce(tried_since, created_at)"
ADDRESS_SINCE = (
    "greatest(created_at, (SELECT max(changed_at) FROM address_changes c"
    " WHERE c.client_id = clients.client_id))"
)
HELD_BY_A_PAUSE = "reason IN ('ingress_paused', 'client_paused')"
STILL_PAUSED = (
    "(EXISTS (SELECT FROM pauses WHERE part = 'ingress' AND pauses.paused_at IS NOT NULL)"
    " OR EXISTS (SELECT FROM clients c WHERE c.client_id = held_payments.client_id"
    "   AND c.paused_at IS NOT NULL))"
)
PAUSED_UNTIL = (
    "greatest(held_at, (SELECT max(at) FROM operator_acts"
    " WHERE (act, subject) IN (('resume', 'ingress'),"
    "   ('clients resume', held_payments.client_id))))"
)
NEWEST_OBSERVATIONS = (
    "(SELECT name, coalesce((SELECT max(observed_at) FROM observations o WHERE o.name = n.name),"
    " (SELECT min(applied_at) FROM schema_migrations)) AS newest FROM unnest(%(names)s::text[])"
    " AS n (name)) AS kept_fresh"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Which rows stand in a state, and since when."""

    where: str
    since: str = "state_since"
    source: str = ""  # the table, unless it is called as the entity is


# Where a state is no value of the column `state`, or not all rows in it stand still.
_SPECIAL: dict[tuple[str, str], Standing] = {
    # Released and claimed again and again, a payment has not come one step further.
    ("payments", "pending"): Standing("state = 'pending'", "received_at"),
    ("payments", "waiting_instant"): Standing(
        "state = 'waiting_instant' AND NOT EXISTS (SELECT FROM clients c"
        " WHERE c.client_id = payments.client_id AND c.paused_at IS NOT NULL)",
        "received_at",
    ),
    ("held_payments", "held"): Standing(f"state = 'held' AND NOT {HELD_BY_A_PAUSE}", "held_at"),
    ("held_payments", "paused"): Standing(
        f"state = 'held' AND {HELD_BY_A_PAUSE} AND NOT {STILL_PAUSED}", PAUSED_UNTIL
    ),
    ("held_payments", "untold"): Standing(
        "announced_state IS DISTINCT FROM (CASE state WHEN 'held' THEN reason ELSE state END)",
        "coalesce(decided_at, held_at)",
    ),
    ("swaps", "created"): Standing(
        "state = 'created' AND "
        + NO_LIVE_TRANSFER.format(column="swap_id", table="swaps", key="swap_id")
    ),
    ("transfers", "requested"): Standing("state = 'requested'", TRIED_SINCE),
    ("transfers", "approved"): Standing("state = 'approved'", TRIED_SINCE),
    ("transfers", "confirmed"): Standing(
        "state = 'confirmed' AND (kind = 'direct' OR EXISTS (SELECT FROM swaps s"
        " WHERE s.swap_id = transfers.swap_id AND s.state = 'created'))"
    ),
    ("transfer_attempts", "ordered"): Standing(
        "state = 'ordered' AND EXISTS (SELECT FROM transfers t"
        " WHERE t.unique_id = transfer_attempts.unique_id AND t.state IN ('signed', 'broadcast'))"
    ),
    ("payouts", "claimed"): Standing(
        "state = 'claimed' AND kind = 'direct' AND "
        + NO_LIVE_TRANSFER.format(column="unique_id", table="payouts", key="unique_id")
    ),
    ("batches", "untold"): Standing(
        "(announced_state IS NULL"
        " OR (state IN ('distributed', 'released', 'parked') AND announced_state <> state))"
    ),
    ("payouts", "untold"): Standing(
        "state IN ('completed', 'released', 'rerouted', 'parked')"
        " AND announced_state IS DISTINCT FROM state"
    ),
    ("address_changes", "untold"): Standing("announced_at IS NULL", "changed_at"),
    # A paused client waits because a person wants it to.
    ("clients", "unverified"): Standing(
        "address_state = 'unverified' AND paused_at IS NULL", ADDRESS_SINCE
    ),
    ("clients", "refused"): Standing(
        "address_state = 'refused' AND paused_at IS NULL", ADDRESS_SINCE
    ),
    ("clients", "waiting"): Standing(
        f"payout_wait_reason IS NOT NULL AND paused_at IS NULL AND {SMALL}", "payout_waits_since"
    ),
    ("wallets", "frozen"): Standing("status = 'frozen'", "coalesce(frozen_at, adopted_at)"),
    ("observations", "stale"): Standing("true", "newest", NEWEST_OBSERVATIONS),
}


def older_than(
    tx: Transaction,
    before: Mapping[tuple[str, str], datetime],
    names: Sequence[str],
) -> list[dict[str, Any]]:
    """Of each (entity, state): how many rows have stood in it since before then, and the oldest.

    Only those with any. `names`: of the observations that are kept fresh.
    """
    counted = [
        f"SELECT '{entity}' AS entity, '{state}' AS state, count(*) AS rows_count,"  # noqa: S608
        f" min({rows.since}) AS oldest_since FROM {rows.source or entity}"
        f" WHERE {rows.where} AND {rows.since} <= %(before_{place})s"
        for place, (entity, state) in enumerate(before)
        for rows in [_SPECIAL.get((entity, state), Standing(f"state = '{state}'"))]
    ]
    return tx.all(
        f"SELECT * FROM ({' UNION ALL '.join(counted)}) AS counted WHERE rows_count > 0",  # noqa: S608
        names=list(names),
        **{f"before_{place}": at for place, at in enumerate(before.values())},
    )

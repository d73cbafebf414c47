"""SQL of what waits for a person's decision: one statement over all tables."""

from collections.abc import Sequence
from typing import Any

from microbatch.platform.database import Transaction

# A reason as it is stored, without what stands behind its code.
CODE = "regexp_replace({column}, '^((rejected|failed): )?([^:]*).*$', '\\1\\3', 's')"
NOTHING = "0::numeric AS wei, 0::numeric AS microusdt, 0::numeric AS usd"
COUNTED = "count(*) AS rows_count, min({since}) AS oldest_since"


def _query(table: str, state: str, column: str, since: str, sums: str) -> str:
    reason, counted = CODE.format(column=column), COUNTED.format(since=since)
    return (
        f"SELECT '{table}' AS entity, {reason} AS reason, {counted}, {sums}"  # noqa: S608
        f" FROM {table} WHERE state = '{state}' GROUP BY 2"
    )


QUERIES: dict[str, str] = {
    "payments": _query(
        "payments",
        "parked",
        "park_reason",
        "state_since",
        "coalesce(sum(convertible_wei) FILTER (WHERE share_microusdt IS NULL), 0) AS wei,"
        " coalesce(sum(share_microusdt - payout_loss_microusdt), 0) AS microusdt,"
        " coalesce(sum(net_usd), 0) AS usd",
    ),
    "batches": _query(
        "batches",
        "parked",
        "reason",
        "state_since",
        "sum(claimed_wei) AS wei, coalesce(sum(received_microusdt), 0) AS microusdt,"
        " sum(claimed_usd) AS usd",
    ),
    "swaps": _query(
        "swaps",
        "parked",
        "reason",
        "state_since",
        "coalesce(sum(from_amount_units) FILTER (WHERE from_currency = 'eth'), 0) AS wei,"
        " coalesce(sum(from_amount_units) FILTER (WHERE from_currency = 'usdt'), 0) AS microusdt,"
        " sum(value_usd) AS usd",
    ),
    "transfers": _query(
        "transfers",
        "parked",
        "reason",
        "state_since",
        "coalesce(sum(amount_units) FILTER (WHERE token IS NULL), 0) AS wei,"
        " coalesce(sum(amount_units) FILTER (WHERE token IS NOT NULL), 0) AS microusdt,"
        " 0::numeric AS usd",
    ),
    "payouts": _query(
        "payouts",
        "parked",
        "reason",
        "state_since",
        "coalesce(sum(amount_units) FILTER (WHERE from_currency = 'eth'), 0) AS wei,"
        " coalesce(sum(amount_units) FILTER (WHERE from_currency = 'usdt'), 0) AS microusdt,"
        " coalesce(sum(value_usd), 0) AS usd",
    ),
    # What arrived is a text that nobody has believed yet: only their number is known.
    "held_payments": _query("held_payments", "held", "reason", "held_at", NOTHING),
}


def parked(tx: Transaction, entities: Sequence[str]) -> list[dict[str, Any]]:
    """Number, sums and oldest of what is parked or held, by table and the reason's code."""
    queries = [QUERIES[entity] for entity in entities]
    return tx.all(f"{' UNION ALL '.join(queries)} ORDER BY entity, reason")

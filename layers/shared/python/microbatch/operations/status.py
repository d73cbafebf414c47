"""Is money moving: what stands where, since when, and what stands in its way."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from microbatch.operations import parked, status_store, store, why_store
from microbatch.operations.facts import Facts, facts
from microbatch.operations.funds import funds
from microbatch.operations.lifetimes import Ages, lifetime
from microbatch.operations.over_age import over_age
from microbatch.operations.requests import Surroundings
from microbatch.operations.why.link import Look
from microbatch.operations.why.payments import check_in_words, next_check
from microbatch.pauses import service as pauses
from microbatch.platform.database import Transaction


def status(tx: Transaction, now: datetime, surroundings: Surroundings) -> dict[str, Any]:
    """Everything an operator looks at first; amounts as decimal text in their unit."""
    observations = store.latest_observations(tx)
    return {
        "at": now.isoformat(),
        "threshold_usd": why_store.threshold_usd(tx),
        "payments": store.payments_by_state(tx),
        "held": store.held_by_reason(tx),
        "parked": [each.shown() for each in parked.parked(tx) if each.entity in ENTITIES],
        "rows": [
            {**row, "max_age_seconds": _max_age_seconds(row, surroundings.policies.ages)}
            for row in (*store.rows_by_state(tx), *status_store.oldest_decisions(tx))
        ],
        "paused": [part.shown for part in pauses.shown(tx) if part.paused_at is not None],
        "over_age": [each.shown() for each in over_age(tx, now, surroundings.policies.ages)],
        "payouts_waiting": store.waiting_payouts(tx, now),
        "last_check": _last_check(tx, now, surroundings),
        "wallets": store.wallets(tx),
        "funds": _funds(tx, observations),
        "observations": observations,
        "observation_max_age_seconds": surroundings.policies.ages.observation_max_age,
        "queues": surroundings.depths(),
    }


ENTITIES = ("payments", "batches", "payouts", "swaps", "transfers")


def _max_age_seconds(row: Mapping[str, Any], ages: Ages) -> int | None:
    """How old a row may become in this state; None when it may stay, or follows another."""
    life = lifetime(row["entity"], row["state"])
    return ages.seconds(life.max_age) if life is not None and life.max_age else None


def _last_check(tx: Transaction, now: datetime, surroundings: Surroundings) -> Facts | None:
    """What the last threshold check found, in words too; and when the next is due."""
    check = why_store.last_check(tx)
    if check is None:
        return None
    look = Look.of(tx, now, surroundings)
    due_at = next_check(look, check)
    return {
        **facts(check),
        "words": check_in_words(look, check, why_store.oldest_pending(tx)),
        "next_at": due_at.isoformat() if due_at else None,
    }


def _funds(tx: Transaction, observations: Sequence[Mapping[str, Any]]) -> Facts | None:
    found = funds(tx, observations)
    return found.shown() if found else None

"""Settings under which a day lasts seconds: for drills, which compress time by configuration alone.

Every wait, age and deadline of production is made shorter by the same factor, but none shorter
than a machine needs for one hop: that does not shrink with the day.
"""

from dataclasses import MISSING, fields, replace
from typing import Any, TypeVar

CONTEXT_KEY = "day_seconds"  # of the CDK: how long a day lasts
DAY_SECONDS = 86_400
DAY_SECONDS_MIN = 6

SECONDS = "_seconds"
AGES = "_age_seconds"
LEAST_SECONDS = 1
# Ages by which something is given up, or asked again, when a few hops have not sufficed.
LEAST_AGE_SECONDS = 12
# Named one by one: a poll that has become slow is still slower than one that has not, and a row is
# not called stale while its message is on its way.
LEAST = {
    "slow_poll_wait_seconds": 2,
    "stale_after_seconds": 3,
    "observation_period_seconds": 2,
    "payout_retry_seconds": 2,
    "batch_max_age_seconds": DAY_SECONDS_MIN,
}

S = TypeVar("S")


def compressed(settings: S, day_seconds: int) -> S:
    """These settings with production's waits for a day of so many seconds. Raises ValueError."""
    if not DAY_SECONDS_MIN <= day_seconds <= DAY_SECONDS:
        raise ValueError(f"day_seconds={day_seconds}: choose {DAY_SECONDS_MIN} to {DAY_SECONDS}")
    usual: dict[str, Any] = {
        entry.name: entry.default
        for entry in fields(settings)  # type: ignore[arg-type]
        if entry.default is not MISSING
    }
    changes = {
        name: _shorter(name, default, day_seconds)
        for name, default in usual.items()
        if name.endswith(SECONDS)
    }
    # A message is renewed after as large a part of the tries that its deadline leaves it.
    tries = usual["retry_deadline_seconds"] // usual["retry_wait_seconds"]
    tries_left = changes["retry_deadline_seconds"] // changes["retry_wait_seconds"]
    changes["renew_at_receives"] = max(2, usual["renew_at_receives"] * tries_left // tries)
    return replace(settings, **changes)  # type: ignore[type-var]


def _shorter(name: str, seconds: int, day_seconds: int) -> int:
    least = LEAST.get(name, LEAST_AGE_SECONDS if name.endswith(AGES) else LEAST_SECONDS)
    return min(seconds, max(least, round(seconds * day_seconds / DAY_SECONDS)))

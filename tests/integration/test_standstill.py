"""For which rows the reconciler sends a message again, as Postgres says it."""

from datetime import UTC, datetime, timedelta

import pytest

from microbatch.pace import Standstill
from microbatch.platform.database import Database

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STALE, LONGEST = 300, 3600


@pytest.mark.parametrize(
    ("in_state_seconds", "asked_seconds", "sent"),
    [
        (299, None, False),
        (300, None, True),
        (600, 299, False),  # asked lately: the answer may be on its way
        (600, 300, True),
        (1000, 499, False),  # half of the time in the state, by and by
        (1000, 500, True),
        (7200, 3599, False),
        (7200, 3600, True),
        (86_400, 3599, False),  # an hour at most, however long it lasts
        (86_400, 3600, True),
        (86_400, None, True),
        (100, 200, False),  # asked before it came into this state
    ],
)
def test_the_wait_grows_with_the_time_in_the_state_up_to_an_hour(
    module_database: Database, in_state_seconds: int, asked_seconds: int | None, sent: bool
) -> None:
    asked_at = None if asked_seconds is None else NOW - timedelta(seconds=asked_seconds)
    with module_database.transaction() as tx:
        row = tx.one(
            f"SELECT {Standstill.SQL} AS sent FROM (SELECT %(since)s::timestamptz AS state_since,"
            " %(asked_at)s::timestamptz AS asked_at) AS waiting",
            since=NOW - timedelta(seconds=in_state_seconds),
            asked_at=asked_at,
            **Standstill(NOW, STALE, LONGEST).parameters,
        )

    assert row == {"sent": sent}

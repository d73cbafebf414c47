"""What is counted in a transaction is counted once it is committed, and what is undone is not."""

from contextlib import suppress

import psycopg2
import pytest

from microbatch.platform.database import Database
from microbatch.platform.observability import count, metrics


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    metrics.provider.clear_metrics()


def counted() -> dict[str, list[float]]:
    found = {name: each["Value"] for name, each in metrics.metric_set.items()}
    metrics.provider.clear_metrics()
    return found


def test_a_commit_counts(database: Database) -> None:
    with database.transaction():
        count("done")
        count("done", 2)
        assert counted() == {}  # nothing is sure yet
    count("afterwards")

    assert counted() == {"done": [1.0, 2.0], "afterwards": [1.0]}


def test_what_is_rolled_back_counts_nothing(database: Database) -> None:
    with suppress(psycopg2.DataError), database.transaction() as tx:
        count("tried")
        tx.execute("SELECT 1 / 0")
    count("afterwards")

    assert counted() == {"afterwards": [1.0]}


def test_a_savepoint_that_is_taken_back_counts_nothing(database: Database) -> None:
    with database.transaction() as tx:
        with tx.savepoint():
            count("kept")
        with suppress(ZeroDivisionError), tx.savepoint():
            count("failed")
            raise ZeroDivisionError
        with tx.savepoint() as point:
            count("taken_back")
            point.rollback()
        count("done")

    assert counted() == {"kept": [1.0], "done": [1.0]}

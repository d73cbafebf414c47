"""A threshold check over few pending payments, with many completed rows in the table or few."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from bench import millions
from bench.claim import POLICY
from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.rows import price
from bench.server import Server, ledger
from microbatch.conversion.checking import check_threshold
from microbatch.platform.database import Database

PENDING = 10
CHECKS = 20
Fields = Mapping[str, Any]


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table."""
    few, many, rounds = (100, 1000, 1) if small else (10_000, 10 * millions.MILLION, 15)
    with ExitStack() as stack:
        databases = {}
        for name, count in (("few", few), ("many", many)):
            fields = stack.enter_context(_completed(server, count))
            databases[name] = stack.enter_context(ledger(fields))
        taken = in_turns(
            rounds,
            first_too=small,
            few=lambda: _check(databases["few"]),
            many=lambda: _check(databases["many"]),
        )
    yield ratio(
        "threshold_check_vs_small_table",
        f"a threshold check with {many:,} completed rows in the table",
        f"the same with {few:,}",
        taken["many"],
        taken["few"],
        goal=1.5,
        at_least=False,
        milliseconds={name: [s * 1000 for s in each] for name, each in taken.items()},
    )


def _completed(server: Server, count: int) -> millions.Filled:
    def fill(fields: Fields) -> None:
        price(fields)
        done = millions.CONVERTED
        millions.payments(fields, count, "converted", batch=done, share=1, body_bytes=0)
        millions.batch(fields, done, "distributed", count)
        millions.payments(fields, PENDING, "pending", first=1)

    return millions.filled(server, count, "completed payments", fill)


def _check(database: Database) -> float:
    """Seconds of one check; it claims, decides, opens a batch, and is rolled back."""

    def run() -> None:
        for _ in range(CHECKS):
            with database.transaction() as tx, tx.savepoint() as savepoint:
                check = check_threshold(tx, tx.began_at, POLICY)
                assert check.claimed.payments_count == PENDING
                savepoint.rollback()

    return seconds_of(run) / CHECKS

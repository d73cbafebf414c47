"""Claiming pending payments and opening a batch over them, against one plain UPDATE of the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bench import millions
from bench.measure import Ratio, ratio, seconds_of
from bench.rows import price
from bench.server import Server, ledger
from microbatch.conversion.checking import Policy, check_threshold
from microbatch.money import Wei

POLICY = Policy(
    max_age_seconds=86_400,
    max_payments=10_000,
    max_wei=Wei(10**40),
    observation_max_age_seconds=10**9,
    minimum_margin_percent=Decimal(5),
    band_percent=Decimal(25),
    wallet="0x" + "2c" * 20,
)
PLAIN = "UPDATE payments SET state = 'swapping', state_since = now(), batch_id = %(batch)s"
Fields = Mapping[str, Any]


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table."""
    count, taken = millions.on_copies(server, pending, small=small, ours=claim, plain=_plain)
    yield ratio(
        "claim_vs_update",
        f"claim and open a batch of {count:,} payments",
        "one plain UPDATE of the same rows",
        taken["ours"],
        taken["plain"],
        goal=1.5,
        at_least=False,
        seconds=taken,
    )


def pending(server: Server, count: int) -> millions.Filled:
    """A database with that many pending payments and nothing else."""

    def fill(fields: Fields) -> None:
        price(fields)
        millions.payments(fields, count, "pending")

    return millions.filled(server, count, "pending payments", fill)


def claim(fields: Fields, count: int) -> float:
    """Seconds of one threshold check that takes them all."""
    policy = replace(POLICY, max_payments=count)
    with ledger(fields) as database:

        def run() -> None:
            with database.transaction() as tx:
                check = check_threshold(tx, tx.began_at, policy)
                assert check.batch_id is not None, check.decision
                assert check.claimed.payments_count == count

        return seconds_of(run)


def _plain(fields: Fields, count: int) -> float:
    """Seconds of the least that moves the rows; the batch is there already."""
    millions.empty_batch(fields, millions.BATCH)
    return millions.updated(fields, count, PLAIN)

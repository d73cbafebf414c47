"""Sharing out what arrived, exactly, against one plain UPDATE of the rows and against a loop."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from bench import millions
from bench.measure import Ratio, ratio, seconds_of
from bench.server import Server, connect, ledger
from microbatch.conversion.distribution import distribute
from microbatch.messages import BatchResult
from microbatch.money import USDT_DECIMALS, coins, split_pro_rata

MICROUSDT = 123_456_789_013
ONE_BY_ONE_MAX = 20_000  # of a loop: as slow at the first rows as at the last
PLAIN = (
    "UPDATE payments SET state = 'converted', state_since = now(), share_microusdt = 1"
    " WHERE batch_id = %(batch)s"
)
Fields = Mapping[str, Any]


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """Both rows of the table."""
    count, taken = millions.on_copies(
        server, swapping, small=small, ours=share_out, plain=_plain, loop=_one_by_one
    )
    what = f"distribute over {count:,} payments"
    yield ratio(
        "distribute_vs_update",
        what,
        "one plain UPDATE of the same rows",
        taken["ours"],
        taken["plain"],
        goal=2,
        at_least=False,
        seconds=taken,
    )
    yield ratio(
        "distribute_vs_row_by_row",
        what,
        f"a loop of UPDATEs in one transaction ({min(count, ONE_BY_ONE_MAX):,}, scaled up)",
        taken["loop"],
        taken["ours"],
        goal=30,
        at_least=True,
        seconds=taken,
    )


def swapping(server: Server, count: int) -> millions.Filled:
    """A database with a batch of that many payments, its USDT there."""

    def fill(fields: Fields) -> None:
        millions.payments(fields, count, "swapping", batch=millions.BATCH)
        millions.batch(fields, millions.BATCH, "finished", MICROUSDT)

    return millions.filled(server, count, "payments of a batch", fill)


def share_out(fields: Fields, count: int) -> float:
    """Seconds of the service `swap_executed` calls, commit included; the shares are checked."""
    message = BatchResult(
        batch_conversion_id=millions.BATCH,
        cn_api_id="AAAABBBBCCCC22",
        tx_hash="0x" + "ab" * 32,
        actual_usdt_received=float(coins(MICROUSDT, USDT_DECIMALS)),
        timestamp=1_800_000_000,
    )
    with ledger(fields) as database:

        def run() -> None:
            with database.transaction() as tx:
                assert distribute(message, tx, tx.began_at)

        taken = seconds_of(run)
        with database.transaction() as tx:
            given = tx.one(
                "SELECT count(*) AS payments, sum(share_microusdt) AS microusdt FROM payments"
                " WHERE state = 'converted'"
            )
        assert given == {"payments": count, "microusdt": MICROUSDT}
    return taken


def _plain(fields: Fields, count: int) -> float:
    return millions.updated(fields, count, PLAIN)


def _one_by_one(fields: Fields, count: int) -> float:
    """Seconds of a loop over all rows, from those of the first ones."""
    part = min(count, ONE_BY_ONE_MAX)
    with closing(connect(fields)) as connection, connection.cursor() as cursor:

        def run() -> None:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT payment_id, convertible_wei FROM payments WHERE batch_id = %(batch)s"
                " ORDER BY payment_id LIMIT %(part)s",
                {"batch": millions.BATCH, "part": part},
            )
            found = cursor.fetchall()
            for (name, _), share in zip(
                found, split_pro_rata(MICROUSDT, [int(wei) for _, wei in found]), strict=True
            ):
                cursor.execute(
                    "UPDATE payments SET state = 'converted', state_since = now(),"
                    " share_microusdt = %(share)s WHERE payment_id = %(name)s",
                    {"share": share, "name": name},
                )
            cursor.execute("COMMIT")

        return seconds_of(run) / part * count

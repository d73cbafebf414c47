"""Payments by the million, straight into the tables: what a benchmark begins with."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import Any

from bench.measure import in_turns, said, seconds_of
from bench.rows import client
from bench.server import Server, connect

Fields = Mapping[str, Any]
Filled = AbstractContextManager[dict[str, Any]]  # the fields of a database that is gone afterwards
Act = Callable[[Fields, int], float]  # on a database with that many payments; seconds
MILLION = 1_000_000
CLIENT = "7"
BATCH = "6f1c2f0e-0000-4000-8000-000000000001"
CONVERTED = "6f1c2f0e-0000-4000-8000-000000000002"
# Weights of many sizes, none of them round; their sum is that of the batch.
WEI = "(number::numeric * 1000003 %% 999983 + 1) * 1234567890123"
PAYMENTS = """
INSERT INTO payments (payment_id, source, client_id, state, credited_as, state_since, received_at,
    received_wei, fee_percent, fee_wei, net_wei, invoice_usd, net_usd, net_usd_from, paid_at,
    fingerprint, notification, batch_id, share_microusdt)
SELECT (%(first)s + number)::text, 'nowpayments', %(client)s, %(state)s, 'pending', now(),
    now() - interval '1 hour' + number * interval '1 microsecond', wei + 1, 3, 1, wei, 1, 1,
    'invoice', '', sha256(number::text::bytea), convert_to(repeat('x', %(body_bytes)s), 'UTF8'),
    %(batch)s, %(share)s
FROM (SELECT number, {wei} AS wei FROM generate_series(1, %(count)s) AS number) AS each
"""


def filled(server: Server, count: int, what: str, fill: Callable[[Fields], None]) -> Filled:
    """A database of one client with what `fill` puts there, as it is some time after."""

    def put(fields: Fields) -> None:
        with said(f"{count:,} {what}"):
            client(fields, CLIENT)
            fill(fields)
            settled(fields)

    return server.prepared(put)


def on_copies(
    server: Server, prepare: Callable[[Server, int], Filled], *, small: bool, **acts: Act
) -> tuple[int, dict[str, list[float]]]:
    """(how many payments, seconds of every round of every act), each on rows nobody has touched."""
    count, rounds = (2000, 1) if small else (MILLION, 3)
    with prepare(server, count) as fields:
        runs = {name: partial(server.on_a_copy, fields, act, count) for name, act in acts.items()}
        return count, in_turns(rounds, first_too=True, **runs)


def updated(fields: Fields, count: int, statement: str) -> float:
    """Seconds of one statement as the owner, which touches that many rows."""
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        taken = seconds_of(lambda: cursor.execute(statement, {"batch": BATCH}))
        assert cursor.rowcount == count
        return taken


def payments(
    fields: Fields,
    count: int,
    state: str,
    *,
    first: int = 10**12,
    batch: str | None = None,
    share: int | None = None,
    body_bytes: int = 200,
) -> None:
    """That many payments in one state. What refers to a batch is not looked up: see `batch`."""
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # for the writing alone
        cursor.execute(
            PAYMENTS.format(wei=WEI),
            {
                "first": first,
                "client": CLIENT,
                "state": state,
                "body_bytes": body_bytes,
                "batch": batch,
                "share": share,
                "count": count,
            },
        )


def batch(fields: Fields, batch_id: str, state: str, microusdt: int) -> None:
    """The batch over exactly the payments that name it."""
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO batches (batch_id, state, state_since, created_at, opened_for,
                payments_count, claimed_wei, claimed_usd, threshold_usd, eth_usd,
                received_microusdt)
            SELECT %(batch)s, %(state)s, now(), now(), 'threshold', count(*), sum(net_wei), 1, 20,
                2400, %(microusdt)s
            FROM payments WHERE batch_id = %(batch)s
            """,
            {"batch": batch_id, "state": state, "microusdt": microusdt},
        )


def empty_batch(fields: Fields, batch_id: str) -> None:
    """A batch that has no payments yet."""
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO batches (batch_id, state, state_since, created_at, opened_for,"
            " payments_count, claimed_wei, claimed_usd, threshold_usd, eth_usd) VALUES"
            " (%(batch)s, 'claimed', now(), now(), 'threshold', 1, 1, 1, 20, 2400)",
            {"batch": batch_id},
        )


def settled(fields: Fields) -> None:
    """Statistics and disk as they are some time after the rows came."""
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")

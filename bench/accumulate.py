"""Payments through the accumulator's door, in batches as SQS delivers them, against bare INSERTs.

Ours does all that a payment needs: signatures checked, amounts judged, rows stored, events signed
and sent. The others only insert the same row.
"""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from psycopg2.extras import execute_values

from bench.door import KEYS, door, event
from bench.measure import Ratio, in_turns, ratio, seconds_of
from bench.rows import client, price
from bench.server import Server, connect, pgbench
from cdk.stages import BY_NAME
from microbatch import messages
from microbatch.messages import QUEUES, PaymentReceived

BATCH = BY_NAME["accumulator"].batch_size
CLIENTS = 20
BODY = b"""{"payment_id":%d,"parent_payment_id":null,"invoice_id":null,"payment_status":"finished",\
"pay_address":"0x9c3a0c1e3ad6ea1d10f1ab1b2b6c06a5b8c0a7f0","payin_extra_id":null,"price_amount":%d,\
"price_currency":"usd","pay_amount":0.012345678,"actually_paid":0.012345678,"actually_paid_at_fiat"\
:0,"pay_currency":"eth","order_id":"client-%d","order_description":null,"purchase_id":"5237450281"\
,"outcome_amount":0.0122,"outcome_currency":"eth","payment_extra_ids":null,"created_at":\
"2026-11-22T12:00:00.000Z","updated_at":"2026-11-22T12:00:30.000Z","fee":{"currency":"eth",\
"depositFee":0.0001,"withdrawalFee":0,"serviceFee":0}}"""
COLUMNS = (
    "payment_id, source, client_id, state, credited_as, state_since, received_at, received_wei,"
    " fee_percent, fee_wei, net_wei, invoice_usd, net_usd, net_usd_from, paid_at, fingerprint,"
    " notification"
)
_numbers = itertools.count(5_000_000_000)


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """Both rows of the table."""
    batches, rounds, singles = (2, 1, 20) if small else (8, 7, 200)
    with server.database() as fields:
        for number in range(CLIENTS):
            client(fields, f"client_{number}")
        price(fields)
        with door("accumulator", fields) as accumulate:
            taken = in_turns(
                rounds,
                ours=lambda: _ours(accumulate, batches),
                pgbench=lambda: _pgbench(fields, singles),
                limit=lambda: _many(fields, batches),
            )
    figures = {f"{name}_rows_per_s": [round(1 / s) for s in each] for name, each in taken.items()}
    what = f"accumulator, batches of {BATCH}"
    yield ratio(
        "accumulate_vs_pgbench",
        what,
        "pgbench, one row a transaction",
        taken["pgbench"],
        taken["ours"],
        goal=8,
        at_least=True,
        **figures,
    )
    yield ratio(
        "accumulate_vs_multi_row_insert",
        what,
        f"INSERT of {BATCH} rows at once",
        taken["limit"],
        taken["ours"],
        goal=0.6,
        at_least=True,
        **figures,
    )


def _ours(accumulate: Any, batches: int) -> float:
    """Seconds a payment; the tokens are signed before, as the webhook does."""
    key = KEYS[QUEUES["payments"].key]
    delivered = [
        event("payments", [messages.body(_payment(next(_numbers)), key) for _ in range(BATCH)])
        for _ in range(batches)
    ]

    def run() -> None:
        for each in delivered:
            assert accumulate(each) == {"batchItemFailures": []}

    return seconds_of(run) / (batches * BATCH)


def _payment(number: int) -> PaymentReceived:
    return PaymentReceived(
        timestamp=1_800_000_000,
        source="nowpayments",
        payment_id=str(number),
        client_id=f"client_{number % CLIENTS}",
        received_amount="0.012345678",
        received_currency="eth",
        received_network="eth",
        invoice_usd="30",
        order_id=f"client-{number % CLIENTS}",
        payment_status="finished",
        paid_at="2026-11-22T12:00:30.000Z",
        body=BODY % (number, 30, number % CLIENTS),
    )


def _row(number: int) -> tuple[Any, ...]:
    wei = 12_345_678 * 10**9
    fee = wei * 3 // 100
    return (
        *(str(number), "nowpayments", f"client_{number % CLIENTS}", "pending", "pending"),
        *("2026-11-22T12:00:31Z", "2026-11-22T12:00:31Z", wei, 3, fee, wei - fee),
        *(30, "29.1", "observation", "2026-11-22T12:00:30.000Z", b"\xab" * 32),
        BODY % (number, 30, number % CLIENTS),
    )


def _many(fields: Mapping[str, Any], batches: int) -> float:
    """Seconds a row, each batch one statement that is committed by itself."""
    given = [[_row(next(_numbers)) for _ in range(BATCH)] for _ in range(batches)]
    with closing(connect(fields)) as connection, connection.cursor() as cursor:

        def run() -> None:
            for each in given:
                statement = f"INSERT INTO payments ({COLUMNS}) VALUES %s"
                execute_values(cursor, statement, each, page_size=BATCH)

        return seconds_of(run) / (batches * BATCH)


def _pgbench(fields: Mapping[str, Any], transactions: int) -> float:
    """Seconds a row by PostgreSQL's own benchmark client, each row committed by itself."""
    first, *rest = _row(0)
    assert first == "0"
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        values = ", ".join(cursor.mogrify("%s", (value,)).decode() for value in rest)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "insert.sql"
        script.write_text(
            "\\set id random(100000000000000, 900000000000000000)\n"
            f"INSERT INTO payments ({COLUMNS}) VALUES (:id, {values});\n",
            encoding="utf-8",
        )
        return pgbench(fields, script, transactions)

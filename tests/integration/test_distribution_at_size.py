"""A hundred thousand payments are shared out in seconds, to the unit."""

import time

from microbatch.conversion import sharing_store
from microbatch.money import MicroUsdt, split_pro_rata
from microbatch.platform.database import Database
from tests.integration.rows import BATCH, NOW
from tests.integration.test_distribution import undone

MANY = 100_000
SECONDS_MAX = 30  # "in seconds", also on a slow machine; usually three


def test_a_hundred_thousand_rows_take_seconds_and_lose_nothing(module_database: Database) -> None:
    total = 123_456_789_013
    with undone(module_database) as tx:
        tx.execute(
            """
            INSERT INTO payments (payment_id, source, client_id, state, credited_as, state_since,
                received_at,
                received_wei, fee_percent, fee_wei, net_wei, net_usd_from, paid_at, fingerprint,
                notification, batch_id)
            SELECT number::text, 'nowpayments', '7', 'swapping', 'pending', %(now)s, %(now)s,
                1 + wei, 3, 1, wei, 'nothing', '', decode(repeat('ab', 32), 'hex'), '', %(batch)s
            FROM (SELECT number, number::numeric * 1000003 %% 999983 * 1234567890123 AS wei
                  FROM generate_series(1, %(many)s) AS number) AS each
            """,
            now=NOW,
            batch=BATCH,
            many=MANY,
        )
        began = time.monotonic()
        assert sharing_store.distribute(tx, BATCH, MicroUsdt(total), NOW) == MANY
        took_seconds = time.monotonic() - began
        rows = tx.all("SELECT net_wei, share_microusdt AS share FROM payments ORDER BY payment_id")
    shares = [int(row["share"]) for row in rows]

    assert shares == split_pro_rata(total, [int(row["net_wei"]) for row in rows])
    assert sum(shares) == total
    assert took_seconds < SECONDS_MAX

"""Claim, distribution and refund of rows that the planner knows nothing of: time grows with rows.

Inside one transaction nothing is ever analysed: the planner guesses one row where there are
thousands. What it joins then must still be a look-up in a unique index for each row, or one pass.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bench import millions
from bench.claim import POLICY
from microbatch.conversion import sharing_store
from microbatch.conversion.checking import check_threshold
from microbatch.market.model import ETH_TO_USDT, ETH_USD
from microbatch.money import MicroUsdt, Wei
from microbatch.platform.database import Database, Transaction
from tests.integration.test_distribution import undone

MANY = 10_000
PLANNED = ("WITH", "UPDATE")
LOOKED_UP_BY = {"payments_pkey"}


class Planned(Transaction):
    """Notes the plan of every statement over many rows as it is about to run."""

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx._cursor, tx.began_at)
        self.plans: list[dict[str, Any]] = []

    def execute(self, sql: str, /, **params: Any) -> int:
        self._note(sql, params)
        return super().execute(sql, **params)

    def one(self, sql: str, /, **params: Any) -> dict[str, Any] | None:
        self._note(sql, params)
        return super().one(sql, **params)

    def _note(self, sql: str, params: dict[str, Any]) -> None:
        if sql.lstrip().startswith(PLANNED) and "payments" in sql:
            (row,) = self.all(f"EXPLAIN (FORMAT JSON) {sql}", **params)
            self.plans.append(row["QUERY PLAN"][0]["Plan"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def grows_faster_than_its_rows(plan: dict[str, Any]) -> list[str]:
    """Joins that read more than one row for each row of the other side."""
    found = []
    for node in nodes(plan):
        if node["Node Type"] != "Nested Loop":
            continue
        inner = next(each for each in node["Plans"] if each["Parent Relationship"] == "Inner")
        while inner["Node Type"] in ("Memoize", "Bitmap Heap Scan"):  # the look-up is below
            (inner,) = inner["Plans"]
        if inner.get("Index Name") not in LOOKED_UP_BY or "Index Cond" not in inner:
            found.append(f"{inner['Node Type']} for each row: {inner}")
    return found


@pytest.fixture(params=["never analysed", "analysed when it was small"])
def tx(request: pytest.FixtureRequest, module_database: Database) -> Iterator[Planned]:
    """Many pending payments, all of them written a moment ago."""
    with undone(module_database) as found:
        for name, value in (
            (ETH_USD, 2400),
            (ETH_TO_USDT.minimum, 1),
            (ETH_TO_USDT.maximum, None),
            (ETH_TO_USDT.rate, 2400),
        ):
            found.execute(
                "INSERT INTO observations (name, value, observed_at)"
                " VALUES (%(name)s, %(value)s, now())",
                name=name,
                value=value,
            )
        if request.param != "never analysed":
            write(found, 5, first=1)
            found.execute("ANALYZE payments")
        write(found, MANY, first=10**12)
        yield Planned(found)


def write(tx: Transaction, count: int, first: int) -> None:
    tx.execute(
        millions.PAYMENTS.format(wei=millions.WEI),
        first=first,
        client=millions.CLIENT,
        state="pending",
        body_bytes=0,
        batch=None,
        share=None,
        count=count,
    )


def test_no_plan_depends_on_what_the_planner_guesses(tx: Planned) -> None:
    policy = replace(POLICY, max_payments=2 * MANY)

    check = check_threshold(tx, tx.began_at, policy)
    batch_id = str(check.batch_id)
    claimed = check.claimed.payments_count
    assert claimed >= MANY
    assert sharing_store.distribute(tx, batch_id, MicroUsdt(10**9), tx.began_at) == claimed
    tx.execute("UPDATE payments SET state = 'swapping', share_microusdt = NULL")
    back = Wei(check.claimed.net_wei - 1)
    given = {"max_attempts": 5, "reason": "it came back", "now": tx.began_at}
    assert sharing_store.give_back(tx, batch_id, back, **given) == claimed

    assert len(tx.plans) >= 3
    assert [bad for plan in tx.plans for bad in grows_faster_than_its_rows(plan)] == []


def test_a_join_that_reads_all_for_each_row_is_seen(tx: Planned) -> None:
    for setting in ("hashjoin", "mergejoin", "indexscan", "bitmapscan", "indexonlyscan"):
        tx.execute(f"SET LOCAL enable_{setting} = off")
    tx.execute(
        "WITH all_of_them AS MATERIALIZED (SELECT payment_id FROM payments LIMIT 1)"
        " UPDATE payments SET attempts = 1 FROM all_of_them"
        " WHERE payments.payment_id = all_of_them.payment_id"
    )

    assert grows_faster_than_its_rows(tx.plans[-1])

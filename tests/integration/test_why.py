"""`why` of anything that is not over: since when, for what, who ends it, what happens next."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from microbatch.operations.lifetimes import lifetime
from microbatch.pace import Standstill
from microbatch.platform.database import Database, Transaction
from tests.integration.looking import undone, why
from tests.integration.rows import NOW
from tests.integration.standing import LATER, STATES, stand

QUERIES_MAX = 20
SMALL = {"settings", "wallets", "pauses"}  # of few rows for ever


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction that is rolled back."""
    with undone(module_database) as tx:
        yield tx


@pytest.mark.parametrize(("entity", "state"), STATES)
def test_whatever_is_not_over_says_who_ends_it_and_what_comes_next(
    tx: Transaction, entity: str, state: str
) -> None:
    found = why(tx, stand(tx, entity, state))
    answer = found["answer"]
    over = state == "untold"
    assert answer["final"] == (over and entity != "address_changes")
    assert answer["unblocked_by"] or over
    assert answer["waits_for"] or over
    assert answer["next"]["does"]
    assert answer["next"]["by"]
    assert datetime.fromisoformat(answer["since"]) <= LATER
    if not over and entity != "transfer_attempts":
        states = {(each["entity"], each["state"]) for each in found["chain"]}
        said = "held" if state == "paused" else state  # by the reason of what is held
        assert (entity, said) in states, "the row that was asked about is on the way"


@pytest.mark.parametrize(("entity", "state"), STATES)
def test_it_answers_from_few_queries_each_through_an_index(
    tx: Transaction, entity: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = stand(tx, entity, state)
    statements: list[str] = []
    execute = tx._cursor.execute

    class Spy:
        def execute(self, sql: str, params: Any = None) -> None:
            execute(sql, params)
            statements.append(tx._cursor.query.decode())

        def __getattr__(self, name: str) -> Any:
            return getattr(spied, name)

    spied = tx._cursor
    monkeypatch.setattr(tx, "_cursor", Spy())
    why(tx, text)
    monkeypatch.undo()

    assert 0 < len(statements) <= QUERIES_MAX
    tx.execute("SET LOCAL enable_seqscan = off")  # whoever has an index uses it, on few rows too
    for statement in statements:
        plan = tx.one(f"EXPLAIN (FORMAT JSON) {statement}")
        assert plan is not None
        assert read_in_whole(plan["QUERY PLAN"][0]["Plan"]) <= SMALL, statement


def read_in_whole(node: dict[str, Any], limited: bool = False) -> set[str]:
    """The tables that a plan reads from end to end, be it through an index.

    One that ends with the first row, or that has only what is open, is none.
    """
    below = [
        read_in_whole(each, limited=node["Node Type"] == "Limit") for each in node.get("Plans", [])
    ]
    unguided = "Index" in node["Node Type"] and not {"Index Cond", "Recheck Cond"} & set(node)
    few = limited or node.get("Index Name", "").endswith(("_open", "_pending"))
    whole = node["Node Type"] == "Seq Scan" or (unguided and not few)
    own = {node["Relation Name"]} if whole and "Relation Name" in node else set()
    return own.union(*below)


# --- when the reconciler comes --------------------------------------------------------------------


@pytest.mark.parametrize("age", [0, 10, 299, 301, 3000, 7300, 90_000])
@pytest.mark.parametrize("asked_ago", [None, 0, 200, 400, 2000, 3700])
def test_the_time_of_the_next_act_is_when_the_reconciler_finds_the_row(
    tx: Transaction, age: int, asked_ago: int | None
) -> None:
    since = NOW - timedelta(seconds=age)
    asked_at = None if asked_ago is None else NOW - timedelta(seconds=asked_ago)
    due_at = Standstill(NOW, 300, 3600).due_at(since, asked_at)
    for seconds, found in ((-1, False), (0, True)):
        at = due_at + timedelta(seconds=seconds)
        row = tx.one(
            f"SELECT {Standstill.SQL} AS due FROM (SELECT %(since)s::timestamptz AS state_since,"
            " %(asked_at)s::timestamptz AS asked_at) AS one",
            since=since,
            asked_at=asked_at,
            **Standstill(at, 300, 3600).parameters,
        )
        assert row == {"due": found}


def test_every_lifetime_is_asked_about() -> None:
    assert all(lifetime(entity, state) is not None for entity, state in STATES)
    assert len(STATES) > 30

"""`why` of anything that is not over: since when, for what, who ends it, what happens next."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.acts import perform
from microbatch.operations.lifetimes import lifetime
from microbatch.pace import Standstill
from microbatch.platform.database import Database, Transaction
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import operate
from tests.integration.rows import BATCH, COMPLETE, NOW, SWAP, TX_HASH, WALLET, insert
from tests.integration.standing import LATER, STATES, stand
from tests.integration.test_waits import walk

QUERIES_MAX = 20
SMALL = {"settings", "wallets", "pauses"}  # of few rows for ever


class Undone(Exception):
    """Takes a test's rows back."""


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction that is rolled back."""
    with suppress(Undone), module_database.transaction() as tx:
        yield tx
        raise Undone


def ask(tx: Transaction, text: str, now: datetime = LATER, **more: Any) -> dict[str, Any]:
    request = {"act": "why", "id": text, **more}
    result, outgoing = perform(request, tx, now, Pipeline(Database(dict)).surroundings)
    assert outgoing == []
    json.dumps(result, allow_nan=False)  # as Lambda does
    return result


@pytest.mark.parametrize(("entity", "state"), STATES)
def test_whatever_is_not_over_says_who_ends_it_and_what_comes_next(
    tx: Transaction, entity: str, state: str
) -> None:
    found = ask(tx, stand(tx, entity, state))
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
    ask(tx, text)
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


# --- the chain of custody -------------------------------------------------------------------------


def test_a_payment_says_what_its_transfer_waits_for(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.check()
    pipeline.chain.balances_wei[pipeline.wallet] = 10**15
    walk(pipeline, 8)
    pipeline.queue.clear()
    (transfer,) = pipeline.rows("SELECT * FROM transfers")

    found = operate(pipeline, "why", id="4900000001")

    assert [each["entity"] for each in found["chain"]] == [
        "payments", "batches", "swaps", "transfers",
    ]  # fmt: skip
    answer = found["answer"]
    assert (answer["entity"], answer["state"]) == ("transfers", "approved")
    assert answer["reason"] == "short_of_funds"
    assert answer["waits_since"] == transfer["waits_since"].isoformat()
    assert answer["unblocked_by"] == "whoever fills the wallet"
    assert answer["fix"] == "Send ETH to the wallet."
    assert any("had 0.001 ETH" in detail for detail in answer["details"])
    given_up_at = transfer["created_at"] + timedelta(days=1)
    assert answer["last"]["at"] == given_up_at.isoformat()
    for other in (transfer["cn_api_id"], transfer["unique_id"][:6]):
        assert operate(pipeline, "why", id=other)["answer"]["id"] == answer["id"]


def test_what_is_pending_says_what_the_last_check_found(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.006")
    pipeline.run()
    pipeline.check()
    pipeline.now += timedelta(minutes=7)
    answer = operate(pipeline, "why", id="4900000001")["answer"]
    assert (answer["state"], answer["reason"]) == ("pending", "below_threshold")
    assert answer["details"][0] == (
        "11.64 of 20.00 USD pending at the last check 7 min ago, oldest 7 min: below_threshold"
    )
    (check,) = pipeline.rows("SELECT at FROM threshold_checks")
    assert answer["next"]["at"] == (check["at"] + timedelta(minutes=15)).isoformat()
    (payment,) = pipeline.rows("SELECT received_at FROM payments")
    overdue_at = payment["received_at"] + timedelta(hours=25)
    assert answer["last"]["at"] == overdue_at.isoformat()


def test_an_exchange_that_checks_where_the_money_comes_from_is_named(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[f"{1:014x}"] = {"status": "verifying"}
    pipeline.check()
    walk(pipeline, 40)
    pipeline.queue.clear()
    answer = operate(pipeline, "why", id="4900000001")["answer"]
    assert (answer["entity"], answer["state"]) == ("swaps", "paid")
    (said,) = (detail for detail in answer["details"] if "verifying" in detail)
    assert "up to 48 hours" in said
    assert answer["unblocked_by"].startswith("ChangeNOW")
    assert answer["next"]["by"] in ("swap_monitor", "reconciler")


def test_bytes_behind_another_nonce_name_the_transfer_that_is_before_them(
    tx: Transaction,
) -> None:
    stand(tx, "transfers", "broadcast")
    other = "BEHINDBEHIND2222"
    insert(tx, "swaps", **{**COMPLETE["swaps"], "cn_api_id": "cn2"}, swap_id=other, state="created",
           context="threshold", owner_id="6f1c2f0e-0000-4000-8000-000000000003")  # fmt: skip
    insert(tx, "payouts", unique_id=other)
    insert(tx, "transfers", **{**COMPLETE["transfers"], "nonce": 8}, unique_id=other,
           swap_id=other, cn_api_id="cn2", context="threshold", state="broadcast")  # fmt: skip
    insert(tx, "transfer_nonces", nonce=8, unique_id=other)
    insert(tx, "transfer_attempts", nonce=8, unique_id=other, tx_hash="0x" + "ef" * 32)

    found = ask(tx, other)

    assert [(each["entity"], each["id"]) for each in found["chain"]][-2:] == [
        ("transfers", other),
        ("transfers", SWAP),
    ]
    assert found["answer"]["id"] == SWAP
    assert any("nonce 7" in detail for detail in found["answer"]["details"])


def test_what_is_over_says_so(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth", address="0x" + "88" * 20)
    pipeline.payment("8", "0.05")
    pipeline.run()
    found = operate(pipeline, "why", id="4900000001")
    assert found["answer"]["final"] is True
    assert (found["answer"]["state"], found["answer"]["unblocked_by"]) == ("paid", None)


# --- finding --------------------------------------------------------------------------------------


def test_an_unambiguous_beginning_is_enough_and_an_ambiguous_one_names_them_all(
    pipeline: Pipeline,
) -> None:
    for _ in range(3):
        pipeline.payment("7", "0.001")
    pipeline.run()
    with pytest.raises(InvalidInput, match="4900000001, payments 4900000002") as refusal:
        operate(pipeline, "why", id="49000")
    assert "begins several" not in str(refusal.value) or "say more of it" in str(refusal.value)
    assert operate(pipeline, "why", id="4900000002")["found"]["id"] == "4900000002"


@pytest.mark.parametrize("text", [BATCH, BATCH[:9], BATCH.replace("-", ""), BATCH[:13].upper()])
def test_a_batch_is_found_by_how_its_id_begins(tx: Transaction, text: str) -> None:
    stand(tx, "batches", "paid")
    assert ask(tx, text)["found"] == {"entity": "batches", "id": BATCH}


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        (SWAP, "swaps"),
        (SWAP.lower()[:8], "swaps"),
        (TX_HASH, "transfers"),
        (TX_HASH[:12], "transfers"),
        ("cn1", "swaps"),
        (WALLET, "wallets"),
    ],
)
def test_any_id_along_the_way_is_found(tx: Transaction, text: str, entity: str) -> None:
    stand(tx, "transfers", "broadcast")
    insert(tx, "exchanges")
    tx.execute("UPDATE swaps SET refund_hash = NULL")
    assert ask(tx, text)["found"]["entity"] == entity


def test_the_hash_of_what_the_exchange_has_paid_out_finds_its_swap(tx: Transaction) -> None:
    stand(tx, "swaps", "paid")
    tx.execute("UPDATE swaps SET payout_hash = %(hash)s", hash="0x" + "77" * 32)
    assert ask(tx, "0x" + "77" * 32)["found"] == {"entity": "swaps", "id": SWAP}


def test_one_id_of_two_things_is_said_of_which(tx: Transaction) -> None:
    stand(tx, "payments", "pending")
    insert(tx, "payments", payment_id="7")
    with pytest.raises(InvalidInput, match="payments 7, clients 7"):
        ask(tx, "7")
    assert ask(tx, "7", entity="clients")["found"]["entity"] == "clients"
    with pytest.raises(InvalidInput, match="entity"):
        ask(tx, "7", entity="everything")


@pytest.mark.parametrize("text", ["no_such_thing", "%", "____", "490", "0x", "a'b", "\\"])
def test_what_is_no_id_is_refused(tx: Transaction, text: str) -> None:
    stand(tx, "payments", "pending")
    with pytest.raises(InvalidInput):
        ask(tx, text)


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


@pytest.mark.parametrize("part", ["conversion", "hostpay"])
def test_a_paused_part_is_the_reason_with_who_paused_it_and_why(
    pipeline: Pipeline, part: str
) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    if part == "hostpay":
        pipeline.check()
    pipeline.operate("pause", part=part, why="a strange exchange")
    walk(pipeline, 8)
    pipeline.queue.clear()
    answer = pipeline.operate("why", id="4900000001")["answer"]
    assert answer["reason"] == f"{part}_paused"
    assert f"{part} was paused by me: a strange exchange" in answer["details"]
    assert answer["waits_since"] is not None
    pipeline.operate("resume", part=part)
    resumed = pipeline.operate("why", id="4900000001")["answer"]
    assert not any("was paused by" in detail for detail in resumed["details"])

"""Why a row waits, since when, and how it came to where it is: kept where it is decided."""

from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.pipeline import ETH, Pipeline

FIRST = f"{1:014x}"
STEPS_A_MINUTE = 12


def transfer(pipeline: Pipeline) -> dict[str, Any]:
    (row,) = pipeline.rows("SELECT * FROM transfers")
    return row


def walk(pipeline: Pipeline, minutes: int) -> None:
    """Time passes; what is asked again is answered."""
    end = pipeline.now + timedelta(minutes=minutes)
    while pipeline.now < end:
        pipeline.now += timedelta(minutes=1)
        pipeline.chain.mine()
        pipeline.reconcile()
        for _ in range(STEPS_A_MINUTE):
            if pipeline.queue:
                pipeline.step(pipeline.queue.pop(0))


@pytest.fixture
def batch(pipeline: Pipeline) -> Pipeline:
    """A batch is opened over one payment; nothing of it has been delivered yet."""
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.check()
    return pipeline


def test_a_transfer_that_is_not_signed_says_why_and_since_when(batch: Pipeline) -> None:
    batch.chain.balances_wei[batch.wallet] = 10**15
    walk(batch, 5)
    row = transfer(batch)
    assert (row["state"], row["wait_reason"]) == ("approved", "short_of_funds")

    walk(batch, 60)
    later = transfer(batch)
    assert later["approved_at"] > row["approved_at"], "its approval grew old, and is another now"
    assert later["wait_reason"] == "short_of_funds"
    assert later["waits_since"] == row["waits_since"], "yet it has waited since the first time"


def test_the_time_of_a_wait_is_that_of_its_reason(batch: Pipeline) -> None:
    batch.chain.balances_wei[batch.wallet] = 10**15
    walk(batch, 3)
    since = transfer(batch)["waits_since"]
    walk(batch, 2)
    assert transfer(batch)["waits_since"] == since, "the same reason goes on"

    with batch.database.transaction() as tx:
        tx.execute("UPDATE transfers SET wait_reason = 'window_full: of before'")
    walk(batch, 2)
    row = transfer(batch)
    assert row["wait_reason"] == "short_of_funds"
    assert row["waits_since"] > since, "another reason begins anew"


def test_a_wait_ends_with_the_state(batch: Pipeline) -> None:
    batch.chain.balances_wei[batch.wallet] = 10**15
    walk(batch, 5)
    assert transfer(batch)["wait_reason"] == "short_of_funds"
    batch.chain.balances_wei[batch.wallet] = 10 * ETH
    walk(batch, 30)
    row = transfer(batch)
    assert row["state"] == "settled"
    assert (row["wait_reason"], row["waits_since"]) == (None, None)


@pytest.mark.parametrize("status", ["new", "verifying", "hold"])
def test_an_exchange_that_does_not_wait_for_us_is_named(batch: Pipeline, status: str) -> None:
    batch.exchange.forced[FIRST] = {"status": status}
    walk(batch, 10)
    row = transfer(batch)
    assert row["state"] == "requested"
    assert row["wait_reason"] == f"exchange_not_waiting: {status}"
    assert row["waits_since"] < batch.now - timedelta(minutes=5)


def test_since_when_the_exchange_says_what_it_says(batch: Pipeline) -> None:
    batch.exchange.only_after_deposit = True
    batch.exchange.forced[FIRST] = {"status": "exchanging"}
    walk(batch, 30)
    (before,) = batch.rows("SELECT * FROM swaps")
    assert (before["state"], before["provider_status"]) == ("paid", "exchanging")

    batch.exchange.forced[FIRST] = {"status": "verifying"}
    turned_at = batch.now
    walk(batch, 10)
    (seen,) = batch.rows("SELECT * FROM swaps")
    assert seen["provider_status"] == "verifying"
    assert before["provider_status_since"] < turned_at < seen["provider_status_since"]

    walk(batch, 10)
    (later,) = batch.rows("SELECT * FROM swaps")
    assert later["provider_status_since"] == seen["provider_status_since"]


def test_every_move_is_kept_with_its_time_and_reason(batch: Pipeline) -> None:
    walk(batch, 30)
    (row,) = batch.rows("SELECT batch_id::text AS batch_id, state, state_since FROM batches")
    moves = batch.rows(
        "SELECT * FROM state_changes WHERE entity = 'batches' AND row_id = %(id)s"
        " ORDER BY change_id",
        id=row["batch_id"],
    )
    assert [move["to_state"] for move in moves] == [
        "claimed", "exchange_created", "pay_ordered", "paid", "finished", "distributed",
    ]  # fmt: skip
    assert [move["from_state"] for move in moves] == [
        None, *(move["to_state"] for move in moves[:-1]),
    ]  # fmt: skip
    assert moves[-1]["at"] == row["state_since"]
    assert {move["reason"] for move in moves} == {None}


def test_a_move_that_needs_a_reason_is_kept_with_it(batch: Pipeline) -> None:
    batch.exchange.forced[FIRST] = {"status": "expired"}
    walk(batch, 30)
    ended = batch.rows(
        "SELECT entity, from_state, to_state, reason FROM state_changes"
        " WHERE reason IS NOT NULL ORDER BY change_id"
    )
    assert ended == [
        {"entity": "transfers", "from_state": "requested", "to_state": "rejected",
         "reason": "exchange_expired"},
        {"entity": "swaps", "from_state": "created", "to_state": "failed",
         "reason": "rejected: exchange_expired"},
        {"entity": "batches", "from_state": "pay_ordered", "to_state": "released",
         "reason": "rejected: exchange_expired"},
    ]  # fmt: skip

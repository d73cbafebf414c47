"""Ends and orders that were lost, and what is given up by its age: the reconciler alone."""

from datetime import timedelta
from typing import Any

import pytest

from microbatch.hostpay import service as hostpay
from microbatch.messages import HostPaymentEnded, Outgoing, PaymentExecutionRequest
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import ETH, Pipeline
from tests.integration.paying import live, one, pay_in

STALE = timedelta(minutes=6)


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """Fresh observations, nobody registered."""
    pipeline = Pipeline(database)
    pipeline.observe()
    return pipeline


def broadcast(pipeline: Pipeline) -> dict[str, Any]:
    """A direct transfer whose bytes are out, and nothing on the queues."""
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.payment("7", "0.05")
    for _ in range(100):
        rows = pipeline.rows("SELECT * FROM transfers WHERE state = 'broadcast'")
        if rows:
            pipeline.queue.clear()
            return rows[0]
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError("nothing was broadcast")


def executions(sent: list[Outgoing]) -> list[str]:
    return [
        each.message.unique_id for each in sent if isinstance(each.message, PaymentExecutionRequest)
    ]


def test_a_lost_order_to_sign_a_cancel_is_sent_again(pipeline: Pipeline) -> None:
    unique_id = broadcast(pipeline)["unique_id"]
    with pipeline.database.transaction() as tx:
        hostpay.cancelling.cancel(tx, unique_id, pipeline.now, 300 * 10**9)
    assert executions(pipeline.reconcile()) == [], "it may be on its way"
    pipeline.queue.clear()
    pipeline.now += STALE
    assert executions(pipeline.reconcile()) == [unique_id]
    assert executions(pipeline.reconcile()) == [], "not twice for one standstill"
    live(pipeline, 1)
    attempts = pipeline.rows("SELECT kind, state FROM transfer_attempts ORDER BY attempt_no")
    assert [each["kind"] for each in attempts] == ["pay", "cancel"]
    assert "ordered" not in {each["state"] for each in attempts}
    assert broken_invariants(pipeline.database) == []


def test_nobody_is_asked_to_sign_for_a_transfer_that_is_parked(pipeline: Pipeline) -> None:
    transfer = broadcast(pipeline)
    with pipeline.database.transaction() as tx:
        hostpay.cancelling.cancel(tx, transfer["unique_id"], pipeline.now, 300 * 10**9)
        parked = hostpay.locked(tx, transfer["unique_id"])
        hostpay.park(tx, parked, "nonce_consumed_by_another_transaction", pipeline.now)
    pipeline.now += STALE
    assert executions(pipeline.reconcile()) == []
    assert one(pipeline, "SELECT state FROM transfer_attempts WHERE kind = 'cancel'") == {
        "state": "superseded"
    }


def test_a_parked_direct_payout_is_given_back_though_the_end_of_its_transfer_is_lost(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.chain.reverting.add("0x" + "99" * 20)
    pay_in(pipeline, "7", "0.05")
    assert one(pipeline, "SELECT state FROM payouts")["state"] == "parked"
    pipeline.chain.reverting.clear()
    with pipeline.database.transaction() as tx:
        unique_id = one_of(tx.all("SELECT unique_id FROM transfers"))["unique_id"]
        hostpay.unparking.give_up(tx, unique_id, "released_by_operator", pipeline.now)
    pipeline.now += STALE
    pipeline.reconcile()
    pipeline.run()
    assert HostPaymentEnded.__name__ in pipeline.delivered
    assert one(pipeline, "SELECT state FROM payouts")["state"] == "released"
    live(pipeline, 2)
    assert one(pipeline, "SELECT state FROM payments")["state"] == "paid"
    assert broken_invariants(pipeline.database) == []


def one_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = rows
    return row


def test_a_transfer_that_a_person_has_tried_again_has_another_day(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.chain.reverting.add("0x" + "99" * 20)
    pay_in(pipeline, "7", "0.05")
    pipeline.now += timedelta(days=3)
    pipeline.chain.balances_wei[pipeline.wallet] = 0
    pipeline.chain.reverting.clear()
    unique_id = one(pipeline, "SELECT unique_id FROM transfers")["unique_id"]
    pipeline.operate("retry", id=unique_id)
    live(pipeline, 20, step_minutes=20)
    row = one(pipeline, f"SELECT state FROM transfers WHERE unique_id = '{unique_id}'")
    assert row["state"] == "approved"
    live(pipeline, 5, step_minutes=20)
    row = one(pipeline, f"SELECT state, reason FROM transfers WHERE unique_id = '{unique_id}'")
    assert row == {"state": "rejected", "reason": "waited_too_long"}
    pipeline.chain.balances_wei[pipeline.wallet] = 10 * ETH
    live(pipeline, 3)
    assert one(pipeline, "SELECT state FROM payments")["state"] == "paid"


def test_a_batch_whose_exchange_nobody_makes_is_given_back_after_a_day(pipeline: Pipeline) -> None:
    pipeline.client("7", threshold_usd=100_000)
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    pipeline.lose = lambda each: each.queue == "swap-create"
    live(pipeline, 23.5, step_minutes=30)
    assert one(pipeline, "SELECT state FROM batches")["state"] == "claimed"
    live(pipeline, 1.5, step_minutes=30)
    batch = one(pipeline, "SELECT state, reason FROM batches")
    assert batch == {"state": "released", "reason": "exchange_does_not_answer"}
    payment = one(pipeline, "SELECT state, attempts FROM payments")
    assert payment == {"state": "pending", "attempts": 0}
    pipeline.lose = lambda _: False
    pipeline.observe()
    pipeline.check()
    pipeline.run()
    live(pipeline, 1)
    assert one(pipeline, "SELECT state FROM payments")["state"] == "converted"
    assert broken_invariants(pipeline.database) == []

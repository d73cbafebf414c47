"""What an exchange can do after it is paid, and what becomes of the payments."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from microbatch.money import split_pro_rata
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import ETH, Pipeline

FIRST = f"{1:014x}"
REFUND = "0x" + "cd" * 32


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """Three payments, a batch opened over them, the exchange created and paid."""
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.observe()
    for amount in ("0.01", "0.02", "0.03"):
        pipeline.payment("7", amount)
    pipeline.run()
    pipeline.exchange.only_after_deposit = True
    return pipeline


def convert(pipeline: Pipeline, hours: int = 0) -> None:
    """Open a batch and let hours pass, as schedules and queues would."""
    pipeline.check()
    for _ in range(60):
        if pipeline.queue:
            pipeline.step(pipeline.queue.pop(0))
    live(pipeline, hours)


def live(pipeline: Pipeline, hours: int) -> None:
    """Let hours pass: the reconciler every five minutes, messages in between."""
    end = pipeline.now + timedelta(hours=hours)
    while pipeline.now < end:
        pipeline.now += timedelta(minutes=5)
        pipeline.chain.mine()
        pipeline.reconcile()
        due, pipeline.queue = pipeline.queue, []
        for outgoing in due:
            pipeline.step(outgoing)


def one(pipeline: Pipeline, sql: str) -> dict[str, Any]:
    (row,) = pipeline.rows(sql)
    return row


def test_a_short_refund_is_split_exactly_and_the_payments_go_back(pipeline: Pipeline) -> None:
    paid = 3 * ETH * 97 // 100 * 2 // 100  # 0.06 ETH less the fee of 3 %
    came_back = paid - 777_777_777_777_777
    pipeline.exchange.forced[FIRST] = {"status": "refunded", "refund_hash": REFUND}
    pipeline.chain.refund(REFUND, pipeline.wallet, came_back)
    convert(pipeline, hours=1)

    assert one(pipeline, "SELECT state, refunded_units FROM swaps") == {
        "state": "refunded",
        "refunded_units": came_back,
    }
    assert one(pipeline, "SELECT state FROM batches")["state"] == "released"
    assert one(pipeline, "SELECT state FROM transfers")["state"] == "settled"
    rows = pipeline.rows("SELECT * FROM payments ORDER BY payment_id")
    assert [row["state"] for row in rows] == ["pending"] * 3
    assert [row["attempts"] for row in rows] == [1] * 3
    kept = [int(row["convertible_wei"]) for row in rows]
    assert kept == split_pro_rata(came_back, [int(row["net_wei"]) for row in rows])
    assert sum(int(row["refund_loss_wei"]) for row in rows) == 777_777_777_777_777
    assert broken_invariants(pipeline.database) == []

    pipeline.exchange.forced = {}
    pipeline.observe()
    pipeline.check()
    pipeline.run()
    rows = pipeline.rows(
        "SELECT share_microusdt, convertible_wei FROM payments ORDER BY payment_id"
    )
    arrived = sum(int(row["share_microusdt"]) for row in rows)
    assert [int(row["share_microusdt"]) for row in rows] == split_pro_rata(arrived, kept)
    assert broken_invariants(pipeline.database) == []


@pytest.mark.parametrize("wei", [0, 10 * ETH])
def test_a_refund_that_is_not_what_was_paid_parks_the_batch(pipeline: Pipeline, wei: int) -> None:
    pipeline.exchange.forced[FIRST] = {"status": "refunded", "refund_hash": REFUND}
    to = pipeline.wallet if wei else "0x" + "12" * 20
    pipeline.chain.refund(REFUND, to, wei or ETH)
    convert(pipeline, hours=1)
    assert one(pipeline, "SELECT state, reason FROM batches") == {
        "state": "parked",
        "reason": "refund_is_not_what_was_paid",
    }
    assert {row["state"] for row in pipeline.rows("SELECT state FROM payments")} == {"swapping"}


@pytest.mark.parametrize("status", ["failed", "expired", "verifying", "hold", "refunded"])
def test_an_exchange_in_trouble_after_we_paid_is_waited_for_and_a_late_finish_counts(
    pipeline: Pipeline, status: str
) -> None:
    pipeline.exchange.forced[FIRST] = {"status": status}
    convert(pipeline, hours=48)
    assert one(pipeline, "SELECT state FROM swaps")["state"] == "paid"
    assert {row["state"] for row in pipeline.rows("SELECT state FROM payments")} == {"swapping"}
    pipeline.delivered.clear()
    live(pipeline, hours=5)
    asked = pipeline.delivered.count("ExchangeStatusRequested")
    assert 3 <= asked <= 6, "after a day it is asked about once an hour"

    pipeline.exchange.forced = {}
    live(pipeline, hours=3)
    assert one(pipeline, "SELECT state FROM batches")["state"] == "distributed"
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


def test_what_is_distributed_is_what_arrived_when_the_provider_names_no_amount(
    pipeline: Pipeline,
) -> None:
    pipeline.exchange.amount_to = ""
    convert(pipeline, hours=1)
    batch = one(pipeline, "SELECT state, received_microusdt FROM batches")
    arrived = one(pipeline, "SELECT sum(amount_units) AS units FROM token_receipts")
    assert batch == {"state": "distributed", "received_microusdt": arrived["units"]}


@pytest.mark.parametrize(("factor", "state"), [("1.009", "distributed"), ("1.02", "parked")])
def test_a_provider_that_disagrees_with_the_chain_by_more_than_one_percent_parks_the_batch(
    pipeline: Pipeline, factor: str, state: str
) -> None:
    pipeline.exchange.amount_to = format(
        (Decimal("0.0582") * pipeline.exchange.rate * Decimal(factor)).quantize(Decimal("1e-6")),
        "f",
    )
    convert(pipeline, hours=1)
    assert one(pipeline, "SELECT state FROM batches")["state"] == state


def test_a_log_is_used_once(pipeline: Pipeline) -> None:
    convert(pipeline, hours=1)
    used = one(pipeline, "SELECT tx_hash FROM token_receipts")["tx_hash"]
    for amount in ("0.02", "0.03"):
        pipeline.payment("7", amount)
    pipeline.observe()
    pipeline.exchange.forced[f"{2:014x}"] = {
        "status": "finished",
        "payout_hash": used,
        "amount_to": "",
    }
    convert(pipeline, hours=1)
    rows = pipeline.rows("SELECT state, reason FROM batches ORDER BY created_at")
    assert [row["state"] for row in rows] == ["distributed", "parked"]
    assert rows[1]["reason"] == "payout_shared_with_another_swap"
    assert len(pipeline.rows("SELECT tx_hash FROM token_receipts")) == 1


def test_a_minimum_raised_before_we_pay_gives_the_payments_back(pipeline: Pipeline) -> None:
    pipeline.check()
    while one(pipeline, "SELECT count(*) AS n FROM transfers")["n"] == 0:
        pipeline.step(pipeline.queue.pop(0))
    pipeline.exchange.minimum = "0.5"
    pipeline.now += timedelta(minutes=11)
    waiting, pipeline.queue = pipeline.queue, []
    seen = [out for out in pipeline.reconcile() if out.queue == "swap-quote"]
    pipeline.queue = seen
    pipeline.run()
    pipeline.queue = waiting
    pipeline.run()
    transfer = one(pipeline, "SELECT state, reason FROM transfers")
    assert transfer == {"state": "rejected", "reason": "minimum_raised_to_0.5"}
    assert {row["state"] for row in pipeline.rows("SELECT state FROM payments")} == {"pending"}
    assert pipeline.chain.offered == []
    assert broken_invariants(pipeline.database) == []


def test_several_transfers_in_one_payout_are_summed(pipeline: Pipeline) -> None:
    pipeline.check()
    while one(pipeline, "SELECT state FROM swaps")["state"] != "paid":
        pipeline.step(pipeline.queue.pop(0))
    payout = "0x" + "ef" * 32
    pipeline.exchange.forced[FIRST] = {
        "status": "finished",
        "payout_hash": payout,
        "amount_to": "115.0",
    }
    pipeline.chain.pay_token(payout, "0x" + "77" * 20, 100_000_000, 15_000_001)
    pipeline.run()
    batch = one(pipeline, "SELECT state, received_microusdt FROM batches")
    assert batch == {"state": "distributed", "received_microusdt": 115_000_001}
    assert broken_invariants(pipeline.database) == []

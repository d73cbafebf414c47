"""What a hostile review found: late answers, lost ends, corrected hashes, long standstills."""

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from microbatch.messages import (
    Outgoing,
    RangeObserved,
    ReceiptObserved,
    StatusCheckResponse,
)
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import ETH, Pipeline

FIRST = f"{1:014x}"
TREASURY = "0x" + "77" * 20


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """One payment pending, worth a batch; observations fresh."""
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.observe()
    pipeline.payment("7", "0.05")
    pipeline.run()
    return pipeline


def until(pipeline: Pipeline, sql: str, state: str) -> None:
    for _ in range(300):
        rows = pipeline.rows(sql)
        if rows and rows[0]["state"] == state:
            return
        if not pipeline.queue:
            pipeline.now += timedelta(minutes=6)
            pipeline.reconcile()
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"never {state}")


def live(pipeline: Pipeline, hours: float, *, mine: bool = True) -> None:
    """Let time pass: the reconciler every five minutes, some messages in between."""
    end = pipeline.now + timedelta(hours=hours)
    while pipeline.now < end:
        pipeline.now += timedelta(minutes=5)
        if mine:
            pipeline.chain.mine()
        pipeline.reconcile()
        for _ in range(min(12, len(pipeline.queue) + 6)):
            if not mine:
                pipeline.chain.pool.clear()
            if pipeline.queue:
                pipeline.step(pipeline.queue.pop(0))


def one(pipeline: Pipeline, sql: str) -> dict[str, Any]:
    (row,) = pipeline.rows(sql)
    return row


TRANSFER = "SELECT * FROM transfers"
BATCH = "SELECT * FROM batches"


def test_an_answer_that_is_old_does_not_approve(pipeline: Pipeline) -> None:
    pipeline.check()
    until(pipeline, TRANSFER, "requested")
    pipeline.queue.clear()
    pipeline.exchange.forced[FIRST] = {"status": "expired"}
    transfer = one(pipeline, TRANSFER)
    asked = int(pipeline.now.timestamp())
    pipeline.now += timedelta(hours=20)
    old = StatusCheckResponse(
        transfer["unique_id"], FIRST, "waiting", "eth", "eth", 0.0485, transfer["to_address"], asked
    )
    pipeline.queue.append(Outgoing("hostpay-status-response", old))
    live(pipeline, hours=2)
    assert one(pipeline, TRANSFER)["state"] == "rejected"
    assert pipeline.chain.offered == []
    assert one(pipeline, "SELECT state FROM payments")["state"] == "pending"


def test_the_approval_is_as_old_as_the_answer(pipeline: Pipeline) -> None:
    pipeline.check()
    until(pipeline, TRANSFER, "requested")
    while not isinstance(pipeline.queue[0].message, StatusCheckResponse):
        pipeline.step(pipeline.queue.pop(0))
    answered = pipeline.now
    pipeline.now += timedelta(minutes=9)
    pipeline.step(pipeline.queue.pop(0))
    approved = one(pipeline, TRANSFER)
    assert (approved["state"], approved["approved_at"]) == ("approved", answered)


def test_a_transfer_unmined_for_days_is_found_once_it_is_mined(pipeline: Pipeline) -> None:
    pipeline.check()
    until(pipeline, TRANSFER, "broadcast")
    live(pipeline, hours=30, mine=False)
    assert one(pipeline, TRANSFER)["state"] == "broadcast"
    live(pipeline, hours=6)
    assert one(pipeline, BATCH)["state"] == "distributed"
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


@pytest.mark.parametrize("fate", ["expired", "reverted"])
def test_a_lost_word_that_the_host_payment_ended_is_sent_again(
    pipeline: Pipeline, fate: str
) -> None:
    lost: list[str] = []

    def lose_first(outgoing: Outgoing) -> bool:
        if type(outgoing.message).__name__ != "HostPaymentEnded" or lost:
            return False
        lost.append("once")
        return True

    pipeline.lose = lose_first
    pipeline.check()
    if fate == "expired":
        pipeline.exchange.forced[FIRST] = {"status": "expired"}
    else:
        until(pipeline, TRANSFER, "approved")
        while pipeline.chain.offered == []:
            pipeline.step(pipeline.queue.pop(0))
        pipeline.chain.reverting.add(one(pipeline, TRANSFER)["to_address"].lower())
    live(pipeline, hours=3)
    assert lost == ["once"]
    assert one(pipeline, BATCH)["state"] == "released"
    assert one(pipeline, "SELECT state FROM payments")["state"] == "pending"
    assert broken_invariants(pipeline.database) == []


def test_a_payout_that_the_provider_sends_again_is_found(pipeline: Pipeline) -> None:
    wrong, right = "0x" + "e1" * 32, "0x" + "e2" * 32
    pipeline.exchange.only_after_deposit = True
    finished = {"status": "finished", "amount_to": "96.03"}
    pipeline.exchange.forced[FIRST] = {**finished, "payout_hash": wrong}
    pipeline.check()
    live(pipeline, hours=2)
    assert one(pipeline, BATCH)["state"] == "paid"
    pipeline.exchange.forced[FIRST] = {**finished, "payout_hash": right}
    pipeline.chain.pay_token(right, TREASURY, 96_030_000)
    live(pipeline, hours=2)
    assert one(pipeline, BATCH)["state"] == "distributed"


def test_a_payout_that_moved_nothing_to_us_waits_for_the_right_one(pipeline: Pipeline) -> None:
    wrong, right = "0x" + "e1" * 32, "0x" + "e2" * 32
    pipeline.exchange.only_after_deposit = True
    finished = {"status": "finished", "amount_to": "96.03"}
    pipeline.exchange.forced[FIRST] = {**finished, "payout_hash": wrong}
    pipeline.chain.pay_token(wrong, TREASURY)
    pipeline.check()
    live(pipeline, hours=2)
    assert one(pipeline, BATCH)["state"] == "paid"
    pipeline.exchange.forced[FIRST] = {**finished, "payout_hash": right}
    pipeline.chain.pay_token(right, TREASURY, 96_030_000)
    live(pipeline, hours=2)
    assert one(pipeline, BATCH)["state"] == "distributed"


@pytest.mark.parametrize(
    ("wei", "named", "reason"),
    [
        (1, "0.048", "refund_differs_from_provider"),
        (1, "", "refund_loss_too_large"),
        (ETH // 40, "0.025", "refund_loss_too_large"),
    ],
)
def test_a_refund_is_not_booked_as_a_loss_blindly(
    pipeline: Pipeline, wei: int, named: str, reason: str
) -> None:
    refund = "0x" + "cd" * 32
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {
        "status": "refunded",
        "refund_hash": refund,
        "refund_amount": named,
    }
    pipeline.chain.refund(refund, pipeline.wallet, wei)
    pipeline.check()
    live(pipeline, hours=2)
    assert (one(pipeline, BATCH)["state"], one(pipeline, BATCH)["reason"]) == ("parked", reason)
    assert one(pipeline, "SELECT refund_loss_wei FROM payments")["refund_loss_wei"] == 0


def test_what_arrived_is_measured_by_the_quote_when_the_provider_names_no_amount(
    pipeline: Pipeline,
) -> None:
    payout = "0x" + "e1" * 32
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {
        "status": "finished",
        "payout_hash": payout,
        "amount_to": "",
    }
    pipeline.chain.pay_token(payout, TREASURY, 1_000_000)
    pipeline.check()
    live(pipeline, hours=1)
    assert one(pipeline, BATCH)["reason"] == "arrived_differs_from_quote"


def test_more_pending_than_the_provider_takes_is_converted_in_parts(pipeline: Pipeline) -> None:
    for amount in ("2", "2", "2", "7"):
        pipeline.payment("7", amount)
    pipeline.run()
    for _ in range(3):
        pipeline.now += timedelta(minutes=11)
        for outgoing in pipeline.reconcile():
            pipeline.step(outgoing)
        pipeline.queue = [
            Outgoing("swap-results", _with_maximum(each.message, "5"))
            if isinstance(each.message, RangeObserved)
            else each
            for each in pipeline.queue
        ]
        pipeline.run()
        pipeline.check()
        pipeline.run()
    states = pipeline.rows("SELECT received_wei, state FROM payments ORDER BY received_wei")
    assert [row["state"] for row in states] == ["converted"] * 4 + ["pending"]
    assert broken_invariants(pipeline.database) == []


def _with_maximum(seen: RangeObserved, maximum: str) -> RangeObserved:
    return dataclasses.replace(seen, maximum=maximum)


def test_a_lost_preflight_is_asked_for_again_within_minutes(pipeline: Pipeline) -> None:
    pipeline.check()
    until(pipeline, TRANSFER, "approved")
    pipeline.queue.clear()
    approved = pipeline.now
    live(pipeline, hours=0.25)
    assert one(pipeline, TRANSFER)["signed_at"] - approved < timedelta(minutes=7)


def test_an_outage_of_half_a_day_does_not_pile_up_messages(pipeline: Pipeline) -> None:
    pipeline.check()
    waiting = pipeline.queue
    pipeline.queue = []
    for _ in range(144):
        pipeline.now += timedelta(minutes=5)
        waiting += [out for out in pipeline.reconcile() if out.queue == "swap-create"]
        pipeline.queue.clear()
    assert 5 < len(waiting) < 25


def test_a_node_that_lags_does_not_take_a_mined_transfer_back(pipeline: Pipeline) -> None:
    pipeline.check()
    until(pipeline, TRANSFER, "mined")
    transfer = one(pipeline, TRANSFER)
    behind = ReceiptObserved(
        timestamp=int(pipeline.now.timestamp()),
        unique_id=transfer["unique_id"],
        tx_hash=transfer["tx_hash"],
        status="absent",
        block_number=0,
        block_hash="",
        canonical_hash="",
        gas_used=0,
        effective_gas_price_wei="0",
        head_number=transfer["block_number"] - 1,
        latest_nonce=0,
        finalized_nonce=0,
    )
    pipeline.step(Outgoing("chain-results", behind))
    assert one(pipeline, TRANSFER)["state"] == "mined"
    pipeline.run()
    assert one(pipeline, BATCH)["state"] == "distributed"


def test_an_empty_payin_address_is_asked_about_again(pipeline: Pipeline) -> None:
    pipeline.check()
    until(pipeline, TRANSFER, "requested")
    pipeline.exchange.forced[FIRST] = {"status": "waiting", "payin_address": ""}
    for _ in range(6):
        pipeline.step(pipeline.queue.pop(0))
    assert one(pipeline, TRANSFER)["state"] == "requested"
    pipeline.exchange.forced = {}
    pipeline.run()
    assert one(pipeline, BATCH)["state"] == "distributed"
    assert Decimal(one(pipeline, BATCH)["received_microusdt"]) > 0

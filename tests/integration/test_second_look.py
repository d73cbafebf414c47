"""What a second hostile review found: other wallets' orders, shared payouts, limits, late words."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from microbatch import messages
from microbatch.conversion.model import Open, Wait, WaitReason
from microbatch.errors import InvalidInput, RetryLater
from microbatch.hostpay import attempt_store
from microbatch.hostpay.model import Fees, HostWallet
from microbatch.market import service as market
from microbatch.market.model import ETH_TO_USDT
from microbatch.messages import ExchangeStatusObserved, Outgoing, PaymentExecutionRequest
from microbatch.operations.acts import perform
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.changenow import ExchangeError
from microbatch.vendors.ethereum.key_signer import KeySigner
from tests.fakes.pipeline import SIGNING_KEY, Pipeline
from tests.integration.test_late_and_lost import BATCH, FIRST, TRANSFER, TREASURY, live, one, until


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """A client and fresh observations."""
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.observe()
    return pipeline


def paid_in(pipeline: Pipeline, *eth: str) -> None:
    for amount in eth:
        pipeline.payment("7", amount)
    pipeline.run()


def limited(pipeline: Pipeline, minimum: str, maximum: str) -> None:
    pipeline.now += timedelta(seconds=1)
    with pipeline.database.transaction() as tx:
        market.take_limits(tx, ETH_TO_USDT, minimum, maximum, pipeline.now)


def test_an_order_is_never_signed_with_another_wallets_key(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    pipeline.check()
    until(pipeline, TRANSFER, "broadcast")
    unique_id = one(pipeline, TRANSFER)["unique_id"]
    with pipeline.database.transaction() as tx:
        attempt_store.order_attempt(tx, unique_id, Fees(21_000, 9 * 10**9, 2 * 10**9), pipeline.now)
    pipeline.signer = KeySigner("0x" + "22" * 32)
    policy = pipeline.hostpay_policy
    limits = replace(policy.limits, wallets=(HostWallet(pipeline.signer.address.lower()),))
    pipeline.hostpay_policy = replace(policy, limits=limits)
    order = PaymentExecutionRequest(
        unique_id, FIRST, "eth", "eth", 0.0485, "0x", int(pipeline.now.timestamp())
    )
    assert pipeline.deliver("hostpay-payment-execute", order) == []
    ordered = pipeline.rows("SELECT state FROM transfer_attempts ORDER BY attempt_no")
    assert [row["state"] for row in ordered] == ["sent", "ordered"]


def test_finished_with_a_hash_that_never_lands_and_then_refunded(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    lost, refund = "0x" + "e1" * 32, "0x" + "cd" * 32
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {"status": "finished", "payout_hash": lost, "amount_to": ""}
    pipeline.check()
    live(pipeline, hours=2)
    pipeline.exchange.forced[FIRST] = {"status": "refunded", "refund_hash": refund}
    pipeline.chain.refund(refund, pipeline.wallet, 48_000_000_000_000_000)
    live(pipeline, hours=3)
    assert one(pipeline, "SELECT state FROM swaps")["state"] == "refunded"
    assert one(pipeline, "SELECT state FROM payments")["state"] == "pending"
    assert broken_invariants(pipeline.database) == []


@pytest.mark.parametrize("error", ["deposit_too_small", "pair_is_inactive"])
def test_a_fault_of_the_provider_does_not_count_against_the_payments(
    pipeline: Pipeline, error: str
) -> None:
    paid_in(pipeline, "0.05")
    pipeline.exchange.refusal = ExchangeError(error, "no", minimum="0.5")
    for _ in range(8):
        pipeline.check()
        for _ in range(12):
            if pipeline.queue:
                with suppress(RetryLater):  # the queue would keep the message
                    pipeline.step(pipeline.queue.pop(0))
        pipeline.now += timedelta(minutes=15)
    payment = one(pipeline, "SELECT state, attempts FROM payments")
    assert payment["attempts"] == 0
    assert payment["state"] in ("pending", "swapping")
    assert pipeline.chain.offered == []


def test_what_a_refusal_says_of_the_limits_is_believed_at_once(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    pipeline.exchange.refusal = ExchangeError("deposit_too_small", "no", minimum="0.5")
    pipeline.now += timedelta(seconds=1)
    pipeline.check()
    pipeline.run()
    assert pipeline.check().decision == Wait(WaitReason.BELOW_MINIMUM)


def test_a_small_old_payment_does_not_block_the_large_ones_behind_it(pipeline: Pipeline) -> None:
    limited(pipeline, "0.001", "5")
    pipeline.payment("7", "0.0005")
    pipeline.run()
    pipeline.now += timedelta(minutes=1)
    paid_in(pipeline, "5.1545")
    pipeline.now += timedelta(minutes=1)
    paid_in(pipeline, "0.5", "0.5")
    check = pipeline.check()
    assert isinstance(check.decision, Open)
    assert check.claimed.payments_count == 1
    assert check.claimed.net_wei == 4_999_865_000_000_000_000


def test_limits_that_cannot_be_are_not_believed_and_long_ones_are_read(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    limited(pipeline, "0", "-1")
    limited(pipeline, "0.001", "4.9999999999999999999999")
    assert isinstance(pipeline.check().decision, Open)


def test_all_pending_above_the_maximum_is_said_so(pipeline: Pipeline) -> None:
    paid_in(pipeline, "6")
    limited(pipeline, "0.001", "5")
    assert pipeline.check().decision == Wait(WaitReason.ABOVE_MAXIMUM)


def test_one_payout_for_two_swaps_gives_each_its_own(pipeline: Pipeline) -> None:
    payout, second = "0x" + "e1" * 32, f"{2:014x}"
    pipeline.exchange.only_after_deposit = True
    for exchange, amount in ((FIRST, "96.03"), (second, "57.618")):
        pipeline.exchange.forced[exchange] = {
            "status": "finished",
            "payout_hash": payout,
            "amount_to": amount,
        }
    pipeline.chain.pay_token(payout, TREASURY, 96_030_000, 57_618_000)
    paid_in(pipeline, "0.05")
    pipeline.check()
    paid_in(pipeline, "0.03")
    pipeline.check()
    live(pipeline, hours=1)
    rows = pipeline.rows("SELECT state, received_microusdt FROM batches ORDER BY created_at")
    assert [(row["state"], int(row["received_microusdt"])) for row in rows] == [
        ("distributed", 96_030_000),
        ("distributed", 57_618_000),
    ]
    assert broken_invariants(pipeline.database) == []


def test_an_exchange_that_nobody_knows_is_given_up_after_a_day(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    pipeline.check()
    pipeline.exchange.forced[FIRST] = {"status": "not_found"}
    live(pipeline, hours=20)
    assert one(pipeline, TRANSFER)["state"] == "requested"
    live(pipeline, hours=8)
    assert one(pipeline, TRANSFER)["reason"] == "waited_too_long"
    assert one(pipeline, BATCH)["state"] == "released"


def test_an_event_can_be_told_after_days(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    body = messages.body(pipeline.told[0], SIGNING_KEY)
    later = pipeline.now + timedelta(days=10)
    assert messages.read("events", body, [SIGNING_KEY], later) == pipeline.told[0]


def test_an_old_price_is_good_enough_to_see_that_an_amount_cannot_be_right(
    pipeline: Pipeline,
) -> None:
    pipeline.now += timedelta(hours=3)
    pipeline.payment("7", "9.9", invoice_usd="10")
    pipeline.payment("7", "0.006", invoice_usd="10")
    pipeline.run()
    held = one(pipeline, "SELECT reason FROM held_payments")
    assert held["reason"] == "implausible_amount"
    assert one(pipeline, "SELECT net_usd_from FROM payments")["net_usd_from"] == "invoice"


def test_a_cancel_that_was_dropped_does_not_come_back_as_a_bump(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    pipeline.check()
    until(pipeline, TRANSFER, "broadcast")
    unique_id, fees = one(pipeline, TRANSFER)["unique_id"], Fees(21_000, 9 * 10**9, 2 * 10**9)
    with pipeline.database.transaction() as tx:
        attempt_store.order_cancel(tx, unique_id, fees, pipeline.now)
        attempt_store.drop_order(tx, unique_id, pipeline.now)
        attempt_store.order_attempt(tx, unique_id, fees, pipeline.now)
    kinds = pipeline.rows("SELECT kind, state FROM transfer_attempts ORDER BY attempt_no")
    assert [row["kind"] for row in kinds] == ["pay", "cancel", "pay"]


def test_a_clock_that_runs_ahead_does_not_keep_a_preflight_fresh(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    pipeline.check()
    until(pipeline, TRANSFER, "approved")
    while type(pipeline.queue[0].message).__name__ != "PreflightObserved":
        pipeline.step(pipeline.queue.pop(0))
    ahead = int(pipeline.now.timestamp()) + 290
    seen = replace(pipeline.queue.pop(0).message, timestamp=ahead)  # type: ignore[type-var]
    pipeline.step(Outgoing("chain-results", seen))
    assert one(pipeline, TRANSFER)["preflight_at"] <= pipeline.now


def test_an_ended_exchange_that_pays_again_changes_nothing(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.05")
    pipeline.check()
    pipeline.run()
    before = pipeline.rows("SELECT * FROM swaps")
    more = ExchangeStatusObserved(
        timestamp=int(pipeline.now.timestamp()),
        swap_id=before[0]["swap_id"],
        cn_api_id=FIRST,
        status="finished",
        payout_hash="0x" + "aa" * 32,
    )
    assert pipeline.deliver("swap-results", more) == []
    assert pipeline.rows("SELECT * FROM swaps") == before


@pytest.mark.parametrize("why", ["\0", "a\ud800b"])
def test_what_cannot_be_stored_is_refused_as_input(pipeline: Pipeline, why: str) -> None:
    request: dict[str, Any] = {
        "act": "threshold set",
        "threshold_usd": "5",
        "who": "op",
        "why": why,
    }
    with pytest.raises(InvalidInput, match="stored"), pipeline.database.transaction() as tx:
        perform(request, tx, pipeline.now, pipeline.surroundings)
    assert json.dumps(one(pipeline, "SELECT value FROM settings")) == '{"value": "20.00"}'

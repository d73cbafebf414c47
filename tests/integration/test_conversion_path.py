"""The whole conversion path through the production services, on a real Postgres."""

from datetime import timedelta
from typing import Any

import pytest

from microbatch.conversion.model import Open, Wait, WaitReason
from microbatch.money import split_pro_rata
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.changenow import ExchangeError
from tests.fakes.pipeline import Pipeline


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """Two clients, fresh observations, nothing pending."""
    pipeline = Pipeline(database)
    pipeline.client("-1003296084379")
    pipeline.client("7")
    pipeline.observe()
    return pipeline


def paid_in(pipeline: Pipeline, *eth: str) -> None:
    for number, amount in enumerate(eth):
        pipeline.payment(("-1003296084379", "7")[number % 2], amount)
    pipeline.run()


def states(pipeline: Pipeline, table: str) -> list[str]:
    rows = pipeline.rows(f"SELECT state FROM {table} ORDER BY state")
    return [row["state"] for row in rows]


def shares(pipeline: Pipeline) -> list[int]:
    rows = pipeline.rows("SELECT share_microusdt AS share FROM payments ORDER BY payment_id")
    return [int(row["share"]) for row in rows]


def test_payments_become_exact_shares_of_what_arrived(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.004", "0.0051", "0.003000000000000007")
    check = pipeline.check()
    assert isinstance(check.decision, Open)
    pipeline.run()

    assert pipeline.dead == []
    assert states(pipeline, "payments") == ["converted"] * 3
    assert states(pipeline, "batches") == ["distributed"]
    assert states(pipeline, "swaps") == ["finished"]
    assert states(pipeline, "transfers") == ["settled"]
    weights = [
        int(row["net_wei"])
        for row in pipeline.rows("SELECT net_wei FROM payments ORDER BY payment_id")
    ]
    arrived = sum(
        int(row["units"])
        for row in pipeline.rows("SELECT amount_units AS units FROM token_receipts")
    )
    assert shares(pipeline) == split_pro_rata(arrived, weights)
    assert sum(shares(pipeline)) == arrived > 0
    (transfer,) = pipeline.rows("SELECT to_address, amount_units FROM transfers")
    assert pipeline.chain.received_wei(transfer["to_address"]) == sum(weights)
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


def test_every_message_twice_pays_once_and_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.copies = 2
    paid_in(pipeline, "0.01", "0.02")
    pipeline.check()
    pipeline.run()
    assert states(pipeline, "batches") == ["distributed"]
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert len(pipeline.rows("SELECT cn_api_id FROM exchanges WHERE is_current")) == 1
    assert broken_invariants(pipeline.database) == []


def test_a_second_check_makes_no_second_batch(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.02")
    assert isinstance(pipeline.check().decision, Open)
    assert pipeline.check().decision == Wait(WaitReason.NOTHING_PENDING)
    assert len(pipeline.rows("SELECT batch_id FROM batches")) == 1


def test_below_the_threshold_nothing_happens_and_it_is_said_why(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.001", "0.002")
    before = pipeline.rows("SELECT * FROM payments ORDER BY payment_id")
    check = pipeline.check()
    assert check.decision == Wait(WaitReason.BELOW_THRESHOLD)
    assert check.outgoing == []
    assert pipeline.rows("SELECT * FROM payments ORDER BY payment_id") == before
    assert pipeline.rows("SELECT * FROM batches") == []
    (noted,) = pipeline.rows("SELECT decision, reason, payments_count FROM threshold_checks")
    assert noted == {"decision": "wait", "reason": "below_threshold", "payments_count": 2}


def test_old_payments_are_converted_below_the_threshold(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.005")
    pipeline.now += timedelta(days=1)
    pipeline.observe()
    decision = pipeline.check().decision
    assert isinstance(decision, Open)
    assert decision.opened_for == "max_age"


def test_the_threshold_is_read_at_every_check(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.005")
    assert isinstance(pipeline.check().decision, Wait)
    with pipeline.database.transaction() as tx:
        tx.execute("UPDATE settings SET value = '5' WHERE name = 'threshold_usd'")
    assert isinstance(pipeline.check().decision, Open)


def test_without_fresh_observations_it_waits(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.1")
    pipeline.now += timedelta(minutes=31)
    assert pipeline.check().decision == Wait(WaitReason.STALE)


def test_a_refused_exchange_gives_the_payments_back_and_after_five_parks_them(
    pipeline: Pipeline,
) -> None:
    paid_in(pipeline, "0.02", "0.03")
    pipeline.exchange.refusal = ExchangeError("not_valid_address", "Address is not valid")
    for attempt in range(1, 6):
        assert isinstance(pipeline.check().decision, Open)
        pipeline.run()
        rows = pipeline.rows("SELECT state, attempts, batch_id FROM payments")
        assert {row["attempts"] for row in rows} == {attempt}
    assert states(pipeline, "payments") == ["parked", "parked"]
    assert states(pipeline, "batches") == ["released"] * 5
    assert states(pipeline, "swaps") == ["failed"] * 5
    assert pipeline.chain.offered == []
    assert broken_invariants(pipeline.database) == []


def test_a_quote_out_of_band_releases_the_batch_and_pays_nothing(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.02")
    check = pipeline.check()
    pipeline.exchange.rate /= 2
    pipeline.run()
    assert isinstance(check.decision, Open)
    assert states(pipeline, "payments") == ["pending"]
    assert states(pipeline, "batches") == ["released"]
    assert pipeline.rows("SELECT * FROM transfers") == []


@pytest.mark.parametrize("status", ["failed", "refunded", "expired"])
def test_an_exchange_that_ended_before_we_paid_is_never_paid(
    pipeline: Pipeline, status: str
) -> None:
    paid_in(pipeline, "0.02")
    pipeline.check()
    pipeline.exchange.forced = {f"{1:014x}": {"status": status}}
    pipeline.run()
    assert states(pipeline, "transfers") == ["rejected"]
    assert states(pipeline, "swaps") == ["failed"]
    assert states(pipeline, "payments") == ["pending"]
    assert pipeline.chain.offered == []
    assert broken_invariants(pipeline.database) == []


def test_an_unknown_status_pays_nothing_and_is_asked_again(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.02")
    pipeline.check()
    pipeline.exchange.forced = {f"{1:014x}": {"status": "hold"}}
    for _ in range(40):
        pipeline.step(pipeline.queue.pop(0))
    assert states(pipeline, "transfers") == ["requested"]
    assert pipeline.chain.offered == []
    assert len(pipeline.queue) == 1
    pipeline.exchange.forced = {}
    pipeline.run()
    assert states(pipeline, "batches") == ["distributed"]


def test_two_exchanges_for_one_swap_pay_only_one(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.02")
    check = pipeline.check()
    pipeline.queue += check.outgoing
    pipeline.run()
    rows = pipeline.rows("SELECT is_current FROM exchanges ORDER BY cn_api_id")
    assert [row["is_current"] for row in rows] == [True, False]
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert states(pipeline, "batches") == ["distributed"]


LOSABLE = [
    "ExchangeRequested",
    "ExchangeCreated",
    "BatchOrder",
    "StatusCheckRequest",
    "StatusCheckResponse",
    "PaymentExecutionRequest",
    "PreflightRequested",
    "PreflightObserved",
    "BroadcastRequested",
    "BroadcastObserved",
    "ReceiptRequested",
    "ReceiptObserved",
    "PaymentExecutionResponse",
    "ExchangeStatusRequested",
    "ExchangeStatusObserved",
    "TransferLogsRequested",
    "TransferLogsFound",
    "BatchResult",
]


@pytest.mark.parametrize("name", LOSABLE)
def test_a_lost_message_is_made_good_by_the_reconciler(pipeline: Pipeline, name: str) -> None:
    lost: list[str] = []

    def lose_first(outgoing: Any) -> bool:
        if type(outgoing.message).__name__ != name or lost:
            return False
        lost.append(name)
        return True

    paid_in(pipeline, "0.02", "0.03")
    pipeline.lose = lose_first
    pipeline.check()
    pipeline.run()
    assert lost == [name]
    for _ in range(10):
        pipeline.now += timedelta(minutes=6)
        pipeline.chain.mine()
        pipeline.reconcile()
        pipeline.run()
    assert states(pipeline, "batches") == ["distributed"]
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


def test_losing_all_messages_at_any_moment_loses_nothing(pipeline: Pipeline) -> None:
    for cut in range(1, 36):
        paid_in(pipeline, "0.02", "0.03")
        pipeline.observe()
        assert isinstance(pipeline.check().decision, Open)
        for _ in range(cut):
            if pipeline.queue:
                pipeline.step(pipeline.queue.pop(0))
        pipeline.queue.clear()
        for _ in range(4):
            pipeline.now += timedelta(minutes=6)
            pipeline.chain.mine()
            pipeline.reconcile()
            pipeline.run()
        assert set(states(pipeline, "batches")) == {"distributed"}, f"cut after {cut} messages"
        assert pipeline.chain.count(pipeline.wallet) == cut
    assert broken_invariants(pipeline.database) == []


def test_polling_does_not_multiply(pipeline: Pipeline) -> None:
    paid_in(pipeline, "0.02")
    pipeline.check()
    pipeline.exchange.forced = {f"{1:014x}": {"status": "new"}}
    pipeline.copies = 3
    for _ in range(30):
        pipeline.step(pipeline.queue.pop(0))
    pipeline.copies = 1
    while pipeline.queue and not pipeline.queue[0].delay_seconds:
        pipeline.step(pipeline.queue.pop(0))
    pipeline.reconcile()
    for _ in range(20):
        pipeline.step(pipeline.queue.pop(0))
        asked = [out for out in pipeline.queue if out.queue.startswith("hostpay-status")]
        assert len(asked) == 1


def test_a_reorganisation_takes_the_payment_back_and_sends_the_same_bytes(
    pipeline: Pipeline,
) -> None:
    paid_in(pipeline, "0.02")
    pipeline.check()
    while states(pipeline, "transfers") != ["mined"]:
        pipeline.step(pipeline.queue.pop(0))
    (mined,) = pipeline.chain.mined
    pipeline.chain.unmine(mined)
    pipeline.chain.head -= 1
    while states(pipeline, "transfers") == ["mined"]:
        pipeline.chain.pool, kept = [], list(pipeline.chain.pool)
        pipeline.step(pipeline.queue.pop(0))
        pipeline.chain.pool = kept
    assert states(pipeline, "transfers") == ["broadcast"]
    pipeline.run()
    assert len(set(pipeline.chain.offered)) == 1
    assert states(pipeline, "batches") == ["distributed"]
    assert broken_invariants(pipeline.database) == []

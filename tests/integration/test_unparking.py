"""Acts on what is parked or waits: payments, payouts, and everything that is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.changenow import ExchangeError
from tests.fakes.pipeline import ETH, Pipeline
from tests.integration.parked import FIRST, run
from tests.integration.paying import CLIENT, one, operate, pay_in, states

PAYMENT = "SELECT * FROM payments ORDER BY payment_id LIMIT 1"
TRANSFER = "SELECT * FROM transfers ORDER BY created_at DESC LIMIT 1"
PAYOUTS = "SELECT * FROM payouts ORDER BY created_at"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """A client, fresh observations; at the end the books are right."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def everything(pipeline: Pipeline) -> Any:
    tables = ("payments", "batches", "payouts", "swaps", "transfers", "operator_acts", "wallets")
    return [pipeline.rows(f"SELECT * FROM {table} ORDER BY 1") for table in tables]


def until(pipeline: Pipeline, table: str, state: str) -> dict[str, Any]:
    for _ in range(200):
        rows = pipeline.rows(f"SELECT * FROM {table} WHERE state = '{state}'")
        if rows:
            return rows[0]
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"nothing of {table} became {state}")


# --- payments -------------------------------------------------------------------------------------


def fail_five_times(pipeline: Pipeline) -> dict[str, Any]:
    """A payment whose exchange is refused until it is parked."""
    pipeline.exchange.refusal = ExchangeError("not_valid_params", "no")
    pay_in(pipeline, "7", "0.05")
    for _ in range(5):
        pipeline.check()
        pipeline.run()
    pipeline.exchange.refusal = None
    payment = one(pipeline, PAYMENT)
    assert (payment["state"], payment["attempts"]) == ("parked", 5)
    return payment


def test_a_payment_that_failed_too_often_is_pending_again(pipeline: Pipeline) -> None:
    payment = fail_five_times(pipeline)
    answer = pipeline.operate("retry", id=payment["payment_id"])
    assert answer["before"]["park_reason"].startswith("not_valid_params")
    assert (answer["after"]["state"], answer["after"]["attempts"]) == ("pending", 0)
    pipeline.check()
    pipeline.run()
    assert states(pipeline) == ["converted"]


def test_an_instant_payment_that_failed_too_often_is_paid_at_once(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.refusal = ExchangeError("not_valid_params", "no")
    pay_in(pipeline, "8", "0.05")
    for _ in range(5):
        pipeline.now += timedelta(hours=1, minutes=1)
        pipeline.observe()
        pipeline.pay_out()
        pipeline.run()
    assert states(pipeline) == ["parked"]
    pipeline.exchange.refusal = None
    answer = operate(pipeline, "retry", id=one(pipeline, PAYMENT)["payment_id"])
    assert answer["sent"] == {"swap-quote": 1}
    run(pipeline)
    assert states(pipeline) == ["paid"]


def keep_everything(pipeline: Pipeline) -> dict[str, Any]:
    """A refund so small that nothing of the smallest payment is left."""
    pipeline.payment("7", "0.000000000000000001")
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.exchange.only_after_deposit = True
    refund = "0x" + "cd" * 32
    came_back = 48_500_000_000_000_000 * 4 // 5
    pipeline.exchange.forced[FIRST] = {"status": "refunded", "refund_hash": refund}
    pipeline.chain.refund(refund, pipeline.wallet, came_back)
    pipeline.check()
    run(pipeline)
    (payment,) = pipeline.rows("SELECT * FROM payments WHERE convertible_wei = 0")
    assert payment["state"] == "parked"
    return payment


def test_a_payment_of_which_nothing_is_left_is_written_off(pipeline: Pipeline) -> None:
    payment = keep_everything(pipeline)
    with pytest.raises(InvalidInput, match="nothing is left"):
        pipeline.operate("retry", id=payment["payment_id"])
    answer = pipeline.operate("release", id=payment["payment_id"])
    assert (answer["after"]["state"], answer["after"]["park_reason"]) == ("written_off", None)
    with pytest.raises(InvalidInput, match="is not parked"):
        pipeline.operate("retry", id=payment["payment_id"])


def test_a_parked_payment_that_is_worth_something_is_never_written_off(
    pipeline: Pipeline,
) -> None:
    payment = fail_five_times(pipeline)
    with pytest.raises(InvalidInput, match="retry it"):
        pipeline.operate("release", id=payment["payment_id"])
    assert states(pipeline) == ["parked"]


# --- what is not parked, but given up -------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "state"),
    [("batches", "claimed"), ("batches", "exchange_created"), ("transfers", "requested"),
     ("transfers", "approved")],
)  # fmt: skip
def test_a_batch_of_which_nothing_is_signed_is_given_up(
    pipeline: Pipeline, table: str, state: str
) -> None:
    pay_in(pipeline, "7", "0.05")
    batch_id = str(pipeline.check().batch_id)
    until(pipeline, table, state)
    answer = pipeline.operate("release", id=batch_id)
    assert answer["after"]["batch"]["state"] == "released"
    assert answer["after"]["swap"]["state"] == "failed"
    pipeline.run()  # what was on its way comes too late
    assert states(pipeline) == ["pending"]
    assert pipeline.chain.offered == []
    pipeline.check()
    pipeline.run()
    assert states(pipeline) == ["converted"]


@pytest.mark.parametrize("state", ["signed", "broadcast", "mined", "confirmed", "settled"])
def test_what_is_out_is_not_given_up_and_the_answer_says_why(
    pipeline: Pipeline, state: str
) -> None:
    pay_in(pipeline, "7", "0.05")
    batch_id = str(pipeline.check().batch_id)
    transfer = until(pipeline, "transfers", state)
    before = everything(pipeline)
    named = rf"transfer {transfer['unique_id']} is {state} with nonce 0|is finished: nothing"
    with pytest.raises(InvalidInput, match=named):
        pipeline.operate("release", id=batch_id)
    assert everything(pipeline) == before


@pytest.mark.parametrize("is_reserved", [False, True])
def test_a_direct_payout_is_given_up_and_paid_later(pipeline: Pipeline, is_reserved: bool) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pipeline.payment("8", "0.05")
    pipeline.step(pipeline.queue.pop(0))
    if is_reserved:
        until(pipeline, "transfers", "approved")
    payout = one(pipeline, PAYOUTS)
    answer = operate(pipeline, "release", id=str(payout["payout_id"]))
    assert answer["after"]["payout"]["state"] == "released"
    assert states(pipeline) == ["waiting_instant"]
    pipeline.now += timedelta(hours=2)
    pipeline.observe()
    pipeline.pay_out()
    run(pipeline)
    assert states(pipeline) == ["paid"]
    assert pipeline.chain.received_wei(CLIENT) == ETH // 20 * 97 // 100
    with pytest.raises(InvalidInput, match=r"nothing of it is left|is settled"):
        pipeline.operate("release", id=one(pipeline, TRANSFER)["unique_id"])


# --- payouts --------------------------------------------------------------------------------------


def test_a_payout_goes_on_though_the_client_has_another_under_way(pipeline: Pipeline) -> None:
    """It stays parked, as a client has one at a time; but its transfer is paid."""
    pipeline.client("8", wants="usdt/eth", threshold_usd=50)
    for _ in range(2):
        pay_in(pipeline, "8", "0.05")
        pipeline.check()
        run(pipeline)
        if not pipeline.rows("SELECT 1 FROM payouts"):
            pipeline.chain.blacklisted.add(CLIENT)
            pipeline.pay_out()
            run(pipeline)
            pipeline.chain.blacklisted.clear()
    parked = one(pipeline, "SELECT * FROM payouts WHERE state = 'parked'")
    pipeline.pay_out()
    assert len(pipeline.rows("SELECT 1 FROM payouts WHERE state = 'claimed'")) == 1

    answer = pipeline.operate("retry", id=str(parked["payout_id"]))

    assert answer["after"]["payout"]["state"] == "parked"
    assert answer["after"]["transfer"]["state"] == "approved"
    run(pipeline)
    assert {row["state"] for row in pipeline.rows(PAYOUTS)} == {"completed"}
    assert pipeline.chain.units_of(CLIENT) == 2 * 96_030_000


@pytest.mark.parametrize("seen", [None, "0.0450000000001"])
def test_a_payouts_refund_that_is_less_is_booked_when_a_person_has_seen_it(
    pipeline: Pipeline, seen: str | None
) -> None:
    pipeline.client("8", strategy="instant", wants="btc/btc", address="bc1q")
    refund = "0x" + "cd" * 32
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {
        "status": "refunded", "refund_hash": refund, "refund_amount": "0.0485",
    }  # fmt: skip
    pipeline.chain.refund(refund, pipeline.wallet, 45_000_000_000_100_000)
    pipeline.payment("8", "0.05")
    run(pipeline)
    payout = one(pipeline, PAYOUTS)
    assert (payout["state"], payout["reason"]) == ("parked", "refund_differs_from_provider")
    fields = {} if seen is None else {"seen_amount": seen}
    pipeline.operate("retry", id=str(payout["payout_id"]), **fields)
    assert one(pipeline, PAYOUTS)["state"] == "paid"
    run(pipeline, 0.5)
    row = one(pipeline, PAYOUTS + " LIMIT 1")
    if seen is None:
        assert (row["state"], states(pipeline)) == ("parked", ["in_payout"])
    else:
        assert (row["state"], row["refunded_units"]) == ("released", 45_000_000_000_100_000)
        assert one(pipeline, PAYMENT)["refund_loss_wei"] == 3_499_999_999_900_000


# --- refusals and rehearsals ----------------------------------------------------------------------


@pytest.mark.parametrize("act", ["retry", "release"])
def test_an_id_that_is_nothing_of_ours_is_refused(pipeline: Pipeline, act: str) -> None:
    for wrong in ("17", "AAAABBBBCCCC2222", "6f1c2f0e-0000-4000-8000-000000000001", "x y", "", 5):
        with pytest.raises(InvalidInput, match="id"):
            pipeline.operate(act, id=wrong)


def test_what_is_not_parked_is_not_retried(pipeline: Pipeline) -> None:
    pay_in(pipeline, "7", "0.05")
    check = pipeline.check()
    transfer = until(pipeline, "transfers", "approved")
    before = everything(pipeline)
    for subject in (one(pipeline, PAYMENT)["payment_id"], str(check.batch_id), transfer["swap_id"]):
        with pytest.raises(InvalidInput, match="parked"):
            pipeline.operate("retry", id=subject)
    assert everything(pipeline) == before


def test_rehearsals_say_what_would_be_and_change_nothing(pipeline: Pipeline) -> None:
    payment = fail_five_times(pipeline)
    before = everything(pipeline)
    retried = pipeline.operate("retry", id=payment["payment_id"], dry_run=True)
    assert (retried["dry_run"], retried["after"]["state"]) == (True, "pending")
    assert everything(pipeline) == before
    pipeline.operate("retry", id=payment["payment_id"])
    batch_id = str(pipeline.check().batch_id)
    transfer = until(pipeline, "transfers", "requested")
    before, waiting = everything(pipeline), list(pipeline.queue)
    released = pipeline.operate("release", id=batch_id, dry_run=True)
    assert released["after"]["batch"]["state"] == "released"
    assert released["sent"] == {"events": 1}
    assert (everything(pipeline), pipeline.queue) == (before, waiting)
    until(pipeline, "transfers", "broadcast")
    before, waiting = everything(pipeline), list(pipeline.queue)
    cancelled = pipeline.operate("cancel", unique_id=transfer["unique_id"], dry_run=True)
    assert (cancelled["changed"], cancelled["after"]["cancel"]) == (True, "ordered")
    assert (everything(pipeline), pipeline.queue) == (before, waiting)
    assert len(pipeline.rows("SELECT 1 FROM transfer_attempts")) == 1


def test_a_cancel_is_ordered_once_and_recorded_once(pipeline: Pipeline) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    transfer = until(pipeline, "transfers", "broadcast")
    first = pipeline.operate("cancel", unique_id=transfer["unique_id"])
    again = pipeline.operate("cancel", unique_id=transfer["unique_id"])
    assert (first["changed"], again["changed"]) == (True, False)
    assert first["sent"] == again["sent"] == {"hostpay-payment-execute": 1}
    (act,) = pipeline.rows("SELECT subject, before, after FROM operator_acts")
    assert (act["before"]["cancel"], act["after"]["cancel"]) == (None, "ordered")

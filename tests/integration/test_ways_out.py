"""No parked state is without a way out: each reason, how it comes about, and how it ends."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.invariants import broken_invariants
from microbatch.operations.reasons import swaps, transfers
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.parked import SWAPS, TRANSFERS, Case, batch, run, truthful
from tests.integration.paying import CLIENT, one, pay_in

CHAIN = """
    SELECT t.unique_id, t.state AS transfer, t.reason, t.nonce, s.state AS swap
    FROM transfers t LEFT JOIN swaps s USING (swap_id) ORDER BY t.created_at DESC LIMIT 1
"""
PAYMENT = "SELECT * FROM payments ORDER BY payment_id DESC LIMIT 1"
PAYMENTS = "SELECT payment_id, attempts FROM payments"
BATCH = "SELECT * FROM batches ORDER BY created_at DESC LIMIT 1"
PAYOUT = "SELECT * FROM payouts ORDER BY created_at DESC LIMIT 1"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """A client, fresh observations; at the end the books are right."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def park(pipeline: Pipeline, case: Case, code: str) -> dict[str, Any]:
    """A batch, or a payout, that comes to be parked for this reason; its transfer and swap."""
    if case.wants:
        pipeline.client("8", wants=case.wants, threshold_usd=50)
        pay_in(pipeline, "8", "0.05")
        pipeline.check()
        run(pipeline, 1)
        case.spoil(pipeline)
        pipeline.pay_out()
        run(pipeline, 1)
    else:
        case.spoil(pipeline)
        batch(pipeline)
    found = one(pipeline, CHAIN)
    table, name = ("transfers", "unique_id") if code in TRANSFERS else ("swaps", "swap_id")
    row = one(pipeline, f"SELECT state, reason FROM {table} WHERE {name} = '{found['unique_id']}'")
    assert row == {"state": "parked", "reason": code}
    return found


def named(pipeline: Pipeline, case: Case, code: str, unique_id: str) -> str:
    """One of the ids by which a person may name it: of itself, or of what it is for."""
    owner = one(pipeline, PAYOUT)["payout_id"] if case.wants else one(pipeline, BATCH)["batch_id"]
    return str(owner) if len(code) % 2 else unique_id


def test_every_reason_for_which_something_is_parked_is_here() -> None:
    assert {reason.code for reason in transfers.PARKED} == TRANSFERS.keys()
    assert {reason.code for reason in swaps.PARKED} == SWAPS.keys()


MENDED = [code for code, case in TRANSFERS.items() if case.mend is not None]


@pytest.mark.parametrize("code", MENDED)
def test_a_parked_transfer_goes_on_once_its_reason_is_gone(pipeline: Pipeline, code: str) -> None:
    case = TRANSFERS[code]
    found = park(pipeline, case, code)
    assert found["nonce"] is None
    assert case.mend is not None
    case.mend(pipeline)

    answer = pipeline.operate("retry", id=named(pipeline, case, code, found["unique_id"]))

    before, after = answer["before"]["transfer"], answer["after"]["transfer"]
    assert (before["state"], before["reason"]) == ("parked", code)
    assert after["state"] == ("approved" if case.wants else "requested")
    assert (answer["changed"], sum(answer["sent"].values())) == (True, 1)
    run(pipeline)
    if case.wants:
        assert one(pipeline, PAYOUT)["state"] == "completed"
        assert pipeline.chain.units_of(CLIENT) == 96_030_000
    else:
        assert one(pipeline, BATCH)["state"] == "distributed"
    (act,) = pipeline.rows("SELECT * FROM operator_acts WHERE act = 'retry'")
    assert (act["before"], act["after"]) == (answer["before"], answer["after"])


@pytest.mark.parametrize("code", ["receiver_reverts", "payee_blacklisted"])
def test_a_retry_that_finds_the_same_parks_it_again_and_tells_it_again(
    pipeline: Pipeline, code: str
) -> None:
    case = TRANSFERS[code]
    found = park(pipeline, case, code)
    pipeline.operate("retry", id=found["unique_id"])
    run(pipeline)
    again = one(pipeline, CHAIN)
    assert (again["transfer"], again["reason"], again["nonce"]) == ("parked", code, None)
    if case.wants:
        events = [each for each in pipeline.told if each.name == "payout.parked"]
        assert len({each.event_id for each in events}) == 2


@pytest.mark.parametrize("code", TRANSFERS)
def test_a_parked_transfer_is_given_up_and_its_payments_are_what_they_were(
    pipeline: Pipeline, code: str
) -> None:
    case = TRANSFERS[code]
    found = park(pipeline, case, code)
    before = {row["payment_id"]: row["attempts"] for row in pipeline.rows(PAYMENTS)}

    answer = pipeline.operate("release", id=named(pipeline, case, code, found["unique_id"]))

    signed = code == "nonce_consumed_by_another_transaction"
    assert answer["after"]["transfer"]["state"] == ("failed" if signed else "rejected")
    owner = answer["after"]["payout" if case.wants else "batch"]
    assert (owner["state"], owner["reason"]) == ("released", "released_by_operator")
    payment = one(pipeline, PAYMENT)
    assert payment["state"] == ("converted" if case.wants else "pending")
    assert {row["payment_id"]: row["attempts"] for row in pipeline.rows(PAYMENTS)} == before
    pipeline.run()
    if signed:
        return  # the wallet is frozen: see test_frozen_wallets
    (case.mend or truthful)(pipeline)
    pipeline.now += timedelta(hours=1)
    pipeline.observe()
    pipeline.check()
    pipeline.pay_out()
    run(pipeline)
    assert one(pipeline, PAYMENT)["state"] == ("paid" if case.wants else "converted")


# --- swaps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", SWAPS)
def test_a_parked_swap_is_asked_for_again_and_ends(pipeline: Pipeline, code: str) -> None:
    case = SWAPS[code]
    found = park(pipeline, case, code)
    assert case.mend is not None
    case.mend(pipeline)
    seen = {} if case.seen_amount is None else {"seen_amount": case.seen_amount}

    answer = pipeline.operate("retry", id=named(pipeline, case, code, found["unique_id"]), **seen)

    assert answer["before"]["swap"]["state"] == answer["before"]["batch"]["state"] == "parked"
    assert answer["after"]["swap"]["state"] == answer["after"]["batch"]["state"] == "paid"
    assert answer["sent"] == {"swap-monitor": 1}
    run(pipeline)
    state = one(pipeline, BATCH)["state"]
    payment = one(pipeline, PAYMENT)
    if code.startswith("refund_") and seen:
        assert (state, payment["state"]) == ("released", "pending")
        assert payment["convertible_wei"] + payment["refund_loss_wei"] == payment["net_wei"]
        assert payment["convertible_wei"] == int(case.seen_amount.replace(".", "").ljust(19, "0"))
    else:
        assert (state, payment["state"]) == ("distributed", "converted")


@pytest.mark.parametrize("code", SWAPS)
def test_a_swap_that_is_paid_is_not_given_up(pipeline: Pipeline, code: str) -> None:
    found = park(pipeline, SWAPS[code], code)
    books = pipeline.rows("SELECT * FROM batches"), pipeline.rows("SELECT * FROM payments")
    with pytest.raises(InvalidInput, match=r"is confirmed with nonce \d+ of 0x.*: 0x.* has paid"):
        pipeline.operate("release", id=found["unique_id"])
    assert books == (
        pipeline.rows("SELECT * FROM batches"),
        pipeline.rows("SELECT * FROM payments"),
    )


@pytest.mark.parametrize("seen", [None, "49.999999"])
def test_a_retry_that_finds_the_same_parks_the_batch_again_and_tells_it_again(
    pipeline: Pipeline, seen: str | None
) -> None:
    found = park(pipeline, SWAPS["arrived_differs_from_quote"], "arrived_differs_from_quote")
    fields = {} if seen is None else {"seen_amount": seen}
    pipeline.operate("retry", id=found["unique_id"], **fields)
    run(pipeline)
    row = one(pipeline, BATCH)
    assert (row["state"], row["reason"]) == ("parked", "arrived_differs_from_quote")
    events = [each for each in pipeline.told if each.name == "batch.parked"]
    assert len({each.event_id for each in events}) == 2
    assert len(pipeline.rows("SELECT 1 FROM token_receipts")) == 1


@pytest.mark.parametrize("seen", ["0", "-1", "1e3", "much", 5])
def test_an_amount_that_is_none_is_refused(pipeline: Pipeline, seen: Any) -> None:
    found = park(pipeline, SWAPS["arrived_differs_from_quote"], "arrived_differs_from_quote")
    with pytest.raises(InvalidInput, match="seen_amount"):
        pipeline.operate("retry", id=found["unique_id"], seen_amount=seen)
    assert one(pipeline, BATCH)["state"] == "parked"

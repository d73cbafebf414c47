"""Clients who are paid at once get each payment's worth, once; what is too small is accumulated."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import (
    CLIENT,
    PAYOUTS,
    account,
    convert,
    one,
    pay_in,
    pay_out,
    states,
    told,
    until,
)

XMR = "48" * 47 + "9"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered; at the end the books are right, whatever happened."""
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


@pytest.mark.parametrize("copies", [1, 3])
def test_an_instant_payment_is_exchanged_and_paid_to_the_client_once(
    pipeline: Pipeline, copies: int
) -> None:
    pipeline.copies = copies
    pipeline.client("7", strategy="instant", wants="xmr/xmr", address=XMR)
    pay_in(pipeline, "7", "0.05")
    (delivered,) = pipeline.exchange.delivered
    assert (delivered.payout_address, delivered.pair.to_currency) == (XMR, "xmr")
    payout = one(pipeline)
    assert (payout["state"], payout["context"], payout["kind"]) == (
        "completed",
        "instant",
        "exchange",
    )
    assert int(payout["amount_units"]) == 48_500_000_000_000_000
    assert payout["delivered"] == delivered.amount
    transfer = one(pipeline, "SELECT * FROM transfers")
    assert (transfer["state"], transfer["unique_id"]) == ("settled", payout["unique_id"])
    assert int(transfer["amount_units"]) == int(payout["amount_units"])
    assert states(pipeline) == ["paid"]
    assert account(pipeline, "7")["paid_wei"] == 48_500_000_000_000_000
    assert set(told(pipeline)) == {"payment.accumulated", "payout.completed"}
    assert "HostPayOrder" in pipeline.delivered


def test_eth_that_is_wanted_as_eth_is_sent_as_it_is(pipeline: Pipeline) -> None:
    pipeline.copies = 2
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pay_in(pipeline, "7", "0.05", "0.07")
    assert pipeline.chain.received_wei(CLIENT) == 116_400_000_000_000_000
    assert pipeline.exchange.exchanges == {}
    assert [row["kind"] for row in pipeline.rows(PAYOUTS)] == ["direct", "direct"]
    assert {row["state"] for row in pipeline.rows("SELECT state FROM transfers")} == {"settled"}
    assert account(pipeline, "7")["paid_wei"] == 116_400_000_000_000_000
    assert states(pipeline) == ["paid", "paid"]


def test_a_payment_below_the_pairs_minimum_is_accumulated_instead_once(pipeline: Pipeline) -> None:
    pipeline.copies = 2
    pipeline.exchange.minimum = "0.03"
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.02")
    payout = one(pipeline)
    assert payout["state"] == "rerouted"
    assert payout["reason"].startswith("below_minimum: 0.03")
    assert states(pipeline) == ["pending"]
    assert pipeline.rows("SELECT * FROM transfers") == []
    assert told(pipeline).count("payout.rerouted") >= 1
    assert len({each.event_id for each in pipeline.told if each.name == "payout.rerouted"}) == 1
    pay_out(pipeline)
    assert len(pipeline.rows(PAYOUTS)) == 1
    pipeline.exchange.minimum = "0.001"
    convert(pipeline)
    assert states(pipeline) == ["converted"]
    assert pipeline.told[-1].name == "batch.completed"


def test_what_was_too_small_alone_is_paid_with_others_at_the_clients_threshold(
    pipeline: Pipeline,
) -> None:
    pipeline.exchange.minimum = "0.03"
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q", threshold_usd=90)
    pay_in(pipeline, "7", "0.02", "0.05", "0.02", "0.01")
    assert states(pipeline) == ["pending", "paid", "pending", "pending"]
    pipeline.exchange.minimum = "0.001"
    convert(pipeline)
    pay_out(pipeline)
    assert states(pipeline) == ["paid"] * 4
    contexts = [(row["context"], row["state"]) for row in pipeline.rows(PAYOUTS)]
    assert sorted(contexts) == [
        ("instant", "completed"),
        *[("instant", "rerouted")] * 3,
        ("threshold", "completed"),
    ]
    assert [each.amount for each in pipeline.exchange.delivered] == [
        Decimal("0.0016005"),
        Decimal("0.0016005"),
    ]


def test_a_payment_whose_gas_would_cost_too_much_is_accumulated_instead(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pay_in(pipeline, "7", "0.0002")  # 21000 gas at 4 gwei and the tip: a third of it
    payout = one(pipeline)
    assert payout["state"] == "rerouted"
    assert payout["reason"].startswith("gas_too_dear: ")
    assert states(pipeline) == ["pending"]


def test_an_exchange_that_ends_unpaid_gives_the_payment_back_and_is_tried_again(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.forced["00000000000001"] = {"status": "expired"}
    pay_in(pipeline, "7", "0.05")
    payout = one(pipeline)
    assert (payout["state"], payout["reason"]) == ("released", "rejected: exchange_expired")
    assert states(pipeline) == ["waiting_instant"]
    pay_out(pipeline)
    assert len(pipeline.rows(PAYOUTS)) == 1, "not before an hour has passed"
    pipeline.now += timedelta(hours=1, minutes=1)
    pipeline.observe()
    pay_out(pipeline)
    assert [row["state"] for row in pipeline.rows(PAYOUTS)] == ["released", "completed"]
    assert len(pipeline.exchange.delivered) == 1


def test_an_exchange_that_never_works_parks_the_payment_after_five_tries(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.forced = {f"{number:014x}": {"status": "failed"} for number in range(9)}
    pay_in(pipeline, "7", "0.05")
    for _ in range(8):
        pipeline.now += timedelta(hours=1, minutes=1)
        pipeline.observe()
        pay_out(pipeline)
    assert len(pipeline.rows(PAYOUTS)) == 5
    assert states(pipeline) == ["parked"]
    assert account(pipeline, "7")["parked_wei"] == 48_500_000_000_000_000


def test_eth_that_an_exchange_gives_back_is_the_clients_again_to_the_wei(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced["00000000000001"] = {"status": "failed"}
    pipeline.payment("7", "0.05")
    until(pipeline, "paid")
    pipeline.exchange.refund("00000000000001", fee="0.0005")
    until(pipeline, "released")
    pipeline.run()
    payout = one(pipeline)
    assert (payout["state"], payout["reason"]) == ("released", "refunded")
    payment = one(pipeline, "SELECT * FROM payments")
    assert payment["state"] == "waiting_instant"
    assert int(payment["refund_loss_wei"]) == 500_000_000_000_000
    pipeline.now += timedelta(hours=1)
    pipeline.observe()
    pay_out(pipeline)
    assert one(pipeline, PAYOUTS + " DESC LIMIT 1")["amount_units"] == 48_000_000_000_000_000
    assert states(pipeline) == ["paid"]

"""Clients get their USDT at their threshold: once, to the unit, and never more than they have."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from microbatch.operations.invariants import broken_invariants
from microbatch.payout import opening
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


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered; at the end the books are right, whatever happened."""
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def test_a_client_at_its_threshold_gets_its_usdt_by_a_plain_transfer(pipeline: Pipeline) -> None:
    pipeline.copies = 2
    pipeline.client("7", threshold_usd=100)
    pay_in(pipeline, "7", "0.02", "0.02")
    convert(pipeline)
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == [], "76.82 USDT are below 100"
    pay_in(pipeline, "7", "0.02")
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == [], "what is not converted is not counted"
    convert(pipeline)
    shares = account(pipeline, "7")["available_microusdt"]
    assert shares == 3 * 38_412_000
    pay_out(pipeline)
    payout = one(pipeline)
    assert (payout["state"], payout["kind"], payout["payments_count"]) == ("completed", "direct", 3)
    assert pipeline.chain.received_units(CLIENT) == shares
    assert account(pipeline, "7")["paid_microusdt"] == shares
    assert account(pipeline, "7")["available_microusdt"] == 0
    assert states(pipeline) == ["paid"] * 3
    assert told(pipeline)[-1] == "payout.completed"
    pay_out(pipeline)
    assert len(pipeline.rows(PAYOUTS)) == 1


def test_usdt_goes_through_an_exchange_to_a_client_of_another_coin(pipeline: Pipeline) -> None:
    pipeline.copies = 2
    pipeline.client("7", wants="xrp/xrp", address="rClient", extra_id="4711")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pay_out(pipeline)
    (delivered,) = pipeline.exchange.delivered
    assert (delivered.payout_address, delivered.extra_id) == ("rClient", "4711")
    payout = one(pipeline)
    assert (payout["state"], payout["from_currency"]) == ("completed", "usdt")
    assert int(payout["amount_units"]) == 96_030_000
    transfer = one(pipeline, "SELECT * FROM transfers WHERE context = 'threshold'")
    assert transfer["token"] == pipeline.token
    assert int(transfer["amount_units"]) == 96_030_000
    assert states(pipeline) == ["paid"]


def test_while_the_exchange_works_nothing_counts_as_paid(pipeline: Pipeline) -> None:
    pipeline.client("7", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced["00000000000002"] = {"status": "exchanging"}
    pipeline.pay_out()
    pipeline.run()
    pipeline.pay_out()
    until(pipeline, "paid")
    found = account(pipeline, "7")
    assert (found["in_payout_microusdt"], found["paid_microusdt"]) == (96_030_000, 0)
    assert pipeline.pay_out() == []
    assert len(pipeline.rows(PAYOUTS)) == 1
    del pipeline.exchange.forced["00000000000002"]
    until(pipeline, "completed")
    assert one(pipeline)["state"] == "completed"
    assert account(pipeline, "7")["paid_microusdt"] == 96_030_000


@pytest.mark.parametrize("status", ["failed", "expired", "refunded"])
def test_an_exchange_that_ends_before_it_is_paid_gives_the_usdt_back(
    pipeline: Pipeline, status: str
) -> None:
    pipeline.client("7", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pipeline.exchange.forced["00000000000002"] = {"status": status}
    pay_out(pipeline)
    payout = one(pipeline)
    assert (payout["state"], payout["reason"]) == ("released", f"rejected: exchange_{status}")
    assert account(pipeline, "7")["available_microusdt"] == 96_030_000
    client = one(pipeline, "SELECT * FROM clients")
    assert client["payout_wait_reason"] == f"rejected: exchange_{status}"
    pay_out(pipeline)
    assert len(pipeline.rows(PAYOUTS)) == 1, "not before an hour has passed"
    pipeline.now += timedelta(hours=1, minutes=1)
    pipeline.observe()
    pay_out(pipeline)
    assert [row["state"] for row in pipeline.rows(PAYOUTS)] == ["released", "completed"]
    assert one(pipeline, "SELECT * FROM clients")["payout_wait_reason"] is None
    assert len(pipeline.exchange.delivered) == 1


def test_usdt_that_comes_back_is_shared_exactly_and_the_rest_is_the_loss(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.02", "0.03", "0.01")
    convert(pipeline)
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced["00000000000002"] = {"status": "failed"}
    pipeline.pay_out()
    pipeline.run()
    pipeline.pay_out()
    until(pipeline, "paid")
    pipeline.exchange.refund("00000000000002", fee="0.7")
    until(pipeline, "released")
    pipeline.run()
    payout = one(pipeline)
    assert (payout["state"], payout["reason"]) == ("released", "refunded")
    found = account(pipeline, "7")
    assert found["available_microusdt"] == int(payout["amount_units"]) - 700_000
    assert found["payout_loss_microusdt"] == 700_000
    losses = pipeline.rows("SELECT payout_loss_microusdt AS loss FROM payments ORDER BY payment_id")
    exact = [Decimal(700_000) * part / 6 for part in (2, 3, 1)]
    for row, wanted in zip(losses, exact, strict=True):
        assert abs(row["loss"] - wanted) <= 1
    pipeline.now += timedelta(hours=1, minutes=1)
    pipeline.observe()
    pay_out(pipeline)
    assert one(pipeline, PAYOUTS + " DESC LIMIT 1")["state"] == "completed"
    assert account(pipeline, "7")["paid_microusdt"] == int(payout["amount_units"]) - 700_000


def test_a_payout_below_the_providers_minimum_waits_and_says_so(pipeline: Pipeline) -> None:
    pipeline.exchange.minimum_usdt = "200"
    pipeline.client("7", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == []
    client = one(pipeline, "SELECT * FROM clients")
    assert client["payout_wait_reason"] == "below_minimum: 200 usdt"
    assert account(pipeline, "7")["available_microusdt"] == 96_030_000
    since = client["payout_waits_since"]
    pipeline.now += timedelta(minutes=10)
    pay_out(pipeline)
    assert one(pipeline, "SELECT * FROM clients")["payout_waits_since"] == since
    pay_in(pipeline, "7", "0.06")
    convert(pipeline)
    pay_out(pipeline)
    assert one(pipeline)["payments_count"] == 2, "the dust was carried forward"
    assert one(pipeline)["state"] == "completed"


def test_the_first_payout_to_an_address_can_be_capped(pipeline: Pipeline) -> None:
    pipeline.payout_policy = replace(pipeline.payout_policy, first_payout_max_usd=80)
    pipeline.client("7")
    pay_in(pipeline, "7", "0.02", "0.02", "0.02", "0.02")
    convert(pipeline)
    pipeline.pay_out()
    pipeline.run()
    assert int(one(pipeline)["amount_units"]) == 2 * 38_412_000
    pipeline.pay_out()
    pipeline.run()
    assert [int(row["amount_units"]) for row in pipeline.rows(PAYOUTS)] == [
        2 * 38_412_000,
        2 * 38_412_000,
    ]


def test_one_payment_above_the_cap_waits_for_a_person(pipeline: Pipeline) -> None:
    pipeline.payout_policy = replace(pipeline.payout_policy, first_payout_max_usd=30)
    pipeline.client("7")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == []
    assert one(pipeline, "SELECT * FROM clients")["payout_wait_reason"] == (
        "one_payment_is_above_the_cap"
    )


def test_schedulers_at_once_pay_a_client_once(
    pipeline: Pipeline, database_fields: dict[str, Any]
) -> None:
    pipeline.client("7")
    pay_in(pipeline, "7", "0.05", "0.05")
    convert(pipeline)

    def schedule(_: int) -> list[Any]:
        with (
            closing(Database(lambda _fresh: database_fields)) as database,
            database.transaction() as tx,
        ):
            return opening.open_threshold(tx, pipeline.now, "7", pipeline.payout_policy)

    with ThreadPoolExecutor(8) as pool:
        sent = [each for found in pool.map(schedule, range(8)) for each in found]
    assert len(sent) == 1
    pipeline.send(sent)
    pipeline.run()
    pay_out(pipeline)
    assert one(pipeline)["payments_count"] == 2
    assert pipeline.chain.received_units(CLIENT) == 192_060_000


def test_every_lost_message_of_a_payout_is_made_good(pipeline: Pipeline) -> None:
    """All but `payments` are lost the first time they are sent, for every kind of payout."""
    pipeline.client("7")
    pipeline.client("8", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.client("9", strategy="instant", wants="eth/eth", address="0x" + "98" * 20)
    pipeline.client("10", wants="xrp/xrp", address="rClient", extra_id="1", threshold_usd=20)
    lost: set[tuple[str, str]] = set()

    def once(outgoing: Any) -> bool:
        kind = (outgoing.queue, type(outgoing.message).__name__)
        if outgoing.queue == "payments" or kind in lost:
            return False
        lost.add(kind)
        return True

    pipeline.lose = once
    for client_id in ("7", "8", "9", "10"):
        pay_in(pipeline, client_id, "0.05")
    for round_ in range(60):
        pipeline.now += timedelta(minutes=6)
        pipeline.observe()
        if round_ % 3 == 0:
            pipeline.check()
        pipeline.pay_out()
        pipeline.run()
    assert states(pipeline) == ["paid"] * 4
    assert len(lost) > 20
    assert {row["state"] for row in pipeline.rows(PAYOUTS)} == {"completed"}
    assert all(row["announced_state"] == "completed" for row in pipeline.rows(PAYOUTS))
    assert len(pipeline.exchange.delivered) == 2
    assert pipeline.chain.received_wei("0x" + "98" * 20) == 48_500_000_000_000_000
    assert pipeline.chain.received_units(CLIENT) == int(
        one(pipeline, "SELECT amount_units FROM payouts WHERE client_id = '7'")["amount_units"]
    )

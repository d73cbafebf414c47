"""What does not succeed is tried again in its time, and stands in nobody else's way."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from microbatch.errors import RetryLater
from microbatch.messages import Outgoing
from microbatch.operations.invariants import broken_invariants
from microbatch.payout import opening
from microbatch.payout import service as payouts
from microbatch.platform.database import Database
from microbatch.vendors.changenow import AddressVerdict, ExchangeError, Range
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import (
    CLIENT,
    PAYOUTS,
    convert,
    live,
    one,
    pay_in,
    states,
)

NET_WEI = 48_500_000_000_000_000  # of 0.05 ETH


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered; at the end the books are right, whatever happened."""
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def test_a_refusal_that_does_not_count_is_tried_once_an_hour(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.refusal = ExchangeError("max_amount_exceeded", "")
    pay_in(pipeline, "7", "0.05")
    live(pipeline, 5)
    assert 4 <= len(pipeline.rows(PAYOUTS)) <= 6
    assert states(pipeline) == ["waiting_instant"]


def test_a_notification_that_comes_again_does_not_hurry_a_payout(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.forced = {f"{number:014x}": {"status": "failed"} for number in range(9)}
    message = pipeline.payment("7", "0.05")
    for _ in range(6):
        pipeline.run()
        pipeline.queue.append(Outgoing("payments", message))
    assert len(pipeline.rows(PAYOUTS)) == 1


def test_clients_who_wait_do_not_stand_in_the_way_of_others(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CLIENTS_MAX", 2)
    pipeline.exchange.minimum_usdt = "200"
    for client_id in "12":
        pipeline.client(client_id, wants="btc/btc", address="bc1q", threshold_usd=0)
    pipeline.client("7")
    for client_id in "127":
        pipeline.payment(client_id, "0.05")
    pipeline.run()
    convert(pipeline)
    live(pipeline, 1)
    assert pipeline.chain.received_units(CLIENT) > 0


def test_addresses_nobody_answers_for_do_not_stand_in_the_way_of_others(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payouts, "STALE_ROWS_MAX", 2)

    def validate(network: str, address: str) -> AddressVerdict:
        if network == "xyz":
            raise RetryLater("down")
        return AddressVerdict(True, "")

    pipeline.exchange.validate_address = validate  # type: ignore[method-assign]
    for number in range(10, 20):
        pipeline.client(str(number), wants="xyz/xyz", address_state="unverified")
    pipeline.client("7", wants="btc/btc", address="bc1qgood", address_state="unverified")
    live(pipeline, 1, step_minutes=1)
    found = one(pipeline, "SELECT address_state FROM clients WHERE client_id = '7'")
    assert found == {"address_state": "verified"}


def test_a_payment_too_large_for_the_exchange_does_not_hold_the_others(pipeline: Pipeline) -> None:
    known = pipeline.exchange.range
    pipeline.exchange.range = (  # type: ignore[method-assign]
        lambda pair: Range("5", "90") if pair.from_currency == "usdt" else known(pair)
    )
    pipeline.client("7", wants="btc/btc", address="bc1q", threshold_usd=20)
    pay_in(pipeline, "7", "0.05")
    pipeline.now += timedelta(seconds=1)
    pay_in(pipeline, "7", "0.02", "0.02")
    convert(pipeline)
    live(pipeline, 1)
    assert sorted(states(pipeline)) == ["converted", "paid", "paid"]


def test_without_a_price_an_instant_payment_waits(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.now += timedelta(hours=1)
    pay_in(pipeline, "7", "0.05")
    assert (states(pipeline), pipeline.rows(PAYOUTS)) == (["waiting_instant"], [])
    live(pipeline, 0.5)
    assert states(pipeline) == ["paid"]

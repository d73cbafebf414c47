"""What the provider says of a client's address, and what it does not say."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from microbatch.errors import RetryLater
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.changenow import ExchangeError
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import (
    PAYOUTS,
    convert,
    one,
    operate,
    pay_in,
    pay_out,
    states,
)

NEW = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
CLIENT_ROW = "SELECT * FROM clients"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered; at the end the books are right, whatever happened."""
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def test_an_address_that_was_refused_is_asked_about_again_when_it_is_given_again(
    pipeline: Pipeline,
) -> None:
    pipeline.exchange.invalid_addresses = {"bc1qclient0"}
    pipeline.client("7", wants="btc/btc", address="bc1qclient0", address_state="unverified")
    pipeline.observe()
    assert one(pipeline, CLIENT_ROW)["address_state"] == "refused"
    pipeline.exchange.invalid_addresses = set()
    operate(pipeline, "clients address", client_id="7", wallet_address="bc1qclient0")
    assert one(pipeline, CLIENT_ROW)["address_state"] == "verified"


@pytest.mark.parametrize("error", [ExchangeError("http_400", ""), RetryLater("down")])
def test_a_provider_that_does_not_judge_an_address_has_not_refused_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """It is asked again every five minutes, and by nobody but the reconciler."""
    asked = []

    def refuses(network: str, address: str) -> None:
        asked.append(address)
        raise error

    monkeypatch.setattr(pipeline.exchange, "validate_address", refuses)
    pipeline.client("7", wants="btc/btc", address="bc1qclient0", address_state="unverified")
    for _ in range(30):
        pipeline.now += timedelta(minutes=1)
        pipeline.reconcile()
        pipeline.run()
    assert one(pipeline, CLIENT_ROW)["address_state"] == "unverified"
    assert 5 <= len(asked) <= 7
    assert pipeline.dead == []


def test_a_client_abroad_is_asked_about_when_it_is_registered(pipeline: Pipeline) -> None:
    fields = {
        "client_id": "7",
        "wallet_address": "bc1qclient0",
        "payout_currency": "btc",
        "payout_network": "btc",
        "payout_strategy": "threshold",
        "payout_threshold_usd": "50",
    }
    result = operate(pipeline, "clients add", **fields)
    assert result["after"]["address_state"] == "unverified"
    assert pipeline.delivered[-2:] == ["AddressCheckRequested", "AddressChecked"]
    assert one(pipeline, CLIENT_ROW)["address_state"] == "verified"
    assert operate(pipeline, "clients add", **fields)["changed"] is False


def test_an_answer_about_an_older_address_is_not_used(pipeline: Pipeline) -> None:
    pipeline.exchange.invalid_addresses = {"bc1qsecond"}
    pipeline.client("7", wants="btc/btc", address="bc1qfirst0", address_state="unverified")
    pipeline.reconcile()
    (question,) = [each for each in pipeline.queue if each.queue == "swap-quote"
                   and type(each.message).__name__ == "AddressCheckRequested"]  # fmt: skip
    pipeline.queue.clear()
    operate(pipeline, "clients address", client_id="7", wallet_address="bc1qsecond")
    assert one(pipeline, CLIENT_ROW)["address_state"] == "refused"
    pipeline.queue.append(question)
    pipeline.run()
    assert one(pipeline, CLIENT_ROW)["address_state"] == "refused"


def test_an_address_the_provider_refuses_is_never_paid_and_asked_for_once(
    pipeline: Pipeline,
) -> None:
    pipeline.exchange.invalid_addresses = {"bc1broken"}
    pipeline.client("7", wants="btc/btc", address="bc1broken")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pay_out(pipeline)
    payout = one(pipeline)
    assert payout["state"] == "released"
    assert payout["reason"].startswith("address_refused: ")
    client = one(pipeline, "SELECT * FROM clients")
    assert (client["address_state"], client["address_reason"]) == ("refused", "Invalid address")
    pipeline.now += timedelta(hours=2)
    pipeline.observe()
    pay_out(pipeline)
    assert len(pipeline.rows(PAYOUTS)) == 1
    assert pipeline.rows("SELECT 1 FROM transfers WHERE context = 'threshold'") == []


def test_an_unverified_client_is_asked_about_and_paid_when_the_answer_is_there(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q",
                    address_state="unverified")  # fmt: skip
    pay_in(pipeline, "7", "0.05")
    assert states(pipeline) == ["waiting_instant"]
    pipeline.observe()
    assert one(pipeline, "SELECT * FROM clients")["address_state"] == "verified"
    pay_out(pipeline)
    assert states(pipeline) == ["paid"]
    assert pipeline.delivered.count("AddressCheckRequested") == 1

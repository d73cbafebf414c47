"""What lost messages, wrong words of others and bad luck must not do to a payout."""

from collections.abc import Iterator
from typing import Any

import pytest

from microbatch.errors import RetryLater
from microbatch.messages import HostPaymentEnded, Outgoing
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.changenow import CreatedExchange, ExchangeError, Range
from tests.fakes.pipeline import ETH, Pipeline
from tests.integration.paying import (
    CLIENT,
    PAYOUTS,
    account,
    convert,
    live,
    one,
    pay_in,
    states,
    until,
)

NET_WEI = 48_500_000_000_000_000  # of 0.05 ETH


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered; at the end the books are right, whatever happened."""
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def transferred(pipeline: Pipeline, state: str) -> dict[str, Any]:
    for _ in range(100):
        rows = pipeline.rows(f"SELECT * FROM transfers WHERE state = '{state}'")
        if rows:
            return rows[0]
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"no transfer became {state}")


# --- direct transfers -----------------------------------------------------------------------------


def test_a_message_that_a_direct_transfer_has_ended_is_not_believed(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.payment("7", "0.05")
    unique_id = transferred(pipeline, "broadcast")["unique_id"]
    ended = HostPaymentEnded(
        timestamp=int(pipeline.now.timestamp()),
        swap_id="",
        cn_api_id="",
        unique_id=unique_id,
        outcome="failed",
        detail="x",
    )
    pipeline.queue.insert(0, Outgoing("swap-results", ended))
    pipeline.run()
    live(pipeline, 2)
    assert pipeline.chain.received_wei(CLIENT) == NET_WEI
    assert states(pipeline) == ["paid"]


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_direct_transfer_that_failed_is_paid_once_though_its_end_is_lost(
    pipeline: Pipeline, is_lost: bool
) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.payment("7", "0.05")
    transferred(pipeline, "signed")
    pipeline.chain.reverting.add(CLIENT)
    lost: list[Outgoing] = []

    def loses(outgoing: Outgoing) -> bool:
        if is_lost and isinstance(outgoing.message, HostPaymentEnded) and not lost:
            lost.append(outgoing)
            return True
        return False

    pipeline.lose = loses
    pipeline.run()
    pipeline.chain.reverting.clear()
    live(pipeline, 3)
    assert len(lost) == int(is_lost)
    assert states(pipeline) == ["paid"]
    assert pipeline.chain.balances_wei[CLIENT] == NET_WEI


def test_a_parked_transfer_parks_its_payout_and_it_is_told(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.chain.reverting.add(CLIENT)
    pay_in(pipeline, "7", "0.05")
    live(pipeline, 1)
    payout = one(pipeline)
    assert (payout["state"], payout["reason"]) == ("parked", "receiver_reverts")
    assert payout["announced_state"] == "parked"
    assert [each.name for each in pipeline.told][-1] == "payout.parked"


def test_a_direct_transfer_that_cannot_be_signed_for_a_day_is_given_back(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    pipeline.chain.balances_wei[pipeline.wallet] = 0
    pipeline.payment("7", "0.05")
    live(pipeline, 26, step_minutes=20)
    assert one(pipeline, PAYOUTS + " LIMIT 1")["reason"] == "rejected: waited_too_long"
    pipeline.chain.balances_wei[pipeline.wallet] = 10 * ETH
    live(pipeline, 3)
    assert states(pipeline) == ["paid"]
    assert pipeline.chain.received_wei(CLIENT) == NET_WEI


# --- what exchanges say ---------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["0", "-1", ""])
def test_an_exchange_that_has_paid_out_has_whatever_amount_it_names(
    pipeline: Pipeline, amount: str
) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.only_after_deposit = True
    finished = {"status": "finished", "payout_hash": "ab" * 32, "amount_to": amount}
    pipeline.exchange.forced["00000000000001"] = finished
    pipeline.payment("7", "0.05")
    until(pipeline, "completed")
    assert states(pipeline) == ["paid"]
    assert one(pipeline)["delivered"] is None


def test_usdt_that_came_in_once_is_not_booked_as_a_refund_too(pipeline: Pipeline) -> None:
    pipeline.client("7", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    used = one(pipeline, "SELECT payout_hash FROM swaps WHERE context = 'batch'")["payout_hash"]
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced["00000000000002"] = {"status": "failed"}
    pipeline.pay_out()
    pipeline.run()
    pipeline.pay_out()
    until(pipeline, "paid")
    refunded = {"status": "refunded", "refund_hash": used, "refund_amount": "96.03"}
    pipeline.exchange.forced["00000000000002"] = refunded
    until(pipeline, "parked")
    assert one(pipeline)["reason"] == "receipt_used_before"
    assert account(pipeline, "7")["available_microusdt"] == 0
    assert pipeline.rows("SELECT count(*) AS logs FROM token_receipts") == [{"logs": 1}]


def test_the_transfer_of_a_refunded_payout_is_settled(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced["00000000000001"] = {"status": "failed"}
    pipeline.payment("7", "0.05")
    until(pipeline, "paid")
    pipeline.exchange.refund("00000000000001", fee="0.0005")
    until(pipeline, "released")
    assert one(pipeline, "SELECT state FROM transfers") == {"state": "settled"}


def test_a_pair_that_is_not_exchanged_any_more_holds_nobodys_money(pipeline: Pipeline) -> None:
    pipeline.client("7", strategy="instant", wants="xmr/xmr", address="48" * 40)
    pipeline.client("8", wants="xrp/xrp", address="rX", extra_id="1", threshold_usd=20)
    pay_in(pipeline, "8", "0.05")
    convert(pipeline)
    pipeline.pay_out()
    pipeline.run()
    known = pipeline.exchange.range

    def gone(pair: Any) -> Range:
        if pair.to_currency in ("xmr", "xrp"):
            raise ExchangeError("pair_is_inactive", "")
        return known(pair)

    pipeline.exchange.range = gone  # type: ignore[method-assign]
    pipeline.payment("7", "0.05")
    pipeline.pay_out()
    live(pipeline, 2)
    assert states(pipeline) == ["converted", "pending"]
    assert one(pipeline, PAYOUTS + " DESC LIMIT 1")["reason"].startswith("pair_is_inactive")


def test_an_exchange_that_never_answers_gives_the_money_back_after_a_day(
    pipeline: Pipeline,
) -> None:
    def silent(*_: Any, **__: Any) -> CreatedExchange:
        raise RetryLater("down")

    pipeline.exchange.create = silent  # type: ignore[method-assign,assignment]
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.payment("7", "0.05")
    live(pipeline, 27, step_minutes=30)
    assert (one(pipeline)["state"], one(pipeline)["reason"]) == (
        "rerouted",
        "exchange_does_not_answer",
    )
    assert states(pipeline) == ["pending"]


@pytest.mark.parametrize("offer", ["0.00000001", "0", ""])
def test_without_an_estimate_no_offer_is_taken_on_trust(pipeline: Pipeline, offer: str) -> None:
    made = pipeline.exchange.create

    def create(*values: Any, **fields: Any) -> CreatedExchange:
        known = made(*values, **fields)
        return CreatedExchange(
            exchange_id=known.exchange_id, payin_address=known.payin_address, to_amount=offer
        )

    pipeline.exchange.create = create  # type: ignore[method-assign]
    pipeline.exchange.estimate = lambda pair, amount: ""  # type: ignore[method-assign]
    pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
    pay_in(pipeline, "7", "0.05")
    assert pipeline.rows("SELECT 1 FROM transfers WHERE nonce IS NOT NULL") == []
    assert one(pipeline)["reason"] == "quote_missing"

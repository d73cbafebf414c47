"""Clients get their money: at once or at their threshold, once, to the unit, and never too much."""

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

CLIENT = "0x" + "99" * 20
XMR = "48" * 47 + "9"
PAYOUTS = "SELECT * FROM payouts ORDER BY created_at"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered; at the end the books are right, whatever happened."""
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def pay_in(pipeline: Pipeline, client_id: str, *amounts_eth: str) -> None:
    for eth in amounts_eth:
        pipeline.payment(client_id, eth)
    pipeline.run()


def convert(pipeline: Pipeline) -> None:
    pipeline.observe()
    pipeline.check()
    pipeline.run()


def pay_out(pipeline: Pipeline) -> None:
    """The scheduler runs until it has asked for what it needs to know, and acted on it."""
    for _ in range(2):
        pipeline.pay_out()
        pipeline.run()


def until(pipeline: Pipeline, state: str) -> None:
    """Step by step, for an exchange that is asked again and again, until the payout is there."""
    for _ in range(200):
        if pipeline.rows(f"SELECT 1 FROM payouts WHERE state = '{state}'"):
            return
        if not pipeline.queue:
            pipeline.now += timedelta(minutes=6)
            pipeline.reconcile()
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"no payout became {state}: {pipeline.rows(PAYOUTS)}")


def one(pipeline: Pipeline, sql: str = PAYOUTS) -> dict[str, Any]:
    (row,) = pipeline.rows(sql)
    return row


def account(pipeline: Pipeline, client_id: str) -> dict[str, int]:
    row = one(pipeline, f"SELECT * FROM client_accounts WHERE client_id = '{client_id}'")
    return {name: int(value) for name, value in row.items() if name != "client_id"}


def states(pipeline: Pipeline) -> list[str]:
    return [row["state"] for row in pipeline.rows("SELECT state FROM payments ORDER BY payment_id")]


def told(pipeline: Pipeline) -> list[str]:
    return [each.name for each in pipeline.told]


# --- instant --------------------------------------------------------------------------------------


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


# --- threshold ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("paused_at = now()", "client_paused"),
        ("address_state = 'unverified'", "address_unverified"),
        ("address_state = 'refused', address_reason = 'no'", "address_refused"),
        ("address_matures_at = now() + interval '1 day'", "address_changed_lately"),
    ],
)
def test_a_client_that_may_not_be_paid_now_waits_and_it_is_said_why(
    pipeline: Pipeline, change: str, reason: str
) -> None:
    pipeline.client("7")
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pipeline.rows(f"UPDATE clients SET {change} RETURNING 1")
    if "paused" not in change:
        pay_in(pipeline, "8", "0.05")
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == []
    assert one(pipeline, "SELECT * FROM clients WHERE client_id = '7'")["payout_wait_reason"] == (
        reason
    )
    pipeline.rows(
        "UPDATE clients SET paused_at = NULL, address_state = 'verified', address_reason = NULL,"
        " address_matures_at = now() - interval '1 hour' RETURNING 1"
    )
    pay_out(pipeline)
    assert {row["state"] for row in pipeline.rows(PAYOUTS)} == {"completed"}


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

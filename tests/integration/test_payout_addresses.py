"""Where a client's money goes: checked, held back after a change, and told of."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import (
    CLIENT,
    PAYOUTS,
    account,
    convert,
    one,
    operate,
    pay_in,
    pay_out,
    states,
    told,
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


def test_a_change_of_address_is_recorded_told_and_holds_payouts_for_a_day(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    operate(pipeline, "clients address", client_id="7", wallet_address=NEW)
    change = one(pipeline, "SELECT * FROM address_changes")
    assert (change["who"], change["why"]) == ("me", "she wrote")
    assert (change["before"]["wallet_address"], change["after"]["wallet_address"]) == (CLIENT, NEW)
    assert change["matures_at"] == pipeline.now + timedelta(days=1)
    assert told(pipeline)[-1] == "client.address_changed"
    assert change["announced_at"] is not None
    act = one(pipeline, "SELECT * FROM operator_acts")
    assert (act["act"], act["subject"], act["after"]["wallet_address"]) == (
        "clients address",
        "7",
        NEW,
    )
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == []
    assert one(pipeline, CLIENT_ROW)["payout_wait_reason"] == "address_changed_lately"
    pipeline.now += timedelta(hours=23, minutes=50)
    pipeline.observe()
    pay_out(pipeline)
    assert pipeline.rows(PAYOUTS) == []
    pipeline.now += timedelta(minutes=11)
    pipeline.observe()
    pay_out(pipeline)
    assert one(pipeline)["to_address"] == NEW
    assert pipeline.chain.received_units(NEW) == 96_030_000
    assert pipeline.chain.received_units(CLIENT) == 0


def test_what_is_signed_goes_where_it_was_going(pipeline: Pipeline) -> None:
    pipeline.client("7")
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pipeline.pay_out()
    transferred(pipeline, "signed")
    operate(pipeline, "clients address", client_id="7", wallet_address=NEW)
    assert one(pipeline)["state"] == "completed"
    assert pipeline.chain.received_units(CLIENT) == 96_030_000


@pytest.mark.parametrize("act", ["clients address", "clients pause"])
@pytest.mark.parametrize("wants", ["usdt/eth", "btc/btc"])
def test_what_is_not_signed_yet_is_given_back_and_waits(
    pipeline: Pipeline, act: str, wants: str
) -> None:
    pipeline.client("7", wants=wants)
    pay_in(pipeline, "7", "0.05")
    convert(pipeline)
    pipeline.pay_out()
    if wants == "btc/btc":  # its minimum has to be known first
        pipeline.run()
        pipeline.pay_out()
    transferred(pipeline, "approved" if wants == "usdt/eth" else "requested")
    fields = {"wallet_address": NEW} if act == "clients address" else {}
    if wants == "btc/btc" and fields:
        fields = {"wallet_address": "bc1qnewnew"}
    operate(pipeline, act, client_id="7", **fields)
    for _ in range(4):
        pipeline.now += timedelta(minutes=6)
        pipeline.observe()
    assert one(pipeline)["state"] == "released"
    assert account(pipeline, "7")["available_microusdt"] == 96_030_000
    assert pipeline.chain.received_units(CLIENT) == 0
    assert pipeline.exchange.delivered == []


def transferred(pipeline: Pipeline, state: str) -> None:
    """Step by step until the payout's transfer is there."""
    for _ in range(100):
        if pipeline.rows(f"SELECT 1 FROM transfers WHERE context <> 'batch' AND state = '{state}'"):
            return
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"no transfer became {state}")


def test_an_instant_client_is_not_paid_either_while_its_new_address_matures(
    pipeline: Pipeline,
) -> None:
    pipeline.client("7", strategy="instant", wants="eth/eth")
    operate(pipeline, "clients address", client_id="7", wallet_address=NEW)
    pay_in(pipeline, "7", "0.05")
    pay_out(pipeline)
    assert states(pipeline) == ["waiting_instant"]
    pipeline.now += timedelta(days=1, minutes=1)
    pipeline.observe()
    pay_out(pipeline)
    assert pipeline.chain.received_wei(NEW) == 48_500_000_000_000_000


def test_a_memo_stays_with_its_address(pipeline: Pipeline) -> None:
    pipeline.client("7", wants="ton/ton", address="EQclient00", extra_id="4711")
    same = {"client_id": "7", "wallet_address": "EQclient00"}
    assert operate(pipeline, "clients address", **same)["changed"] is False
    with pytest.raises(InvalidInput, match="payout_extra_id is missing"):
        operate(pipeline, "clients address", client_id="7", wallet_address="EQother000")
    assert one(pipeline, CLIENT_ROW)["payout_extra_id"] == "4711"


def test_the_same_address_again_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.client("7", address=NEW)
    before = one_client(pipeline)
    answer = operate(pipeline, "clients address", client_id="7", wallet_address=NEW)
    assert (answer["changed"], answer["sent"]) == (False, {})
    assert answer["before"] == answer["after"] == before
    assert one_client(pipeline) == before
    assert pipeline.rows("SELECT 1 FROM address_changes") == []
    assert pipeline.rows("SELECT 1 FROM operator_acts") == []


def one_client(pipeline: Pipeline) -> dict[str, Any]:
    found: dict[str, Any] = operate(pipeline, "clients show", client_id="7")["client"]
    return found


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"client_id": "8", "wallet_address": NEW}, "client 8 is not registered"),
        ({"client_id": "7"}, "wallet_address is missing"),
        ({"client_id": "7", "wallet_address": NEW.lower()}, "EIP-55"),
        ({"client_id": "7", "wallet_address": "0x" + "0" * 40}, "can not belong to a client"),
        ({"client_id": "7", "wallet_address": NEW, "payout_extra_id": "1"}, "no memos"),
        (
            {"client_id": "7", "wallet_address": "rN7n7otQDd6FczFgLdlqtyMVrn3NnrHMn",
             "payout_currency": "xrp", "payout_network": "xrp"},
            "payout_extra_id is missing: xrp needs a memo",
        ),
        ({"client_id": "7", "wallet_address": NEW, "why": ""}, "why"),
    ],
)  # fmt: skip
def test_a_change_that_cannot_be_right_says_so_and_changes_nothing(
    pipeline: Pipeline, fields: dict[str, str], wrong: str
) -> None:
    pipeline.client("7")
    before = pipeline.rows(CLIENT_ROW)
    with pytest.raises(InvalidInput, match=wrong):
        operate(pipeline, "clients address", **fields)
    assert pipeline.rows(CLIENT_ROW) == before
    assert pipeline.rows("SELECT 1 FROM address_changes") == []


def test_what_a_client_has_is_shown_at_any_moment(pipeline: Pipeline) -> None:
    pipeline.client("7")
    pay_in(pipeline, "7", "0.05")
    assert shown(pipeline, "received_wei", "fee_wei", "pending_wei") == [
        50_000_000_000_000_000,
        1_500_000_000_000_000,
        48_500_000_000_000_000,
    ]
    pipeline.check()
    assert shown(pipeline, "pending_wei", "in_batch_wei") == [0, 48_500_000_000_000_000]
    pipeline.run()
    assert shown(pipeline, "in_batch_wei", "available_microusdt") == [0, 96_030_000]
    pipeline.pay_out()
    assert shown(pipeline, "available_microusdt", "in_payout_microusdt") == [0, 96_030_000]
    pipeline.run()
    assert shown(pipeline, "in_payout_microusdt", "paid_microusdt") == [0, 96_030_000]
    (payout,) = operate(pipeline, "clients show", client_id="7")["payouts"]
    assert (payout["state"], payout["delivered"]) == ("completed", "96.030000")


def shown(pipeline: Pipeline, *names: str) -> list[int]:
    queue, pipeline.queue = pipeline.queue, []
    found = operate(pipeline, "clients show", client_id="7")["account"]
    pipeline.queue = queue
    assert {name: int(value) for name, value in found.items()} == account(pipeline, "7")
    return [int(found[name]) for name in names]


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


def test_the_status_says_why_payouts_wait(pipeline: Pipeline) -> None:
    pipeline.exchange.minimum_usdt = "200"
    pipeline.client("7", wants="btc/btc")
    pipeline.client("8", strategy="instant", wants="btc/btc", address_state="unverified")
    pipeline.client("9", strategy="instant", wants="eth/eth")
    operate(pipeline, "clients address", client_id="9", wallet_address=NEW)
    for client_id in ("7", "8", "9"):
        pay_in(pipeline, client_id, "0.05")
    convert(pipeline)
    pay_out(pipeline)
    found = operate(pipeline, "status")["payouts_waiting"]
    assert [(row["reason"], row["clients_count"]) for row in found] == [
        ("address_changed_lately", 1),
        ("below_minimum", 1),
    ]
    assert account(pipeline, "9")["waiting_instant_wei"] == 48_500_000_000_000_000
    assert account(pipeline, "9")["pending_wei"] == 0

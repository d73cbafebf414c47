"""Parts that a person has paused: what stops, what goes on, and that it goes on by itself after."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.conversion.model import Wait, WaitReason
from microbatch.errors import InvalidInput
from microbatch.intake import deciding
from microbatch.operations.invariants import broken_invariants
from microbatch.pauses.model import Part
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import CLIENT, one, pay_in, states, told

HELD = "SELECT payment_id, reason, state FROM held_payments ORDER BY held_id"
TRANSFER = "SELECT state, wait_reason, nonce FROM transfers"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """A client, fresh observations; at the end the books are right, whatever was paused."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)  # what it has stays converted
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def by_itself(pipeline: Pipeline, minutes: int = 60) -> None:
    """Whatever was on its way is lost: the schedules alone get everything going again."""
    pipeline.queue.clear()
    end = pipeline.now + timedelta(minutes=minutes)
    while pipeline.now < end:
        pipeline.now += timedelta(minutes=5)
        pipeline.reconcile()
        pipeline.check()
        pipeline.pay_out()
        pipeline.run()


def until(pipeline: Pipeline, state: str) -> None:
    """Step by step until there is a transfer in this state."""
    for _ in range(200):
        if pipeline.rows(f"SELECT 1 FROM transfers WHERE state = '{state}'"):
            return
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError(f"no transfer became {state}")


# --- the act --------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", list(Part))
def test_a_part_is_paused_and_resumed_once_and_each_is_recorded(
    pipeline: Pipeline, part: Part
) -> None:
    first = pipeline.operate("pause", part=part, why="the exchange looks odd")
    again = pipeline.operate("pause", part=part, who="another", why="me too")
    shown = pipeline.operate("status")["paused"]
    resumed = pipeline.operate("resume", part=part)
    over = pipeline.operate("resume", part=part)

    assert (first["changed"], again["changed"]) == (True, False)
    assert first["before"] == {"part": part, "paused_at": None, "who": None, "why": None}
    assert first["after"] == again["after"] == again["before"] == shown[0] == resumed["before"]
    assert first["after"]["who"] == "me"
    assert first["after"]["why"] == "the exchange looks odd"
    assert (resumed["changed"], over["changed"]) == (True, False)
    assert first["already_out"] == []
    assert pipeline.operate("status")["paused"] == []
    acts = pipeline.rows("SELECT act, subject, who, why FROM operator_acts ORDER BY act_id")
    assert [(act["act"], act["subject"]) for act in acts] == [("pause", part), ("resume", part)]


@pytest.mark.parametrize(
    "fields",
    [{}, {"part": "everything"}, {"part": "payout", "why": ""}, {"part": "payout", "who": ""}],
)
def test_a_pause_of_nothing_or_by_nobody_is_refused(
    pipeline: Pipeline, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        pipeline.operate("pause", **fields)
    assert pipeline.rows("SELECT 1 FROM pauses WHERE paused_at IS NOT NULL") == []


# --- ingress --------------------------------------------------------------------------------------


def test_what_comes_in_is_stored_and_counts_once_when_ingress_is_resumed(
    pipeline: Pipeline,
) -> None:
    pipeline.copies = 2
    pipeline.operate("pause", part="ingress")
    arrived = []
    for eth in ("0.01", "0.02", "0.03"):
        arrived.append(pipeline.now)
        pay_in(pipeline, "7", eth)
        pipeline.now += timedelta(minutes=1)
    pipeline.payment("8", "0.01")  # is nobody's, pause or not
    pipeline.run()
    by_itself(pipeline, minutes=10)
    reasons = [row["reason"] for row in pipeline.rows(HELD)]
    assert reasons == ["ingress_paused"] * 3 + ["unknown_client"]
    assert states(pipeline) == []
    assert set(told(pipeline)) == {"payment.held"}

    pipeline.operate("resume", part="ingress")
    pipeline.reconcile()
    pipeline.reconcile()
    pipeline.run()

    credited = pipeline.rows("SELECT state, received_at, received_wei FROM payments ORDER BY 2")
    assert [row["received_at"] for row in credited] == arrived
    assert [int(row["received_wei"]) // 10**16 for row in credited] == [1, 2, 3]
    assert [row["state"] for row in pipeline.rows(HELD)] == ["accepted"] * 3 + ["held"]
    accumulated = [each for each in pipeline.told if each.name == "payment.accumulated"]
    assert len({each.event_id for each in accumulated}) == 3
    by_itself(pipeline)
    assert states(pipeline) == ["converted"] * 3


def test_what_was_held_is_judged_in_portions_in_the_order_of_arrival(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "JUDGED_MAX", 2)
    pipeline.operate("pause", part="ingress")
    pay_in(pipeline, "7", *["0.001"] * 5)
    pipeline.operate("resume", part="ingress")
    found = []
    for _ in range(3):
        pipeline.reconcile()
        found.append([row["state"] for row in pipeline.rows(HELD)])
    assert found == [
        ["accepted"] * 2 + ["held"] * 3,
        ["accepted"] * 4 + ["held"],
        ["accepted"] * 5,
    ]


def test_an_event_that_was_lost_on_the_way_is_told_again(pipeline: Pipeline) -> None:
    pipeline.operate("pause", part="ingress")
    pay_in(pipeline, "7", "0.02")
    pipeline.operate("resume", part="ingress")
    with pipeline.database.transaction() as tx:  # judged, and then the function ends
        (held_id,) = deciding.no_longer_paused(tx, pipeline.now)
        rules = pipeline.policies
        deciding.judge_again(tx, pipeline.now, held_id, rules.intake, rules.payout)
    pipeline.now += timedelta(minutes=6)
    pipeline.reconcile()
    pipeline.run()
    assert told(pipeline)[-1] == "payment.accumulated"
    pipeline.now += timedelta(minutes=6)
    assert "payment.accumulated" not in [
        getattr(each.message, "name", "") for each in pipeline.reconcile()
    ]


@pytest.mark.parametrize("first", ["ingress", "client"])
def test_what_two_pauses_hold_waits_for_both_to_end(pipeline: Pipeline, first: str) -> None:
    pipeline.operate("pause", part="ingress")
    pipeline.operate("clients pause", client_id="7")
    pay_in(pipeline, "7", "0.02")
    acts: dict[str, tuple[str, dict[str, str]]] = {
        "ingress": ("resume", {"part": "ingress"}),
        "client": ("clients resume", {"client_id": "7"}),
    }
    for name in sorted(acts, key=lambda name: name != first):
        assert states(pipeline) == []
        act, fields = acts[name]
        pipeline.operate(act, **fields)
        pipeline.reconcile()
    assert states(pipeline) == ["pending"]


def test_a_client_that_goes_on_has_what_came_in_meanwhile_and_is_paid_at_once(
    pipeline: Pipeline,
) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pipeline.operate("clients pause", client_id="8")
    pay_in(pipeline, "8", "0.05")
    by_itself(pipeline, minutes=10)
    assert one(pipeline, HELD)["reason"] == "client_paused"
    pipeline.operate("clients resume", client_id="8")
    by_itself(pipeline)
    assert states(pipeline) == ["paid"]
    assert pipeline.chain.balances_wei[CLIENT] == 48_500_000_000_000_000


def test_what_is_credited_in_another_version_meanwhile_is_a_conflict(pipeline: Pipeline) -> None:
    pipeline.operate("pause", part="ingress")
    pipeline.payment("7", "0.02", payment_id="1")
    pipeline.payment("7", "0.03", payment_id="1")
    pipeline.run()
    versions = pipeline.rows("SELECT reason, fingerprint FROM held_payments ORDER BY held_id")
    assert [row["reason"] for row in versions] == ["ingress_paused", "conflict"]
    other = bytes(versions[1]["fingerprint"]).hex()
    pipeline.operate("accept", payment_id="1", fingerprint=other)
    pipeline.operate("resume", part="ingress")
    pipeline.reconcile()
    assert [row["reason"] for row in pipeline.rows(HELD)] == ["conflict", "conflict"]
    assert one(pipeline, "SELECT received_wei FROM payments")["received_wei"] == 3 * 10**16


# --- conversion -----------------------------------------------------------------------------------


def test_no_batch_is_opened_and_the_check_says_why(pipeline: Pipeline) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.operate("pause", part="conversion")
    check = pipeline.check()
    assert check.decision == Wait(WaitReason.PAUSED)
    assert one(pipeline, "SELECT decision, reason FROM threshold_checks") == {
        "decision": "wait",
        "reason": "conversion_paused",
    }
    assert states(pipeline) == ["pending"]
    pipeline.operate("resume", part="conversion")
    by_itself(pipeline)
    assert one(pipeline, "SELECT state FROM batches") == {"state": "distributed"}


@pytest.mark.parametrize("part", ["conversion", "hostpay"])
def test_the_transfer_of_an_open_batch_is_not_signed(pipeline: Pipeline, part: str) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    until(pipeline, "approved")
    pipeline.operate("pause", part=part)
    by_itself(pipeline, minutes=30)
    assert one(pipeline, TRANSFER) == {
        "state": "approved",
        "wait_reason": f"{part}_paused",
        "nonce": None,
    }
    assert pipeline.chain.offered == []

    pipeline.operate("resume", part=part)
    by_itself(pipeline)
    assert one(pipeline, "SELECT state FROM batches") == {"state": "distributed"}
    assert pipeline.chain.count(pipeline.wallet) == 1


@pytest.mark.parametrize("part", ["payout", "ingress"])
def test_other_parts_hold_up_no_batch(pipeline: Pipeline, part: str) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.operate("pause", part=part)
    by_itself(pipeline)
    assert one(pipeline, "SELECT state FROM batches") == {"state": "distributed"}


@pytest.mark.parametrize("state", ["signed", "broadcast", "mined"])
def test_what_is_out_is_followed_to_its_end_though_everything_is_paused(
    pipeline: Pipeline, state: str
) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    until(pipeline, state)
    out = [pipeline.operate("pause", part=part)["already_out"] for part in Part]
    units = "48500000000000000"
    expected = [{"state": state, "currency": "eth", "transfers_count": 1, "amount_units": units}]
    expected = [] if state == "mined" else expected
    assert out == [[], expected, expected, []]
    by_itself(pipeline)
    assert one(pipeline, "SELECT state FROM batches") == {"state": "distributed"}
    assert states(pipeline) == ["converted"]


# --- payouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "wants"), [("instant", "eth/eth"), ("threshold", "usdt/eth")])
def test_no_payout_is_opened_and_it_says_why(pipeline: Pipeline, strategy: str, wants: str) -> None:
    pipeline.client("8", strategy=strategy, wants=wants)
    pipeline.operate("pause", part="payout")
    pay_in(pipeline, "8", "0.05")
    by_itself(pipeline)
    waits = "waiting_instant" if strategy == "instant" else "converted"
    assert states(pipeline) == [waits]
    assert pipeline.rows("SELECT 1 FROM payouts") == []
    (waiting,) = pipeline.operate("status")["payouts_waiting"]
    assert (waiting["reason"], waiting["clients_count"]) == ("payout_paused", 1)

    pipeline.operate("resume", part="payout")
    by_itself(pipeline)
    assert states(pipeline) == ["paid"]


@pytest.mark.parametrize("part", ["payout", "hostpay"])
@pytest.mark.parametrize("wants", ["eth/eth", "btc/btc"])
def test_a_payout_that_is_open_is_not_signed(pipeline: Pipeline, part: str, wants: str) -> None:
    pipeline.client("8", strategy="instant", wants=wants)
    pipeline.payment("8", "0.05")
    until(pipeline, "approved")
    pipeline.operate("pause", part=part)
    by_itself(pipeline, minutes=30)
    assert one(pipeline, TRANSFER) == {
        "state": "approved",
        "wait_reason": f"{part}_paused",
        "nonce": None,
    }
    pipeline.operate("resume", part=part)
    by_itself(pipeline)
    assert states(pipeline) == ["paid"]
    assert pipeline.chain.count(pipeline.wallet) == 1


def test_a_pause_of_conversion_holds_up_no_payout(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pipeline.operate("pause", part="conversion")
    pay_in(pipeline, "8", "0.05")
    by_itself(pipeline)
    assert states(pipeline) == ["paid"]


def test_what_waits_longer_than_a_day_goes_on_all_the_same(pipeline: Pipeline) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    until(pipeline, "approved")
    pipeline.operate("pause", part="hostpay")
    by_itself(pipeline, minutes=26 * 60)
    assert pipeline.chain.offered == []
    pipeline.operate("resume", part="hostpay")
    by_itself(pipeline, minutes=120)
    assert states(pipeline) == ["converted"]
    assert pipeline.chain.count(pipeline.wallet) == 1

"""Parts that a person has paused: what stops, what goes on, and that it goes on by itself after."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.conversion.model import Wait, WaitReason
from microbatch.errors import InvalidInput
from microbatch.operations.invariants import broken_invariants
from microbatch.pauses.model import Part
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import one, pay_in, states

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

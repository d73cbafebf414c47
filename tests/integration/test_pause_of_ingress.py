"""What comes in during a pause is stored, and counts once when the pause is over."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from microbatch.intake import deciding
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import CLIENT, one, pay_in, states, told
from tests.integration.test_pauses import by_itself

HELD = "SELECT payment_id, reason, state FROM held_payments ORDER BY held_id"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """A client, fresh observations; at the end the books are right, whatever was paused."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)  # what it has stays converted
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


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

"""The outside world is told of everything at least once, under ids that do not change."""

import json
from datetime import timedelta

import pytest

from microbatch.events import KINDS
from microbatch.messages import EventOccurred, Outgoing
from microbatch.platform.database import Database
from microbatch.vendors.changenow import ExchangeError
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import until


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """A client and fresh observations."""
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.observe()
    return pipeline


def names(pipeline: Pipeline) -> list[str]:
    return [event.name for event in pipeline.told]


def test_a_straight_run_is_told_once_step_by_step(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.02")
    pipeline.payment("unknown", "0.02")
    pipeline.run()
    pipeline.check()
    pipeline.run()
    pipeline.now += timedelta(minutes=20)
    pipeline.reconcile()
    pipeline.run()
    assert names(pipeline) == [
        "payment.accumulated",
        "payment.held",
        "batch.opened",
        "batch.completed",
    ]
    completed = json.loads(pipeline.told[-1].detail)
    (batch,) = pipeline.rows("SELECT received_microusdt::text AS units FROM batches")
    assert completed["received_microusdt"] == batch["units"]
    assert len({event.event_id for event in pipeline.told}) == 4


def test_every_event_has_the_fields_of_the_table(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.02")
    held = pipeline.payment("7", "-1")
    pipeline.run()
    pipeline.operate("reject", payment_id=held.payment_id)
    pipeline.run()
    pipeline.exchange.refusal = ExchangeError("not_valid_address", "Address is not valid")
    pipeline.check()
    pipeline.run()
    pipeline.exchange.refusal = None
    pipeline.exchange.amount_to = "9999"
    pipeline.check()
    pipeline.run()
    payouts = {name for name in KINDS if name.startswith(("payout.", "client."))}
    assert set(names(pipeline)) == set(KINDS) - {"batch.completed"} - payouts
    pay_clients(pipeline)
    assert set(names(pipeline)) == set(KINDS) - {"batch.completed", "client.address_changed"}
    for event in pipeline.told:
        assert set(json.loads(event.detail)) == set(KINDS[event.name].fields)
        assert event.version == KINDS[event.name].version


def pay_clients(pipeline: Pipeline) -> None:
    """One is paid, one is too little, one's exchange ends, one's gives back too little."""
    pipeline.exchange.amount_to = None
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pipeline.client("9", strategy="instant", wants="btc/btc")
    for eth in ("0.05", "0.0001"):
        pipeline.payment("8", eth)
        pipeline.run()
    ended = f"{len(pipeline.exchange.asked) + 1:014x}"
    pipeline.exchange.forced[ended] = {"status": "expired"}
    pipeline.payment("9", "0.05")
    pipeline.run()
    failed = f"{len(pipeline.exchange.asked) + 1:014x}"
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[failed] = {"status": "failed"}
    pipeline.payment("9", "0.05")
    until(pipeline, "paid")
    pipeline.exchange.refund(failed, fee="0.03")
    until(pipeline, "parked")
    pipeline.run()


def test_a_payment_told_twice_has_the_same_id(pipeline: Pipeline) -> None:
    message = pipeline.payment("7", "0.02")
    pipeline.queue.append(Outgoing("payments", message))
    pipeline.run()
    first, second = pipeline.told
    assert first.event_id == second.event_id
    assert len(pipeline.rows("SELECT payment_id FROM payments")) == 1


def test_an_event_that_was_never_sent_is_told_by_the_reconciler(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.02")
    pipeline.run()
    pipeline.told.clear()

    def crash_before_sending(outgoing: list[Outgoing]) -> None:
        pipeline.queue += [each for each in outgoing if not isinstance(each.message, EventOccurred)]

    sends, pipeline.send = pipeline.send, crash_before_sending  # type: ignore[method-assign]
    pipeline.check()
    pipeline.run()
    assert names(pipeline) == []
    pipeline.send = sends  # type: ignore[method-assign]
    for _ in range(3):
        pipeline.now += timedelta(minutes=6)
        pipeline.reconcile()
        pipeline.run()
    assert names(pipeline) == ["batch.opened", "batch.completed"]

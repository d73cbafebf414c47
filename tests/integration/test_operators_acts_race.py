"""Operators' acts at a bad moment: whoever is first wins, and nobody is paid twice."""

import io
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.hostpay import service, signing
from microbatch.messages import BatchOrder, HostPayOrder, PaymentExecutionRequest
from microbatch.operations.acts import perform
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.platform.observability import logger, metrics
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import PAYOUTS, live, one, pay_in

TRANSFER = "SELECT * FROM transfers"
SOON_SECONDS = 1.0
LONG_SECONDS = 20


def until_message(pipeline: Pipeline, kind: type) -> Any:
    """Step by step, until the next message is of this kind; that one is taken."""
    while not isinstance(pipeline.queue[0].message, kind):
        pipeline.step(pipeline.queue.pop(0))
    return pipeline.queue.pop(0).message


def meanwhile(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Do it beside us, until it waits for us; what came of it."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(act())
        except Exception as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(SOON_SECONDS)
    return thread, came


def ask(pipeline: Pipeline, database: Database, act: str, **fields: Any) -> dict[str, Any]:
    """An act over a connection of its own."""
    request = {"act": act, "who": "me", "why": "quick", **fields}
    with database.transaction() as tx:
        answer, _ = perform(request, tx, pipeline.now, pipeline.surroundings)
    return answer


def test_a_direct_payout_released_while_it_is_ordered_is_paid_once(
    pipeline: Pipeline, other: Database
) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth", address="0x" + "88" * 20)
    pipeline.payment("8", "0.05")
    order = until_message(pipeline, HostPayOrder)
    payout_id = str(one(pipeline)["payout_id"])
    with pipeline.database.transaction() as tx:
        pipeline.queue += service.take_order(order, tx, pipeline.now, pipeline.hostpay_policy)
        thread, came = meanwhile(lambda: ask(pipeline, other, "release", id=payout_id))
        assert came == [], "whoever orders is waited for"
    thread.join(LONG_SECONDS)
    assert isinstance(came[0], InvalidInput), came
    live(pipeline, hours=2)

    assert [row["state"] for row in pipeline.rows(PAYOUTS)] == ["completed"]
    assert len(pipeline.chain.mined) == 1
    assert broken_invariants(pipeline.database) == []


def test_a_transfer_parked_for_its_order_is_paid_and_goes_on_when_retried(
    pipeline: Pipeline,
) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    order = until_message(pipeline, BatchOrder)
    wrong = replace(order, from_amount=order.from_amount * 2)
    with pipeline.database.transaction() as tx:
        assert service.take_order(wrong, tx, pipeline.now, pipeline.hostpay_policy) == []
    assert one(pipeline, TRANSFER)["reason"] == "amount_differs"
    pipeline.operate("retry", id=one(pipeline, TRANSFER)["unique_id"])
    live(pipeline, hours=2)

    assert one(pipeline, "SELECT state FROM batches") == {"state": "distributed"}
    assert pipeline.dead == []


def test_a_resume_and_a_signer_do_not_wait_for_each_other(
    pipeline: Pipeline, other: Database
) -> None:
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    pipeline.operate("pause", part="hostpay")
    pipeline.run()
    assert one(pipeline, TRANSFER)["wait_reason"] == "hostpay_paused"
    pipeline.now += timedelta(minutes=6)
    pipeline.reconcile()
    message = until_message(pipeline, PaymentExecutionRequest)
    with pipeline.database.transaction() as tx:
        tx.one("SELECT state FROM transfers FOR UPDATE")  # the signer has begun
        thread, came = meanwhile(lambda: ask(pipeline, other, "resume", part="hostpay"))
        signing.sign(message, tx, pipeline.now, pipeline.hostpay_policy, pipeline.signers)
    thread.join(LONG_SECONDS)
    assert isinstance(came[0], dict), came
    assert came[0]["after"]["paused_at"] is None


def test_a_rehearsal_counts_nothing_and_its_log_says_that_it_is_one(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth", address="0x" + "88" * 20)
    pipeline.payment("8", "0.05")
    until_message(pipeline, HostPayOrder)
    payout_id = str(one(pipeline)["payout_id"])
    written = io.StringIO()
    log = logging.StreamHandler(written)
    log.setFormatter(logger.registered_formatter)
    logging.getLogger("microbatch").addHandler(log)
    try:
        for dry_run, counted in ((True, []), (False, ["payouts_failed"])):
            metrics.provider.clear_metrics()
            pipeline.operate("release", id=payout_id, dry_run=dry_run)
            assert list(metrics.provider.metric_set) == counted
    finally:
        logging.getLogger("microbatch").removeHandler(log)
        metrics.provider.clear_metrics()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    failed = [line.get("dry_run") for line in lines if line["message"] == "payout_failed"]
    assert failed == [True, None]

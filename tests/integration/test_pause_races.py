"""A pause and a signature at the same moment: one of them is first, and both know it."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.hostpay import attempt_store, signing
from microbatch.hostpay.due import execution
from microbatch.hostpay.model import Fees
from microbatch.hostpay.store import read
from microbatch.messages import Outgoing, PaymentExecutionRequest, PreflightRequested
from microbatch.operations.acts import perform
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.ethereum.key_signer import KeySigner
from tests.fakes.pipeline import KEY, Pipeline
from tests.integration.paying import one, pay_in

TRANSFER = "SELECT * FROM transfers"
SOON_SECONDS = 0.5
LONG_SECONDS = 20
PARTS = ("hostpay", "conversion")


class SlowKey(KeySigner):
    """A key that signs when it is told to."""

    def __init__(self) -> None:
        super().__init__(KEY)
        self.asked, self.may_sign = threading.Event(), threading.Event()

    def sign(self, **fields: Any) -> Any:
        self.asked.set()
        assert self.may_sign.wait(LONG_SECONDS)
        return super().sign(**fields)


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """The transfer of a batch, approved, with a fresh preflight: the next step signs it."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)
    pipeline.observe()
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    while not _is_ready(pipeline):
        pipeline.step(pipeline.queue.pop(0))
    yield pipeline
    assert broken_invariants(database) == []


def _is_ready(pipeline: Pipeline) -> bool:
    ready = pipeline.rows("SELECT 1 FROM transfers WHERE preflight_at IS NOT NULL")
    return bool(ready) and isinstance(pipeline.queue[0].message, PaymentExecutionRequest)


def pause(pipeline: Pipeline, database: Database, part: str) -> dict[str, Any]:
    """The act, over a connection of its own."""
    request = {"act": "pause", "part": part, "who": "me", "why": "quick"}
    with database.transaction() as tx:
        answer, _ = perform(request, tx, pipeline.now, pipeline.surroundings)
    return answer


@pytest.mark.parametrize("part", PARTS)
def test_a_pause_that_is_committed_while_the_signer_begins_stops_it(
    pipeline: Pipeline, other: Database, part: str
) -> None:
    message = pipeline.queue.pop(0).message
    with pipeline.database.transaction() as tx:
        tx.one("SELECT state FROM transfers FOR UPDATE")  # the signer has begun
        assert pause(pipeline, other, part)["already_out"] == []
        sent = signing.sign(message, tx, pipeline.now, pipeline.hostpay_policy, pipeline.signers)
    assert sent == []
    transfer = one(pipeline, TRANSFER)
    assert (transfer["state"], transfer["nonce"]) == ("approved", None)
    assert transfer["wait_reason"] == f"{part}_paused"
    assert pipeline.rows("SELECT 1 FROM transfer_attempts") == []


@pytest.mark.parametrize("part", PARTS)
def test_a_pause_waits_for_who_is_signing_and_counts_it(
    pipeline: Pipeline, other: Database, part: str
) -> None:
    key = pipeline.signer = SlowKey()
    outgoing = pipeline.queue.pop(0)
    answers: list[dict[str, Any]] = []
    signer = threading.Thread(target=lambda: pipeline.step(outgoing))
    pauser = threading.Thread(target=lambda: answers.append(pause(pipeline, other, part)))
    signer.start()
    assert key.asked.wait(LONG_SECONDS)
    pauser.start()
    pauser.join(SOON_SECONDS)
    assert answers == [], "whoever is signing is waited for"
    key.may_sign.set()
    signer.join(LONG_SECONDS)
    pauser.join(LONG_SECONDS)

    (answer,) = answers
    assert [(each["state"], each["transfers_count"]) for each in answer["already_out"]] == [
        ("signed", 1)
    ]
    assert one(pipeline, TRANSFER)["state"] == "signed"
    pipeline.run()
    assert one(pipeline, "SELECT state FROM batches") == {"state": "distributed"}


def test_a_resume_has_what_waits_looked_at_in_the_next_minute(pipeline: Pipeline) -> None:
    pipeline.operate("pause", part="hostpay")
    pipeline.run()
    for _ in range(30):  # the longer it waits, the rarer it is asked about
        pipeline.now += timedelta(minutes=10)
        pipeline.reconcile()
        pipeline.run()
    while not _looks(pipeline):
        pipeline.now += timedelta(minutes=1)
    pipeline.run()
    pipeline.now += timedelta(minutes=1)
    assert not _looks(pipeline)

    pipeline.operate("resume", part="hostpay")
    pipeline.now += timedelta(minutes=1)
    assert _looks(pipeline)


def _looks(pipeline: Pipeline) -> bool:
    return any(isinstance(each.message, PreflightRequested) for each in pipeline.reconcile())


# --- what is out already --------------------------------------------------------------------------


def broadcast(pipeline: Pipeline) -> str:
    """The transfer's bytes are out and lie unmined; its id."""
    while one(pipeline, TRANSFER)["state"] != "broadcast":
        pipeline.step(pipeline.queue.pop(0))
    pipeline.queue.clear()
    return str(one(pipeline, TRANSFER)["unique_id"])


def test_a_cancel_is_signed_during_a_pause(pipeline: Pipeline) -> None:
    unique_id = broadcast(pipeline)
    pipeline.chain.pool.clear()
    pipeline.operate("pause", part="hostpay")
    pipeline.operate("cancel", unique_id=unique_id)
    for _ in range(40):
        if not pipeline.queue:
            pipeline.now += timedelta(minutes=6)
            pipeline.reconcile()
        if pipeline.queue:
            pipeline.step(pipeline.queue.pop(0))
    transfer = one(pipeline, TRANSFER)
    assert (transfer["state"], transfer["reason"]) == ("failed", "cancelled_by_operator")
    assert one(pipeline, "SELECT state FROM payments") == {"state": "pending"}


def test_a_bump_is_signed_during_a_pause_and_pays_the_same(pipeline: Pipeline) -> None:
    unique_id = broadcast(pipeline)
    pipeline.operate("pause", part="hostpay")
    with pipeline.database.transaction() as tx:
        fees = Fees(21_000, 9 * 10**9, 3 * 10**9)
        attempt_store.order_attempt(tx, unique_id, fees, pipeline.now)
        transfer = read(tx, unique_id)
    assert transfer is not None
    pipeline.step(Outgoing("hostpay-payment-execute", execution(transfer, pipeline.now)))
    attempts = pipeline.rows("SELECT nonce, to_address, value_wei, state FROM transfer_attempts")
    assert len(attempts) == 2
    assert attempts[0]["nonce"] == attempts[1]["nonce"]
    assert attempts[0]["to_address"] == attempts[1]["to_address"]
    assert attempts[0]["value_wei"] == attempts[1]["value_wei"]
    assert {row["state"] for row in attempts} == {"sent", "prepared"}

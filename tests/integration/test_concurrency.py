"""Eight at once: one batch, one row, one nonce."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from microbatch.conversion.checking import Check, check_threshold
from microbatch.conversion.model import Open, Wait, WaitReason
from microbatch.hostpay.signing import sign
from microbatch.intake.service import accumulate
from microbatch.messages import PaymentExecutionRequest, PaymentReceived
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database, Transaction
from tests.fakes.pipeline import Pipeline

AT_ONCE = 8
PATIENCE_SECONDS = 60
SOON_SECONDS = 1

Together = Callable[[Callable[[int, Transaction], Any]], list[Any]]


@pytest.fixture
def together(database_fields: dict[str, Any]) -> Together:
    """Runs an act in eight transactions that begin at the same moment; what each gave."""
    gate = threading.Barrier(AT_ONCE)

    def run(act: Callable[[int, Transaction], Any]) -> list[Any]:
        def one(number: int) -> Any:
            with closing(Database(lambda _fresh: database_fields)) as database:
                with database.transaction() as tx:
                    tx.one("SELECT 1 AS connected")
                gate.wait(PATIENCE_SECONDS)
                with database.transaction() as tx:
                    return act(number, tx)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, range(AT_ONCE), timeout=PATIENCE_SECONDS))

    return run


def test_checks_at_once_open_one_batch_over_everything(
    pipeline: Pipeline, together: Together
) -> None:
    for _ in range(20):
        pipeline.payment("7", "0.01")
    pipeline.run()

    checks = together(lambda _, tx: check_threshold(tx, pipeline.now, pipeline.conversion_policy))

    opened = [check for check in checks if isinstance(check.decision, Open)]
    waits = [check.decision for check in checks if check not in opened]
    assert [check.claimed.payments_count for check in opened] == [20]
    assert waits == [Wait(WaitReason.NOTHING_PENDING)] * (AT_ONCE - 1)
    (batch,) = pipeline.rows("SELECT payments_count FROM batches")
    assert batch["payments_count"] == 20
    assert broken_invariants(pipeline.database) == []


def test_what_is_pending_no_more_when_its_turn_comes_is_not_claimed(
    pipeline: Pipeline, other: Database
) -> None:
    """Nothing is locked until it is moved, so that a claim meets what somebody else has changed."""
    first, *_ = [pipeline.payment("7", "0.01") for _ in range(20)]
    pipeline.run()

    def check() -> Check:
        with other.transaction() as tx:
            return check_threshold(tx, pipeline.now, pipeline.conversion_policy)

    with ThreadPoolExecutor(1) as pool:
        with pipeline.database.transaction() as tx:
            tx.execute(
                "UPDATE payments SET state = 'parked', park_reason = 'a person looks at it'"
                " WHERE payment_id = %(id)s",
                id=first.payment_id,
            )
            checking = pool.submit(check)
            with pytest.raises(TimeoutError):  # it waits for us
                checking.result(SOON_SECONDS)
        checked = checking.result(PATIENCE_SECONDS)

    assert checked.claimed.payments_count == 19
    states = pipeline.rows("SELECT state, count(*) AS n FROM payments GROUP BY state ORDER BY 1")
    assert states == [{"state": "parked", "n": 1}, {"state": "swapping", "n": 19}]
    assert broken_invariants(pipeline.database) == []


def take(pipeline: Pipeline, message: PaymentReceived, tx: Transaction) -> None:
    """As the accumulator does."""
    accumulate(message, tx, pipeline.now, pipeline.intake_policy, pipeline.payout_policy)


def test_a_payment_delivered_to_all_at_once_is_one_row(
    pipeline: Pipeline, together: Together
) -> None:
    message = pipeline.payment("7", "0.01")
    pipeline.queue.clear()

    together(lambda _, tx: take(pipeline, message, tx))

    (row,) = pipeline.rows("SELECT payment_id, state FROM payments")
    assert row == {"payment_id": message.payment_id, "state": "pending"}
    assert pipeline.rows("SELECT held_id FROM held_payments") == []


def test_of_conflicting_copies_one_is_credited_and_the_others_are_held(
    pipeline: Pipeline, together: Together
) -> None:
    message = pipeline.payment("7", "0.01")
    pipeline.queue.clear()
    copies = [replace(message, received_amount=f"0.01{number}") for number in range(AT_ONCE)]

    together(lambda number, tx: take(pipeline, copies[number], tx))

    assert len(pipeline.rows("SELECT payment_id FROM payments")) == 1
    held = pipeline.rows("SELECT reason, count(*) AS n FROM held_payments GROUP BY reason")
    assert held == [{"reason": "conflict", "n": AT_ONCE - 1}]


def test_a_held_payment_delivered_to_all_at_once_is_held_once(
    pipeline: Pipeline, together: Together
) -> None:
    message = pipeline.payment("nobody", "0.01")
    pipeline.queue.clear()

    together(lambda _, tx: take(pipeline, message, tx))

    held = pipeline.rows("SELECT reason FROM held_payments")
    assert held == [{"reason": "unknown_client"}]


def approved(pipeline: Pipeline) -> PaymentExecutionRequest:
    """A transfer that is about to be signed: its execution message, with a fresh preflight."""
    pipeline.payment("7", "0.02")
    pipeline.run()
    pipeline.check()
    seen_preflight = False
    while True:
        outgoing = pipeline.queue.pop(0)
        message = outgoing.message
        if isinstance(message, PaymentExecutionRequest) and seen_preflight:
            return message
        seen_preflight = seen_preflight or type(message).__name__ == "PreflightObserved"
        pipeline.step(outgoing)


def test_signers_at_once_bind_a_transfer_to_one_nonce(
    pipeline: Pipeline, together: Together
) -> None:
    message = approved(pipeline)

    sent = together(
        lambda _, tx: sign(message, tx, pipeline.now, pipeline.hostpay_policy, pipeline.signers)
    )

    (wallet,) = pipeline.rows("SELECT next_nonce - first_nonce AS taken FROM wallets")
    attempts = pipeline.rows("SELECT tx_hash FROM transfer_attempts")
    assert wallet == {"taken": 1}
    assert len(attempts) == 1
    raws = {each.message.raw_transaction for outgoing in sent for each in outgoing}
    assert len(raws) == 1
    assert broken_invariants(pipeline.database) == []


def test_signers_of_different_transfers_leave_no_gap(
    pipeline: Pipeline, together: Together
) -> None:
    messages = [approved(pipeline) for _ in range(AT_ONCE)]

    together(
        lambda number, tx: sign(
            messages[number], tx, pipeline.now, pipeline.hostpay_policy, pipeline.signers
        )
    )

    rows = pipeline.rows("SELECT nonce FROM transfers ORDER BY nonce")
    assert [row["nonce"] for row in rows] == list(range(AT_ONCE))
    assert broken_invariants(pipeline.database) == []

"""A decision about a held payment is made once, whoever says it how often."""

import threading
import time
from collections.abc import Iterator

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.acts import perform
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import one, operate
from tests.integration.test_holding import HELD, PAYMENT, held, unchanged


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """A client, fresh observations; at the end the books are right."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)
    pipeline.observe()
    yield pipeline
    assert broken_invariants(database) == []


def test_a_rejected_payment_never_counts_and_that_is_told(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, parent_payment_id="1")
    answer = operate(pipeline, "reject", payment_id=payment_id, why="not ours")
    again = operate(pipeline, "reject", payment_id=payment_id)
    assert (answer["changed"], again["changed"]) == (True, False)
    assert answer["sent"] == {"events": 1}
    with pytest.raises(InvalidInput, match=r"was rejected .* by me: that stays"):
        pipeline.operate("accept", payment_id=payment_id)
    held(pipeline, payment_id=payment_id, parent_payment_id="1")  # sent again: a duplicate
    assert pipeline.rows(PAYMENT) == []
    assert one(pipeline, HELD)["state"] == "rejected"
    rejected = [each for each in pipeline.told if each.name == "payment.rejected"]
    assert len(rejected) == 2
    assert len({each.event_id for each in rejected}) == 1
    assert b'"why": "not ours"' in rejected[0].detail


def test_an_accepted_payment_stays_accepted(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, parent_payment_id="1")
    operate(pipeline, "accept", payment_id=payment_id)
    books = pipeline.rows(PAYMENT)
    again = operate(pipeline, "accept", payment_id=payment_id)
    assert (again["changed"], again["sent"]) == (False, {})
    with pytest.raises(InvalidInput, match="was accepted"):
        pipeline.operate("reject", payment_id=payment_id)
    held(pipeline, payment_id=payment_id, parent_payment_id="1")
    assert pipeline.rows(PAYMENT) == books
    events = {each.event_id for each in pipeline.told if each.name == "payment.accumulated"}
    assert len(events) == 1


def test_a_rehearsal_says_what_would_be_and_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    payment_id = held(pipeline, "8", "0.05", parent_payment_id="1")
    before = unchanged(pipeline)
    answer = pipeline.operate("accept", payment_id=payment_id, dry_run=True)
    assert (answer["dry_run"], answer["changed"]) == (True, True)
    assert answer["after"]["state"] == "accepted"
    assert answer["sent"] == {"events": 1, "hostpay-trigger": 1}
    assert unchanged(pipeline) == before
    assert pipeline.queue == []


def test_a_rejection_too_is_rehearsed_without_a_trace(pipeline: Pipeline) -> None:
    payment_id = held(pipeline, parent_payment_id="1")
    before = unchanged(pipeline)
    answer = pipeline.operate("reject", payment_id=payment_id, dry_run=True)
    assert (answer["dry_run"], answer["after"]["state"]) == (True, "rejected")
    assert unchanged(pipeline) == before
    assert pipeline.queue == []


@pytest.mark.parametrize("act", ["pause", "resume", "clients pause", "threshold set"])
def test_what_moves_no_money_knows_no_rehearsal(pipeline: Pipeline, act: str) -> None:
    fields = {"payment_id": "1", "part": "payout", "client_id": "7", "threshold_usd": "1"}
    with pytest.raises(InvalidInput, match="knows no dry_run"):
        pipeline.operate(act, dry_run=True, **fields)


@pytest.mark.parametrize("acts", [("accept", "accept"), ("accept", "reject"), ("reject", "accept")])
def test_of_two_decisions_at_once_one_is_made(
    pipeline: Pipeline, other: Database, acts: tuple[str, str]
) -> None:
    payment_id = held(pipeline, parent_payment_id="1")
    done: list[str] = []

    def decide(database: Database, act: str) -> None:
        request = {"act": act, "payment_id": payment_id, "who": act, "why": "I say so"}
        try:
            with database.transaction() as tx:
                answer, _ = perform(request, tx, pipeline.now, pipeline.surroundings)
                if database is pipeline.database:
                    begun.set()
                    time.sleep(0.3)
        except InvalidInput:
            return
        done.append(act) if answer["changed"] else None

    begun = threading.Event()
    first = threading.Thread(target=decide, args=(pipeline.database, acts[0]))
    first.start()
    assert begun.wait(20)
    decide(other, acts[1])
    first.join(20)

    assert done == [acts[0]]
    assert one(pipeline, HELD)["state"] == f"{acts[0]}ed"
    assert len(pipeline.rows(PAYMENT)) == (acts[0] == "accept")

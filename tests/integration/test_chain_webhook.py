"""A hint of Alchemy's makes a receipt be looked for sooner, and can do nothing else."""

import random
from typing import Any

import pytest

from microbatch.hostpay.inbound import receive_activity
from microbatch.messages import ReceiptObserved, ReceiptRequested
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.webhook import Answer
from tests.fakes import alchemy
from tests.fakes.chain import Transaction
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import Doors, everything, signed

STRANGER = "0x" + "71" * 20
TX_HASH = "0x" + "ab" * 32


def states(pipeline: Pipeline) -> list[str]:
    return [row["state"] for row in pipeline.rows("SELECT state FROM transfers")]


def pay(pipeline: Pipeline) -> str:
    """A transfer whose bytes are out; its receipt will be asked for in a minute. Its hash."""
    pipeline.payment("7", "0.02")
    pipeline.step(pipeline.queue.pop(0))
    pipeline.check()
    while states(pipeline) != ["broadcast"]:
        pipeline.step(pipeline.queue.pop(0))
    (attempt,) = pipeline.rows("SELECT tx_hash FROM transfer_attempts")
    return str(attempt["tx_hash"])


def notify(pipeline: Pipeline, *activity: object, key: str = alchemy.KEY) -> Answer:
    """Alchemy calls; what the webhook queues is on its way."""
    body = alchemy.notification(*activity)
    headers = alchemy.headers(body, key)
    answer = receive_activity(body, headers, alchemy.KEY, pipeline.now, [pipeline.wallet])
    pipeline.send(answer.outgoing)
    return answer


def at_once(pipeline: Pipeline) -> None:
    """Deliver what is due now; what is delayed stays where it is."""
    while due := [each for each in pipeline.queue if not each.delay_seconds]:
        pipeline.queue.remove(due[0])
        pipeline.step(due[0])


def polls(pipeline: Pipeline) -> int:
    """Questions for a receipt that are on their way."""
    return sum(isinstance(each.message, ReceiptRequested) for each in pipeline.queue)


def ours(pipeline: Pipeline, tx_hash: str) -> dict[str, Any]:
    return alchemy.external(tx_hash, pipeline.wallet, STRANGER)


def test_a_hint_has_a_transfer_confirmed_before_its_next_poll(pipeline: Pipeline) -> None:
    tx_hash = pay(pipeline)
    pipeline.chain.mine(pipeline.confirmations)
    at_once(pipeline)
    assert states(pipeline) == ["broadcast"]
    then = pipeline.now

    notify(pipeline, ours(pipeline, tx_hash))
    at_once(pipeline)

    assert states(pipeline)[0] in ("confirmed", "settled")
    assert pipeline.now == then
    pipeline.run()
    assert states(pipeline) == ["settled"]
    assert (pipeline.dead, broken_invariants(pipeline.database)) == ([], [])


def test_the_hint_goes_through_every_door_to_the_transfer(doors: Doors, pipeline: Pipeline) -> None:
    tx_hash = pay(pipeline)
    body = alchemy.notification(alchemy.external(tx_hash, pipeline.wallet, STRANGER))

    assert doors.invoke("chain_webhook", alchemy.request(body))["statusCode"] == 200
    (sighted,) = doors.waiting("chain-requests")
    assert doors.deliver("chain-requests", signed("chain-requests", sighted)) == 0
    (seen,) = doors.waiting("chain-results")
    assert isinstance(seen, ReceiptObserved)
    assert (seen.unique_id, seen.tx_hash) == ("", tx_hash)
    assert doors.deliver("chain-results", signed("chain-results", seen)) == 0

    assert states(pipeline) == ["confirmed"]


def test_without_a_hint_it_is_confirmed_as_well(pipeline: Pipeline) -> None:
    pay(pipeline)
    pipeline.run()

    assert states(pipeline) == ["settled"]


def test_a_forged_hint_leaves_nothing_behind(pipeline: Pipeline) -> None:
    tx_hash = pay(pipeline)
    pipeline.chain.mine(pipeline.confirmations)
    before, queued = everything(pipeline.database), list(pipeline.queue)

    answer = notify(pipeline, ours(pipeline, tx_hash), key="whsec_ofSomebodyElse")

    assert (answer.status_code, pipeline.queue) == (401, queued)
    assert everything(pipeline.database) == before


def test_hints_before_the_chain_has_it_change_nothing_and_add_no_poll(pipeline: Pipeline) -> None:
    tx_hash = pay(pipeline)
    before, questions = everything(pipeline.database), polls(pipeline)

    for _ in range(20):
        notify(pipeline, ours(pipeline, tx_hash))
    at_once(pipeline)

    assert everything(pipeline.database) == before
    assert polls(pipeline) == questions == 1


def test_replayed_and_removed_events_of_what_is_mined_change_nothing(pipeline: Pipeline) -> None:
    tx_hash = pay(pipeline)
    pipeline.chain.mine()
    notify(pipeline, ours(pipeline, tx_hash))
    at_once(pipeline)
    assert states(pipeline) == ["mined"]
    before, questions = everything(pipeline.database), polls(pipeline)

    for removed in (True, False) * 10:
        notify(pipeline, alchemy.token(tx_hash, pipeline.wallet, STRANGER, removed=removed))
    at_once(pipeline)

    assert everything(pipeline.database) == before
    assert polls(pipeline) == questions
    pipeline.run()
    assert states(pipeline) == ["settled"]


def test_what_is_told_of_a_settled_transfer_changes_nothing(pipeline: Pipeline) -> None:
    tx_hash = pay(pipeline)
    pipeline.run()
    before = everything(pipeline.database)

    notify(pipeline, ours(pipeline, tx_hash))
    pipeline.run()

    assert everything(pipeline.database) == before


def run_with_hints(pipeline: Pipeline, seed: int) -> None:
    """Let the day pass; after every step old and new events may come, in any order, or none."""
    dice = random.Random(seed)
    told: list[dict[str, Any]] = []
    while pipeline.queue:
        pipeline.step(pipeline.queue.pop(0))
        hashes = [row["tx_hash"] for row in pipeline.rows("SELECT tx_hash FROM transfer_attempts")]
        for tx_hash in hashes:
            told.append(
                alchemy.token(tx_hash, pipeline.wallet, STRANGER, removed=dice.random() < 0.3)
            )
            told.append(ours(pipeline, tx_hash))
        if told and len(told) < 100 and dice.random() < 0.5:
            notify(pipeline, *dice.choices(told, k=dice.randint(1, 5)))


@pytest.mark.parametrize("seed", range(4))
def test_any_stream_of_hints_ends_as_none_does(pipeline: Pipeline, seed: int) -> None:
    pipeline.copies = 1 + seed % 2
    pipeline.payment("7", "0.02")
    pipeline.step(pipeline.queue.pop(0))
    pipeline.check()

    run_with_hints(pipeline, seed)

    assert states(pipeline) == ["settled"]
    assert len(set(pipeline.chain.offered)) == 1
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert (pipeline.dead, broken_invariants(pipeline.database)) == ([], [])


@pytest.mark.parametrize("hints", [0, 3])
def test_hints_never_multiply_the_polls(database: Database, hints: int) -> None:
    pipeline = Pipeline(database, confirmations=20)  # a block passes with each poll
    pipeline.client("7")
    pipeline.observe()
    tx_hash = pay(pipeline)

    while pipeline.queue:
        pipeline.step(pipeline.queue.pop(0))
        for _ in range(hints):
            notify(pipeline, ours(pipeline, tx_hash))
        at_once(pipeline)

    assert states(pipeline) == ["settled"]
    assert 20 <= pipeline.delivered.count("ReceiptRequested") <= 21


# --- transactions that are not ours --------------------------------------------------------------


def happened(pipeline: Pipeline, sender: str, to: str) -> None:
    """Somebody's transaction is mined."""
    nonce = pipeline.chain.count(sender)
    pipeline.chain.pool.append(Transaction(TX_HASH, sender, nonce, to, 1))
    pipeline.chain.mine()


@pytest.mark.parametrize("sender", ["ours", "stranger", "absent"])
def test_a_transaction_that_we_did_not_sign_only_rings_an_alarm_if_our_wallet_sent_it(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture, sender: str
) -> None:
    pay(pipeline)
    pipeline.run()
    if sender != "absent":
        happened(pipeline, pipeline.wallet if sender == "ours" else STRANGER, pipeline.wallet)
    before = everything(pipeline.database)

    # Anybody can have a token log a transfer "from" our wallet.
    notify(pipeline, alchemy.token(TX_HASH, pipeline.wallet, STRANGER))
    pipeline.run()

    alarms = [record for record in caplog.records if record.message == "foreign_transaction"]
    assert [record.levelname for record in alarms] == (["ERROR"] if sender == "ours" else [])
    assert everything(pipeline.database) == before
    assert pipeline.dead == []

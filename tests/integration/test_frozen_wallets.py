"""A frozen wallet signs again only when the chain has counted exactly what we have given out."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from microbatch.errors import InvalidInput
from microbatch.hostpay.wallet_store import freeze_wallet
from microbatch.messages import PreflightRequested
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.parked import batch, consumed, run
from tests.integration.paying import one

WALLET = "SELECT * FROM wallets"
TRANSFER = "SELECT * FROM transfers ORDER BY created_at LIMIT 1"


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Somebody else has used the nonce of our transfer: it is parked, its wallet frozen."""
    pipeline = Pipeline(database)
    pipeline.client("7", threshold_usd=1000)
    pipeline.observe()
    consumed(pipeline)
    batch(pipeline)
    assert one(pipeline, WALLET)["status"] == "frozen"
    assert one(pipeline, TRANSFER)["state"] == "parked"
    yield pipeline
    assert broken_invariants(database) == []


def activate(pipeline: Pipeline) -> dict[str, object]:
    """The act, and once more when the node has answered."""
    first = pipeline.operate("wallets activate", address=pipeline.signer.address)
    assert (first["changed"], first["sent"]) == (False, {"chain-requests": 1})
    assert "say it again" in str(first["next"])
    asked = pipeline.queue.pop()
    assert isinstance(asked.message, PreflightRequested)
    pipeline.step(asked)
    pipeline.step(pipeline.queue.pop())  # the answer
    return pipeline.operate("wallets activate", address=pipeline.signer.address)


def test_a_wallet_whose_nonces_are_all_explained_signs_again(pipeline: Pipeline) -> None:
    transfer = one(pipeline, TRANSFER)
    pipeline.operate("release", id=transfer["unique_id"])
    pipeline.observe()
    pipeline.check()
    run(pipeline)
    assert one(pipeline, TRANSFER)["state"] == "failed"
    waits = one(pipeline, "SELECT wait_reason FROM transfers WHERE state = 'approved'")
    assert waits == {"wait_reason": "wallet_frozen"}

    answer = activate(pipeline)

    assert answer["changed"] is True
    row = one(pipeline, WALLET)
    assert (row["status"], row["reason"], row["next_nonce"]) == ("active", None, 1)
    (act,) = pipeline.rows("SELECT subject, before, after FROM operator_acts WHERE act LIKE 'w%%'")
    assert act["subject"] == pipeline.wallet
    assert (act["before"]["status"], act["after"]["status"]) == ("frozen", "active")
    run(pipeline)
    assert one(pipeline, "SELECT state FROM payments") == {"state": "converted"}
    assert [row["nonce"] for row in pipeline.rows("SELECT nonce FROM transfer_nonces")] == [0, 1]
    again = pipeline.operate("wallets activate", address=pipeline.wallet)
    assert (again["changed"], again["sent"]) == (False, {})


@pytest.mark.parametrize("where", ["mined", "pool"])
def test_a_wallet_that_has_sent_more_than_we_know_stays_frozen(
    pipeline: Pipeline, where: str
) -> None:
    if where == "mined":
        pipeline.chain.spend(pipeline.wallet)
        counts = "2 finalized, 2 mined and 2 pending"
    else:
        tx_hash = pipeline.chain.spend(pipeline.wallet)
        pipeline.chain.pool.append(pipeline.chain.mined.pop(tx_hash)[0])
        counts = "1 finalized, 1 mined and 2 pending"
        pipeline.chain.mine = lambda blocks=1: None  # type: ignore[method-assign]
    with pytest.raises(InvalidInput, match=f"{counts} transactions of it, our books 1"):
        activate(pipeline)
    assert one(pipeline, WALLET)["status"] == "frozen"


def test_a_look_that_is_old_is_no_look(pipeline: Pipeline) -> None:
    pipeline.operate("wallets activate", address=pipeline.wallet)
    pipeline.run()
    pipeline.now += timedelta(minutes=6)
    assert activate(pipeline)["changed"] is True


def test_a_look_from_before_it_was_frozen_is_no_look(pipeline: Pipeline) -> None:
    assert activate(pipeline)["changed"] is True
    pipeline.now += timedelta(minutes=1)
    pipeline.chain.spend(pipeline.wallet)  # somebody else again; and that is found out
    with pipeline.database.transaction() as tx:
        freeze_wallet(tx, pipeline.wallet, 31337, "nonces_are_not_ours", pipeline.now)
    answer = pipeline.operate("wallets activate", address=pipeline.wallet)
    assert (answer["changed"], answer["sent"]) == (False, {"chain-requests": 1})
    assert one(pipeline, WALLET)["status"] == "frozen"


def test_a_rehearsal_activates_nothing(pipeline: Pipeline) -> None:
    pipeline.operate("wallets activate", address=pipeline.wallet)
    pipeline.run()
    answer = pipeline.operate("wallets activate", address=pipeline.wallet, dry_run=True)
    assert (answer["changed"], answer["after"]["status"]) == (True, "active")
    assert one(pipeline, WALLET)["status"] == "frozen"


@pytest.mark.parametrize("address", ["0x" + "12" * 20, "0x12", "", None, 7])
def test_a_wallet_that_is_none_of_ours_is_refused(pipeline: Pipeline, address: object) -> None:
    with pytest.raises(InvalidInput, match=r"address|not in our books"):
        pipeline.operate("wallets activate", address=address)


def test_what_lost_its_nonce_is_looked_for_again_and_found_as_before(pipeline: Pipeline) -> None:
    transfer = one(pipeline, TRANSFER)
    answer = pipeline.operate("retry", id=transfer["unique_id"])
    assert answer["after"]["transfer"]["state"] == "broadcast"
    assert set(answer["sent"]) == {"chain-requests"}
    run(pipeline)
    assert one(pipeline, TRANSFER)["state"] == "parked"
    assert len(pipeline.rows("SELECT 1 FROM transfer_attempts")) == 1, "it is never signed anew"


def test_a_nonce_that_was_ours_after_all_is_paid_and_not_given_back(pipeline: Pipeline) -> None:
    """A node had lied: the bytes that it did not know are mined."""
    transfer = one(pipeline, TRANSFER)
    (attempt,) = pipeline.rows("SELECT tx_hash, raw_transaction FROM transfer_attempts")
    pipeline.chain.mined.clear()
    pipeline.chain.broadcast(bytes(attempt["raw_transaction"]), attempt["tx_hash"])
    pipeline.chain.mine()
    pipeline.operate("retry", id=transfer["unique_id"])
    run(pipeline)
    assert one(pipeline, TRANSFER)["state"] == "settled"
    assert one(pipeline, "SELECT state FROM payments") == {"state": "converted"}

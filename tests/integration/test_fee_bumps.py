"""Bytes that lie unmined get others on the same nonce; whichever is mined, it is paid once."""

from datetime import timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.hostpay.cancelling import cancel
from microbatch.hostpay.fees import bumped
from microbatch.hostpay.model import Fees
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.chain import Transaction
from tests.fakes.pipeline import Pipeline

TRANSFER = "SELECT * FROM transfers"
ATTEMPTS = "SELECT * FROM transfer_attempts ORDER BY attempt_no"


@pytest.fixture
def pipeline(database: Database) -> Pipeline:
    """A transfer that is broadcast, in a pool that mines nothing."""
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.observe()
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.check()
    for _ in range(60):
        if pipeline.rows(TRANSFER + " WHERE state = 'broadcast'"):
            return pipeline
        pipeline.step(pipeline.queue.pop(0))
    raise AssertionError("never broadcast")


def wait(pipeline: Pipeline, rounds: int) -> None:
    """Blocks come, none of them with ours."""
    for _ in range(rounds):
        pool, pipeline.chain.pool = pipeline.chain.pool, []
        pipeline.chain.head += 1
        pipeline.now += timedelta(seconds=15)
        if not pipeline.queue:
            pipeline.reconcile()
        if pipeline.queue:
            pipeline.chain.pool = []
            pipeline.step(pipeline.queue.pop(0))
        known = {transaction.tx_hash for transaction in pipeline.chain.pool}
        pipeline.chain.pool += [each for each in pool if each.tx_hash not in known]


def attempts(pipeline: Pipeline) -> list[dict[str, Any]]:
    return pipeline.rows(ATTEMPTS)


def test_unmined_bytes_are_followed_by_dearer_ones_on_the_same_nonce(pipeline: Pipeline) -> None:
    wait(pipeline, 60)
    found = attempts(pipeline)
    assert len(found) >= 3
    assert {row["nonce"] for row in found} == {0}
    assert len({(row["to_address"], row["value_wei"], bytes(row["data"])) for row in found}) == 1
    assert len({row["tx_hash"] for row in found}) == len(found)
    assert broken_invariants(pipeline.database) == []


@pytest.mark.parametrize("place", [0, 1, 2])
def test_whichever_bytes_are_mined_it_is_paid_once(pipeline: Pipeline, place: int) -> None:
    wait(pipeline, 60)
    chosen = attempts(pipeline)[place]["tx_hash"]
    pipeline.chain.pool = [each for each in pipeline.chain.pool if each.tx_hash == chosen]
    assert pipeline.chain.pool, "it was offered"
    pipeline.chain.mine()
    pipeline.run()
    for _ in range(3):
        pipeline.now += timedelta(minutes=10)
        pipeline.reconcile()
        pipeline.run()
    (transfer,) = pipeline.rows(TRANSFER)
    assert (transfer["state"], transfer["tx_hash"]) == ("settled", chosen)
    by_hash = {row["tx_hash"]: row["state"] for row in attempts(pipeline) if row["tx_hash"]}
    assert by_hash.pop(chosen) == "mined"
    assert set(by_hash.values()) == {"superseded"}
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


def test_a_bump_is_recorded_before_it_is_signed_and_signed_once(pipeline: Pipeline) -> None:
    while not any(row["state"] == "ordered" for row in attempts(pipeline)):
        wait(pipeline, 1)
    order = attempts(pipeline)[-1]
    assert (order["state"], order["raw_transaction"]) == ("ordered", None)
    offered = len(pipeline.chain.offered)
    pipeline.queue += pipeline.queue  # every message twice
    wait(pipeline, 8)
    second = [row for row in attempts(pipeline) if row["attempt_no"] == 2]
    assert len(second) == 1
    assert second[0]["state"] in ("prepared", "sent")
    assert len(set(pipeline.chain.offered[offered:])) <= 2


def test_at_the_ceiling_the_same_bytes_go_on_being_sent(pipeline: Pipeline) -> None:
    limits = pipeline.hostpay_policy.limits
    object.__setattr__(limits, "fee_per_gas_ceiling_wei", 4 * 10**9)
    wait(pipeline, 120)
    found = attempts(pipeline)
    assert max(row["max_fee_per_gas_wei"] for row in found) <= 4 * 10**9
    assert len(pipeline.chain.offered) > len(found)
    assert set(map(bytes, pipeline.chain.offered)) == {
        bytes(row["raw_transaction"]) for row in found
    }


def test_a_bump_raises_both_fields_by_an_eighth_rounded_up() -> None:
    assert bumped(Fees(21_000, 100, 10), None) == Fees(21_000, 113, 12)
    assert bumped(Fees(21_000, 1, 0), None) == Fees(21_000, 2, 1)
    assert bumped(Fees(21_000, 100, 10), 200) == Fees(21_000, 412, 12)
    fees = Fees(21_000, 30 * 10**9, 10**9)
    for _ in range(10):
        fees = bumped(fees, None)
    assert 32 * 3 * 10**9 < fees.max_fee_per_gas_wei < 33 * 3 * 10**9


def test_a_foreign_transaction_on_our_nonce_freezes_the_wallet_and_parks_the_transfer(
    pipeline: Pipeline,
) -> None:
    foreign = Transaction("0x" + "f0" * 32, pipeline.wallet, 0, "0x" + "13" * 20, 1)
    pipeline.chain.pool = [foreign]
    pipeline.chain.mine()
    for _ in range(20):
        pipeline.now += timedelta(minutes=2)
        pipeline.chain.pool = []
        if not pipeline.queue:
            pipeline.reconcile()
        for _ in range(min(8, len(pipeline.queue))):
            pipeline.step(pipeline.queue.pop(0))
    (transfer,) = pipeline.rows(TRANSFER)
    assert (transfer["state"], transfer["reason"]) == (
        "parked",
        "nonce_consumed_by_another_transaction",
    )
    (wallet,) = pipeline.rows("SELECT status, reason FROM wallets")
    assert wallet["status"] == "frozen"
    assert foreign.tx_hash in wallet["reason"]
    (payment,) = pipeline.rows("SELECT state FROM payments")
    assert payment["state"] == "swapping", "its money stays bound until a person has looked"
    attempts_before = len(attempts(pipeline))
    pipeline.payment("7", "0.06")
    pipeline.observe()
    pipeline.check()
    for _ in range(60):
        if pipeline.queue:
            pipeline.step(pipeline.queue.pop(0))
    assert len(attempts(pipeline)) == attempts_before, "nothing is signed from a frozen wallet"


def order_cancel(pipeline: Pipeline) -> None:
    (transfer,) = pipeline.rows(TRANSFER)
    with pipeline.database.transaction() as tx:
        _, outgoing = cancel(tx, transfer["unique_id"], pipeline.now, 300 * 10**9)
    pipeline.send(outgoing)


def only(pipeline: Pipeline, kind: str) -> None:
    """Of what is in the pool, a miner takes the newest of this kind."""
    hashes = [row["tx_hash"] for row in attempts(pipeline) if row["kind"] == kind]
    offered = [each for each in pipeline.chain.pool if each.tx_hash in hashes]
    pipeline.chain.pool = offered[-1:]
    pipeline.chain.mine()


@pytest.mark.parametrize("mined", ["cancel", "pay"])
def test_a_cancel_races_with_the_payment_and_exactly_one_of_them_happens(
    pipeline: Pipeline, mined: str
) -> None:
    paid_to = pipeline.rows(TRANSFER)[0]["to_address"]
    order_cancel(pipeline)
    order_cancel(pipeline)
    wait(pipeline, 6)
    assert [row["kind"] for row in attempts(pipeline)][:2] == ["pay", "cancel"]
    only(pipeline, mined)
    for _ in range(6):
        pipeline.now += timedelta(minutes=6)
        pipeline.chain.pool = []
        pipeline.chain.head += 1
        pipeline.reconcile()
        for _ in range(min(12, len(pipeline.queue) + 6)):
            if pipeline.queue:
                pipeline.step(pipeline.queue.pop(0))
    (transfer,) = pipeline.rows(TRANSFER)
    (payment,) = pipeline.rows("SELECT state FROM payments")
    received = pipeline.chain.received_wei(paid_to)
    if mined == "cancel":
        assert (transfer["state"], transfer["reason"]) == ("failed", "cancelled_by_operator")
        assert (payment["state"], received) == ("pending", 0)
    else:
        assert (transfer["state"], payment["state"]) == ("settled", "converted")
        assert received == 48_500_000_000_000_000
    assert broken_invariants(pipeline.database) == []
    with pytest.raises(InvalidInput, match="only one that is"):
        order_cancel(pipeline)

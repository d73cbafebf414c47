"""Messages come many times, all at once, in any order, and an hour late."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from microbatch.hostpay import signing
from microbatch.messages import Outgoing, PaymentExecutionRequest
from microbatch.platform.database import Database
from tests.hostile.world import World

AT_ONCE = 8
PATIENCE_SECONDS = 30
HOUR = 3600
QUEUES = (
    "hostpay-batch",
    "hostpay-status-response",
    "hostpay-payment-execute",
    "chain-requests",
    "chain-results",
)
LATENESS = (0, 0, 0, 0, 5, 90, 900, HOUR)

Signers = Callable[[list[PaymentExecutionRequest]], list[Outgoing]]


@pytest.fixture
def signers(world: World, database_fields: dict[str, Any]) -> Signers:
    """Eight signers, each with its own connection, that get the same messages at one moment."""
    gate = Barrier(AT_ONCE)

    def one(number: int, requests: list[PaymentExecutionRequest]) -> list[Outgoing]:
        shuffled = random.Random(number).sample(requests, len(requests))
        sent: list[Outgoing] = []
        with closing(Database(lambda _fresh: database_fields)) as database:
            with database.transaction() as tx:
                tx.one("SELECT 1 AS connected")
            gate.wait(PATIENCE_SECONDS)
            for request in shuffled:
                with database.transaction() as tx:
                    sent += signing.sign(
                        request, tx, world.now, world.hostpay_policy, world.signers
                    )
        return sent

    def all_at_once(requests: list[PaymentExecutionRequest]) -> list[Outgoing]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            gave = pool.map(one, range(AT_ONCE), [requests] * AT_ONCE, timeout=PATIENCE_SECONDS)
            return [outgoing for sent in gave for outgoing in sent]

    return all_at_once


def ready_to_sign(world: World) -> list[PaymentExecutionRequest]:
    """The execution messages that would sign at once, taken off the queue instead."""
    held: list[PaymentExecutionRequest] = []

    def hold(outgoing: Outgoing) -> bool:
        message = outgoing.message
        if not isinstance(message, PaymentExecutionRequest):
            return False
        (row,) = world.rows(
            "SELECT preflight_at FROM transfers WHERE unique_id = %(id)s", id=message.unique_id
        )
        if row["preflight_at"] is not None:
            held.append(message)
        return row["preflight_at"] is not None

    world.lose = hold
    world.settle()
    world.lose = lambda _outgoing: False
    return held


@pytest.mark.parametrize("queue", QUEUES)
def test_every_message_of_a_queue_ten_times_pays_once(
    world: World, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    """S1."""
    step = world.step
    repeated = []

    def ten_times(outgoing: Outgoing) -> None:
        world.copies = 10 if outgoing.queue == queue else 1
        repeated.extend([outgoing] * (outgoing.queue == queue))
        step(outgoing)

    monkeypatch.setattr(world, "step", ten_times)
    world.order()
    world.order("0.07")
    world.live(15)
    assert len(repeated) >= 2
    world.assert_all_paid_once()
    assert len(world.attempts()) == 2


def test_eight_signers_at_once_sign_one_transfer_once(world: World, signers: Signers) -> None:
    """S1."""
    world.order()
    requests = ready_to_sign(world)
    assert len(requests) == 1
    world.send(signers(requests))
    assert len(world.attempts()) == 1
    world.live(30)
    world.assert_all_paid_once()
    assert len(world.proxy.transactions(world.wallet)) == 1


def test_eight_signers_of_eight_transfers_leave_no_gap_among_the_nonces(
    world: World, signers: Signers
) -> None:
    """S1. The wallet is not even adopted yet when they begin."""
    for number in range(AT_ONCE):
        world.order(f"0.0{number + 2}")
    requests = ready_to_sign(world)
    assert len(requests) == AT_ONCE
    assert world.rows("SELECT address FROM wallets") == []
    world.send(signers(requests))
    assert [row["nonce"] for row in world.attempts()] == list(range(AT_ONCE))
    world.live(30)
    world.assert_all_paid_once()
    assert len(world.proxy.transactions(world.wallet)) == AT_ONCE


def test_a_payment_id_that_comes_again_with_another_amount_is_held_and_not_paid(
    world: World,
) -> None:
    """S2. Ids are the client's only at intake: there the first wins and the other is held."""
    world.look()
    first = world.payment("7", "0.05")
    world.queue.append(Outgoing("payments", replace(first, received_amount="0.5")))
    world.deliver_now("payments")
    world.check()
    world.live(30)
    assert [row["reason"] for row in world.rows("SELECT reason FROM held_payments")] == ["conflict"]
    (transfer,) = world.transfers()
    assert transfer["amount_units"] <= 5 * 10**16
    world.assert_all_paid_once()


@pytest.mark.parametrize("seed", range(3))
def test_messages_out_of_order_doubled_and_an_hour_late_pay_once(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """S3."""
    chance = random.Random(seed)
    send, late, doubled = world.send, [], []

    def scattered(outgoing: list[Outgoing]) -> None:
        for each in outgoing:
            for copy in range(chance.choice((1, 1, 2))):
                more = chance.choice(LATENESS)
                late.extend([more] * (more > 0))
                doubled.extend([each] * copy)
                send([replace(each, delay_seconds=each.delay_seconds + more)])
        chance.shuffle(world.queue)

    monkeypatch.setattr(world, "send", scattered)
    for number in range(4):
        world.order(f"0.0{number + 2}")
        world.live(2)
    world.live(100, seconds=180)
    assert HOUR in late
    assert doubled
    assert world.delivered.count("PaymentExecutionRequest") > 2 * 4
    assert len(world.transfers()) == 4
    world.assert_all_paid_once()
    assert len({row["tx_hash"] for row in world.transfers()}) == 4

"""What operators and machines do: cancels, a signer that fails, other chains, outages, clocks."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from local.anvil import Anvil
from local.chain_proxy import FOR_EVER, ChainProxy
from microbatch.errors import ExpiredToken, InvalidInput, RetryLater
from microbatch.hostpay.cancelling import cancel
from microbatch.messages import Outgoing
from microbatch.vendors.ethereum.node import Node
from microbatch.vendors.ethereum.nodes import Nodes
from tests.hostile.world import World

OUTSIDE = ("swap-quote", "swap-create", "swap-monitor", "hostpay-status-check", "chain-requests")
CEILING_WEI = 300 * 10**9


# --- S25: an operator's cancel --------------------------------------------------------------------


def order_cancel(world: World) -> None:
    """What the operator's command does."""
    unique_id = world.transfers()[0]["unique_id"]
    with world.database.transaction() as tx:
        _, outgoing = cancel(tx, unique_id, world.now, CEILING_WEI)
    world.send(outgoing)


def assert_one_outcome(world: World, kind: str) -> None:
    """Either the payee was paid or the money is free again, by the only transaction there is."""
    (transfer,), (payment,) = world.transfers(), world.rows("SELECT state FROM payments")
    (mined,) = [row for row in world.attempts() if row["state"] == "mined"]
    assert mined["kind"] == kind
    paid = world.received(transfer["to_address"])
    if kind == "pay":
        assert (transfer["state"], payment["state"]) == ("confirmed", "swapping")
        assert paid == int(transfer["amount_units"])
    else:
        assert (transfer["state"], transfer["reason"]) == ("failed", "cancelled_by_operator")
        assert (payment["state"], paid) == ("pending", 0)
    assert world.count() == 1
    world.assert_books_agree()
    with pytest.raises(InvalidInput, match="only one that is"):
        order_cancel(world)


def test_a_cancel_that_is_mined_first_frees_the_money_and_pays_nobody(world: World) -> None:
    """S25."""
    world.chain.mining = False
    world.order()
    world.until("broadcast")
    order_cancel(world)
    order_cancel(world)
    world.live(2)
    assert [row["kind"] for row in world.attempts()] == ["pay", "cancel"]
    world.chain.mining = True
    world.live(30)
    assert_one_outcome(world, "cancel")


@pytest.mark.parametrize("signed", [False, True], ids=["before_it_is_signed", "before_it_is_sent"])
def test_a_payment_that_is_mined_before_the_cancel_stays_paid(world: World, signed: bool) -> None:
    """S25."""
    world.chain.mining = False
    world.order()
    world.until("broadcast")
    order_cancel(world)
    if signed:
        world.deliver_now("hostpay-payment-execute")
        assert world.attempts()[-1]["state"] == "prepared"
    world.chain.mining = True
    world.chain.mine()
    world.live(30)
    assert_one_outcome(world, "pay")


# --- S26: the key's holder is unwell --------------------------------------------------------------


class FailingSigner:
    """Signs, unless told to fail: before anything happens, or after, its answer lost."""

    def __init__(self, signer: Any, failure: str) -> None:
        self._signer, self.failure, self.calls = signer, failure, 0
        self.address, self.accepts = signer.address, signer.accepts

    def sign(self, **said: Any) -> Any:
        self.calls += 1
        if self.failure == "before":
            raise RetryLater("KMS Sign: ThrottlingException")
        signed = self._signer.sign(**said)
        if self.failure == "after":
            raise RetryLater("KMS Sign: ReadTimeoutError")
        return signed


@pytest.mark.parametrize("failure", ["before", "after"])
def test_a_signer_that_fails_leaves_nothing_behind_and_the_nonce_is_the_same_later(
    world: World, failure: str
) -> None:
    """S26: it fails inside the wallet's lock; all is rolled back."""
    world.order()
    world.until("confirmed")
    signer = FailingSigner(world.signer, failure)
    world.signer = signer  # type: ignore[assignment]
    world.order("0.06")
    world.live(20)
    second = world.transfers()[-1]
    assert (signer.calls > 1, second["state"], second["nonce"]) == (True, "approved", None)
    assert [row["nonce"] for row in world.attempts()] == [0]
    assert len(world.rows("SELECT * FROM transfer_nonces")) == 1
    assert world.rows("SELECT next_nonce FROM wallets") == [{"next_nonce": 1}]
    assert len(world.proxy.transactions(world.wallet)) == 1
    signer.failure = ""
    world.live(60)
    world.assert_all_paid_once()
    assert len(world.transfers()) == 2


def test_a_bump_that_cannot_be_signed_stays_ordered_and_the_old_bytes_are_mined(
    world: World,
) -> None:
    """S26."""
    world.order()
    world.until("signed")
    lost = world.proxy.fault("false_success", times=FOR_EVER)
    signer = FailingSigner(world.signer, "before")
    world.signer = signer  # type: ignore[assignment]
    world.live(20)
    assert [row["state"] for row in world.attempts()] == ["sent", "ordered"]
    world.proxy.lift(lost)
    world.live(30)
    assert [row["state"] for row in world.attempts()] == ["mined", "superseded"]
    world.assert_all_paid_once()


# --- S27: a node of another chain, a node that names another hash ---------------------------------


@pytest.mark.parametrize("endpoints", [1, 2])
def test_for_a_node_of_another_chain_nothing_is_signed(
    world: World, anvil: Anvil, endpoints: int
) -> None:
    """S27: nor when one of two is."""
    with ChainProxy(anvil.url) as second:
        if endpoints == 2:
            world.node = Nodes([Node(second.url), Node(world.proxy.url)])  # type: ignore[assignment]
        world.proxy.fault("wrong_chain_id", value=1, times=FOR_EVER)
        world.order()
        world.live(20)
        (transfer,) = world.transfers()
        assert (transfer["nonce"], world.attempts()) == (None, [])
        assert world.proxy.transactions() == second.transactions() == []
        world.proxy.clear()
        world.live(60)
        world.assert_all_paid_once()
    assert {each.chain_id for each in world.proxy.transactions()} == {31337}


def test_a_node_that_names_another_hash_is_noted_and_the_same_bytes_go_on(world: World) -> None:
    """S27: the hash of our bytes is ours to know."""
    world.order()
    world.chain.mining = False
    world.proxy.fault("wrong_hash", times=2)
    world.until("broadcast")
    assert world.attempts()[0]["last_outcome"] == "wrong_hash"
    world.live(20)
    (attempt,), (sent,) = world.attempts(), world.proxy.transactions(world.wallet)
    assert (sent.tx_hash, sent.offered > 2) == (attempt["tx_hash"], True)
    assert attempt["last_outcome"] in ("accepted", "already_known")
    world.chain.mining = True
    world.live(30)
    world.assert_all_paid_once()


# --- S28: no wake-ups -----------------------------------------------------------------------------


def test_an_hour_without_wake_ups_and_two_redrives_pay_everything_once(world: World) -> None:
    """S28."""
    for state in ("broadcast", "approved", "requested"):
        world.now += timedelta(seconds=1)
        world.order()
        world.until(state)
    lost: list[Outgoing] = []
    world.lose = lambda each: lost.append(each) is None
    world.settle()
    world.live(12, seconds=300)
    assert len(lost) > 12
    world.lose = lambda _: False
    for _ in range(2):
        world.queue += lost
        world.settle()
        world.live(5)
    world.live(60)
    assert len(world.transfers()) == 3
    world.assert_all_paid_once()


def test_after_an_hour_without_wake_ups_the_reconciler_alone_finishes_everything(
    world: World,
) -> None:
    """S28: what was lost stays lost."""
    for _ in range(3):
        world.order()
    world.lose = lambda _: True
    world.settle()
    world.live(12, seconds=300)
    assert {row["state"] for row in world.rows("SELECT state FROM batches")} == {"claimed"}
    world.lose = lambda _: False
    world.live(60, seconds=60)
    assert len(world.transfers()) == 3
    world.assert_all_paid_once()


# --- S29: clocks and zombies ----------------------------------------------------------------------


def skew_gateways(world: World, monkeypatch: pytest.MonkeyPatch, minutes: int) -> None:
    """Ledger functions take the database's clock; only the gateways' can differ from it.

    A message that is out of its validity goes to the dead-letter queue, as at the door.
    """
    step = world.step

    def skewed(outgoing: Outgoing) -> None:
        is_skewed = outgoing.queue in OUTSIDE and not outgoing.delay_seconds
        skew = timedelta(minutes=minutes if is_skewed else 0)
        world.now += skew
        try:
            step(outgoing)
        except ExpiredToken as error:
            world.dead.append((outgoing, error))
        finally:
            world.now -= skew

    monkeypatch.setattr(world, "step", skewed)


@pytest.mark.parametrize("minutes", [-10, -4, 4, 10])
def test_gateways_whose_clock_is_wrong_pay_nothing_twice_and_all_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    """S29: ten minutes are outside a message's validity, four are within."""
    for _ in range(2):
        world.now += timedelta(seconds=1)
        world.order()
        world.until("requested")
    skew_gateways(world, monkeypatch, minutes)
    world.live(40)
    world.assert_books_agree()
    assert bool(world.dead) == (abs(minutes) == 10)
    monkeypatch.undo()
    world.live(40, seconds=60)
    assert len(world.transfers()) == 2
    world.assert_all_paid_once()


def test_what_a_fast_gateway_saw_is_not_younger_than_its_arrival(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S29: else it would be signed under for as long again as its clock is ahead."""
    skew_gateways(world, monkeypatch, 4)
    world.order()
    world.until("approved")
    while (seen := world.transfers()[0])["preflight_at"] is None:
        world.step(world.queue.pop(0))
    assert seen["preflight_at"] == world.now
    world.now += timedelta(minutes=2)
    world.deliver_now("hostpay-payment-execute")
    assert world.attempts() == []
    monkeypatch.undo()
    world.live(40)
    world.assert_all_paid_once()


def test_everything_once_more_a_quarter_of_an_hour_later_changes_nothing(world: World) -> None:
    """S29: zombies deliver what they hold, newest first, on the clock of now and of then."""
    held: list[tuple[datetime, Outgoing]] = []
    world.lose = lambda each: held.append((world.now, each)) is not None
    for _ in range(2):
        world.order()
    world.live(30)
    world.assert_all_paid_once()
    world.lose = lambda _: False
    world.now += timedelta(minutes=15)
    before, now = (world.transfers(), world.attempts()), world.now
    for then, outgoing in reversed(held):
        for clock in (now, then):
            world.now = clock
            world.step(replace(outgoing, delay_seconds=0))
    world.now = now
    world.settle()
    world.live(10)
    world.assert_all_paid_once()
    assert (world.transfers(), world.attempts()) == before

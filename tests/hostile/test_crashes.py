"""The process ends at any one effect of a whole run; what is left pays once all the same."""

import random
from typing import Any

import pytest

from microbatch.messages import Outgoing
from tests.hostile.crash import CRASHES, Crash, Deliver, sends_lost
from tests.hostile.world import World

BROADCAST = 9  # the position of the first, from the batch on
HOPS = {
    "BatchOrder",
    "StatusCheckRequest",
    "StatusCheckResponse",
    "PaymentExecutionRequest",
    "PreflightRequested",
    "PreflightObserved",
    "BroadcastRequested",
    "BroadcastObserved",
    "ReceiptRequested",
    "ReceiptObserved",
    "PaymentExecutionResponse",
}
AFTER_PAYMENT = {"ExchangeStatusRequested", "ExchangeStatusObserved"}
CALLS_MIN = 15  # of a preflight, a broadcast and a look for the receipt


class Run:
    """Counts the deliveries from a batch on until its swap is paid; ends one in a crash."""

    def __init__(self, world: World, deliver: Deliver, crash: Crash, position: int) -> None:
        self._world, self._deliver = world, deliver
        self._crash, self._position = crash, position
        self._seen = 0
        self.struck = ""

    def deliver(self, queue: str, message: Any) -> list[Outgoing]:
        """In the world's place."""
        name = type(message).__name__
        if queue in ("events", "payments") or name in AFTER_PAYMENT or self._all_paid():
            return self._deliver(queue, message)
        self._seen += 1
        if self._seen - 1 != self._position:
            return self._deliver(queue, message)
        self.struck = name
        return self._crash(self._world, self._deliver, queue, message)

    def _all_paid(self) -> bool:
        return not self._world.rows("SELECT swap_id FROM swaps WHERE state <> 'paid'")


def crash_everywhere(
    world: World, monkeypatch: pytest.MonkeyPatch, crash: Crash, *, first: int = 0, swallow: int = 0
) -> list[str]:
    """A transfer for each position of a run, until a run has passed unhurt; what was hit."""
    deliver = world.deliver
    hit: list[str] = []
    while True:
        position = first + len(hit)
        swallowed = world.proxy.fault("false_success", times=swallow) if swallow else None
        run = Run(world, deliver, crash, position)
        monkeypatch.setattr(world, "deliver", run.deliver)
        world.order()
        world.live(18 if swallow else 6)
        world.live(12, seconds=60)
        assert run._all_paid(), (position, run.struck)
        assert swallowed is None or swallowed.spent
        if not run.struck:
            break
        hit.append(run.struck)
    assert len(world.transfers()) == len(hit) + 1
    world.assert_all_paid_once()
    return hit


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_at_any_delivery_pays_once(
    world: World, monkeypatch: pytest.MonkeyPatch, crash: Crash
) -> None:
    """S4."""
    hit = crash_everywhere(world, monkeypatch, crash)
    assert set(hit) >= HOPS


def test_a_crash_at_any_delivery_of_a_run_with_a_bump_pays_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S4. The first bytes are swallowed, so others follow on the same nonce."""
    hit = crash_everywhere(world, monkeypatch, sends_lost, first=BROADCAST, swallow=2)
    assert hit.count("BroadcastRequested") >= 2 + 1
    assert "PaymentExecutionRequest" in hit, "the one that signs the bump"
    assert len(world.attempts()) > len(world.transfers())


def test_a_crash_after_the_first_bytes_were_sent_does_not_lose_them(world: World) -> None:
    """S4. The node has them; who sent them is gone, and its message with it."""
    silent = world.proxy.fault("drop_answer", "eth_sendRawTransaction")
    world.order()
    while not silent.fired:
        world.live(1)
    world.queue.clear()
    world.later.clear()
    world.live(60)
    world.assert_all_paid_once()
    assert len(world.attempts()) == 1


@pytest.mark.parametrize("kind", ["drop", "drop_answer"])
def test_a_node_that_goes_silent_at_any_call_pays_once(world: World, kind: str) -> None:
    """S4. A transfer for each call of a run: the node has it, or has it not; nobody hears."""
    fired, position = True, 0
    while fired:
        silent = world.proxy.fault(kind, "*", skip=position)
        world.order()
        world.live(7, seconds=30)
        fired = bool(silent.fired)
        world.proxy.lift(silent)
        position += 1
    assert position > CALLS_MIN
    assert len(world.transfers()) == position
    world.assert_all_paid_once()


def test_messages_lost_at_random_for_an_hour_are_all_made_up_for(world: World) -> None:
    """S4. One in four is never sent, again and again."""
    chance = random.Random(4)
    lost: list[Outgoing] = []

    def lose(outgoing: Outgoing) -> bool:
        losing = outgoing.queue != "payments" and chance.random() < 1 / 4
        lost.extend([outgoing] * losing)
        return losing

    world.lose = lose
    for number in range(5):
        world.order(f"0.0{number + 2}")
    world.live(60, seconds=60)
    world.lose = lambda _outgoing: False
    world.live(60, seconds=60)
    assert len(lost) > len(world.transfers()) == 5
    world.assert_all_paid_once()

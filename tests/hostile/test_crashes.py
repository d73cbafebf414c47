"""The process ends at any one effect of a whole run; what is left pays once all the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from microbatch.messages import Outgoing
from microbatch.platform.database import Database, Transaction
from tests.hostile.world import RETRY_SECONDS, World

STRAIGHT = 17  # deliveries from an order until its swap is paid
BROADCAST = 9  # the position of the first
BUMPED = 29  # the same, when the first bytes are swallowed and a bump is signed
SWALLOWED = 3

Deliver = Callable[[str, Any], list[Outgoing]]
Crash = Callable[[World, Deliver, str, Any], list[Outgoing]]


class Killed(Exception):
    """The process is gone."""


class Uncommitted:
    """Stands for a database whose transactions are never committed: the process ends before."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything is done, and then nothing has been."""
        with self._database.transaction() as tx:
            yield tx
            raise Killed


def sends_lost(_world: World, deliver: Deliver, queue: str, message: Any) -> list[Outgoing]:
    """Committed, or called; what follows is never sent, and the message does not come again."""
    deliver(queue, message)
    return []


def sends_lost_comes_again(
    world: World, deliver: Deliver, queue: str, message: Any
) -> list[Outgoing]:
    """Committed, or called and the answer lost; the message comes again."""
    deliver(queue, message)
    world.queue.append(Outgoing(queue, message, RETRY_SECONDS))
    return []


def before_commit(world: World, deliver: Deliver, queue: str, message: Any) -> list[Outgoing]:
    """All statements done (the call made), nothing committed; the message comes again."""
    database = world.database
    world.database = Uncommitted(database)  # type: ignore[assignment]
    try:
        deliver(queue, message)
    except Killed:
        pass
    finally:
        world.database = database
    world.queue.append(Outgoing(queue, message, RETRY_SECONDS))
    return []


CRASHES = [sends_lost, sends_lost_comes_again, before_commit]


class Run:
    """Counts deliveries from the batch on, until its swap is paid; ends one in a crash."""

    def __init__(self, world: World, position: int = -1, crash: Crash | None = None) -> None:
        self._world, self._deliver = world, world.deliver
        self._position, self._crash = position, crash
        self.seen: list[str] = []
        self.struck = ""

    def deliver(self, queue: str, message: Any) -> list[Outgoing]:
        """In the world's place."""
        if queue in ("events", "payments") or self._paid():
            return self._deliver(queue, message)
        self.seen.append(type(message).__name__)
        if len(self.seen) - 1 != self._position or self._crash is None:
            return self._deliver(queue, message)
        self.struck = self.seen[-1]
        return self._crash(self._world, self._deliver, queue, message)

    def _paid(self) -> bool:
        return bool(self._world.rows("SELECT swap_id FROM swaps WHERE state = 'paid'"))


def assert_paid(world: World, run: Run) -> None:
    (swap,) = world.rows("SELECT state FROM swaps")
    assert swap == {"state": "paid"}, run.struck
    assert len(world.transfers()) == 1
    world.assert_all_paid_once()


def test_the_positions_are_those_of_whole_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that has become longer needs STRAIGHT and BUMPED to say so."""
    run = Run(world)
    monkeypatch.setattr(world, "deliver", run.deliver)
    world.order()
    world.live(60)
    assert_paid(world, run)
    assert len(run.seen) == STRAIGHT, run.seen


def test_the_positions_of_a_bumped_run_are_those_of_a_whole_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its bump is real."""
    swallowed = world.proxy.fault("false_success", times=SWALLOWED)
    run = Run(world)
    monkeypatch.setattr(world, "deliver", run.deliver)
    world.order()
    world.live(60)
    assert swallowed.spent
    assert len(world.attempts()) > 1
    assert_paid(world, run)
    assert len(run.seen) == BUMPED, run.seen


@pytest.mark.parametrize("position", range(STRAIGHT))
@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_at_any_delivery_pays_once(
    world: World, monkeypatch: pytest.MonkeyPatch, crash: Crash, position: int
) -> None:
    """S4."""
    run = Run(world, position, crash)
    monkeypatch.setattr(world, "deliver", run.deliver)
    world.order()
    world.live(60, seconds=30)
    assert run.struck
    assert_paid(world, run)
    assert len(world.proxy.transactions(world.wallet)) == len(world.attempts())


@pytest.mark.parametrize("position", range(BROADCAST, BUMPED))
@pytest.mark.parametrize("crash", [sends_lost, before_commit])
def test_a_crash_at_any_delivery_of_a_run_with_a_bump_pays_once(
    world: World, monkeypatch: pytest.MonkeyPatch, crash: Crash, position: int
) -> None:
    """S4. The first bytes are swallowed, so others follow on the same nonce."""
    swallowed = world.proxy.fault("false_success", times=SWALLOWED)
    run = Run(world, position, crash)
    monkeypatch.setattr(world, "deliver", run.deliver)
    world.order()
    world.live(80)
    assert run.struck
    assert swallowed.spent
    assert_paid(world, run)
    assert {row["nonce"] for row in world.attempts()} == {0}

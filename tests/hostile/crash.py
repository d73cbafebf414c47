"""The process ends at a delivery: before its commit, or after it and before it has sent anything.

A crash takes the place of `World.deliver`; it gets the true one to call.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from microbatch.messages import Outgoing
from microbatch.platform.database import Database, Transaction
from tests.hostile.world import RETRY_SECONDS, World

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

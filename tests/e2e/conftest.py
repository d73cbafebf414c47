"""One stack for the session, with the demo's day behind it."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.demo import Demo
from local.stack import Stack
from local.verdict import Finding, WalletOnChain
from tests.e2e.world import World


@dataclass(frozen=True)
class Day:
    """What the demo did and found."""

    demo: Demo
    findings: list[Finding]
    before: WalletOnChain


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Gone afterwards; its logs stay when something failed."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-e2e-"))
    with Stack(folder) as stack:
        yield stack
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def day(stack: Stack) -> Day:
    """The demo's path, once, judged while nothing else has happened."""
    demo = Demo(World(stack.endpoints))
    before = demo.before
    return Day(demo, demo.run(), before)


@pytest.fixture(scope="session")
def world(day: Day) -> World:
    """The stack after that day: clients, observations and one finished batch are there."""
    world = day.demo.customer
    assert isinstance(world, World)
    world.hold_schedules()
    return world


@pytest.fixture(scope="module")
def tidy(world: World) -> Iterator[None]:
    """Whatever the tests of a module do, books agree, queues are empty and nothing is dead."""
    yield
    world.unscript()
    world.until_quiet()
    assert world.broken_invariants() == []
    assert world.dead_letters() == {}


@pytest.fixture(scope="module")
def at_rest(world: World) -> None:
    """Nothing that other tests have left moves while these run."""
    world.until_at_rest()

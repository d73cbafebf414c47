"""One seed: its world is made, tormented, judged and gone."""

import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID

from local.anvil import Anvil
from local.chain_proxy import ChainProxy
from microbatch.platform.database import Database
from tests.torture.outcome import Outcome, Wrong
from tests.torture.plan import draw_plan
from tests.torture.run import Run
from tests.torture.world import Tormented


class EpochAnvil(Anvil):
    """A chain on which the finalized block is two epochs of so many blocks behind the head."""

    def __init__(self, epoch_blocks: int) -> None:
        super().__init__(block_time=0)
        self._epoch_blocks = epoch_blocks

    def _flags(self) -> list[str]:
        flags = super()._flags()
        flags[flags.index("--slots-in-an-epoch") + 1] = str(self._epoch_blocks)
        return flags


def torment(seed: int, fields: dict[str, Any]) -> Outcome:
    """Run one seed on a fresh database; a chain is made for it."""
    outcome, began = Outcome(seed=seed), time.monotonic()
    with standing(seed, fields) as run:
        try:
            run.storm()
            run.calm()
            outcome.verdict = run.verdict()
        except Wrong as wrong:
            outcome.verdict = wrong.verdict
        except Exception:  # whatever a service or the run itself raised is the seed's outcome
            outcome.crash = traceback.format_exc()
        outcome.character = run.plan.character
        outcome.trace, outcome.faults = run.world.trace.lines(), run.world.trace.counts
        outcome.ends = Counter(row["state"] for row in run.world.transfers())
        outcome.digest = run.digest()
    outcome.seconds = time.monotonic() - began
    return outcome


@contextmanager
def standing(seed: int, fields: dict[str, Any]) -> Iterator[Run]:
    """The world of a seed, with nothing ordered yet."""
    chance = Random(seed)
    plan = draw_plan(seed, chance)
    with ExitStack() as stack:
        anvil = stack.enter_context(EpochAnvil(plan.epoch_blocks))
        anvil.rpc("evm_setAutomine", False)
        proxies = [stack.enter_context(ChainProxy(anvil.url)) for _ in range(plan.endpoints)]
        database = stack.enter_context(closing(Database(lambda _fresh: fields)))
        stack.enter_context(_seeded_ids(chance))
        world = Tormented(database, anvil, proxies, plan, chance)
        yield Run(plan, world, fields)


@contextmanager
def _seeded_ids(chance: Random) -> Iterator[None]:
    """Batches get their ids from the seed too."""

    def drawn() -> UUID:
        return UUID(int=chance.getrandbits(128), version=4)

    with mock.patch("microbatch.conversion.checking.uuid4", drawn):
        yield

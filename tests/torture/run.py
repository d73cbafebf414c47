"""One seed from its first draw to its verdict: a storm, a calm, and the books against the chain."""

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest import mock
from uuid import UUID

from local.anvil import Anvil
from local.chain_proxy import ChainProxy
from microbatch.platform.database import Database
from tests.torture.chain_acts import ChainActs
from tests.torture.node_faults import NodeFaults
from tests.torture.people import People
from tests.torture.plan import Plan, draw_plan
from tests.torture.verdict import Excuses, Verdict, judge, look_in_passing
from tests.torture.world import Tormented

ROUND_SECONDS = (5, 15, 15, 15, 30, 60, 60, 300)
HOUR_SECONDS = 3600
CALM_ROUNDS = 240
CALM_SECONDS_MAX = 300
NODE_FAULTS = 0.3
STORM = 0.06  # the part of them that strikes again and again
AMOUNTS = ("0.02", "0.05", "0.05", "0.11", "0.7", "3", "9.5")
OUT = "SELECT 1 FROM transfers WHERE state IN ('signed', 'broadcast', 'mined')"
STILL_TO_COME = """
    SELECT 1 FROM payments WHERE state = 'pending' UNION ALL
    SELECT 1 FROM swaps LEFT JOIN transfers USING (swap_id)
    WHERE swaps.state IN ('requested', 'created')
        AND transfers.state IS DISTINCT FROM 'parked'
"""


class EpochAnvil(Anvil):
    """A chain on which the finalized block is two epochs of so many blocks behind the head."""

    def __init__(self, epoch_blocks: int) -> None:
        super().__init__(block_time=0)
        self._epoch_blocks = epoch_blocks

    def _flags(self) -> list[str]:
        flags = super()._flags()
        flags[flags.index("--slots-in-an-epoch") + 1] = str(self._epoch_blocks)
        return flags


class Wrong(Exception):
    """Something is wrong on the way already."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


@dataclass(kw_only=True)
class Outcome:
    """What came of one seed."""

    seed: int
    character: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    crash: str = ""  # what the run itself could not go on from
    faults: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    digest: str = ""
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.verdict.faultless and not self.crash


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
def standing(seed: int, fields: dict[str, Any]) -> Iterator["Run"]:
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


class Run:
    """One seed's run."""

    def __init__(self, plan: Plan, world: Tormented, fields: dict[str, Any]) -> None:
        self.plan, self.world = plan, world
        world.client("7")
        world.fund()
        self._live_before(plan.earlier)
        world.anvil.rpc("anvil_mine", hex(10))
        self.node, self.chain = NodeFaults(world), ChainActs(world)
        self.people = People(world, fields)
        self._first_block = world.head() + 1
        self._ordered = 0
        self._acts = self._drawn_acts()

    def _live_before(self, transactions: int) -> None:
        """The wallet has a life before it is ours."""
        world = self.world
        for nonce in range(transactions):
            signed = world.signer.sign(
                chain_id=31337,
                nonce=nonce,
                to_address="0x" + "13" * 20,
                value_wei=1,
                data=b"",
                gas_limit=21_000,
                max_fee_per_gas_wei=3 * 10**9,
                max_priority_fee_per_gas_wei=10**6,
            )
            world.anvil.rpc("eth_sendRawTransaction", "0x" + signed.raw.hex())
        world.anvil.rpc("anvil_mine", "0x1")

    def _drawn_acts(self) -> list[tuple[float, Callable[[], None]]]:
        """How likely each act is in a round."""
        chain, people, chance = self.chain, self.people, self.world.chance
        acts = [
            (0.05, chain.evict),
            (0.02, chain.evict_all),
            (0.05, chain.echo),
            (0.02, chain.spike),
            (0.03, chain.hold),
            (0.03, chain.rush),
            (0.02, chain.drain),
            (0.06, chain.reorganise),
            (0.05, chain.remember),
            (0.05, chain.go_back),
            (0.03, people.cancel),
            (0.02, people.expire),
            (0.03, people.deploy),
            (0.1, self._steal),
        ]
        if self.plan.crowded:
            acts.append((0.04, lambda: people.crowd(chance.randint(2, 6))))
        return acts

    # --- the storm ----------------------------------------------------------------------------

    def storm(self) -> None:
        """So many rounds in which anything may happen."""
        self.world.troubled = True
        for number in range(self.plan.rounds):
            self.world.trace.begin(f"round {number}")
            self._round(number)
            self._look()
        self.world.troubled = False

    def _steal(self) -> None:
        if self._may_trap(self._number):
            self.people.steal()

    def _round(self, number: int) -> None:
        chance, self._number = self.world.chance, number
        self.chain.begin_round(number)
        for likely, act in self._acts:
            if chance.random() < likely * self.plan.severity / 2:
                act()
        for _ in range(2 * self.plan.severity):
            if chance.random() < NODE_FAULTS:
                trap = self._may_trap(number)
                self.node.draw(number, storm=chance.random() < STORM, trap=trap)
        self._order(number)
        seconds = chance.choice(ROUND_SECONDS) if chance.random() < 0.98 else HOUR_SECONDS
        self.world.live(1, seconds=seconds)
        self.node.end_of_round(number)

    def _may_trap(self, number: int) -> bool:
        """A frozen wallet ends what there is to see, so it comes late."""
        return self.plan.trapped and number > 0.7 * self.plan.rounds

    def _order(self, number: int) -> None:
        """Payments come in bursts, all of them before the storm is over; now and then a check."""
        chance = self.world.chance
        due = self.plan.orders * (number + 1) / (0.8 * self.plan.rounds)
        if self._ordered < due and chance.random() < 0.4:
            for _ in range(chance.randint(1, 6)):
                if self._ordered < self.plan.orders:
                    self._ordered += 1
                    self.world.pay_in(chance.choice(AMOUNTS))
                    self.world.deliver_now("payments")
                    self.world.check()
        elif chance.random() < 0.2:
            self.world.look()
            self.world.check()

    # --- the calm -----------------------------------------------------------------------------

    def calm(self) -> None:
        """All is well; time passes until nothing is left to do, also when what is late has come."""
        self.node.lift_all()
        self.chain.calm()
        self.world.trace.begin("calm")
        self._until_quiet()
        self.world.live(3, seconds=HOUR_SECONDS)
        self._until_quiet()
        self._look()

    def _until_quiet(self) -> None:
        for number in range(CALM_ROUNDS):
            if number % 4 == 3:
                self.world.check()
            self.world.live(1, seconds=min(15 + number * number // 10, CALM_SECONDS_MAX))
            if self._is_quiet():
                return

    def _is_quiet(self) -> bool:
        if self.excuses().frozen:  # what is not signed yet waits for a person
            return not self.world.rows(OUT)
        return not self.world.rows(OUT) and not self.world.rows(STILL_TO_COME)

    def _look(self) -> None:
        verdict = look_in_passing(self.world)
        if not verdict.faultless:
            raise Wrong(verdict)

    def verdict(self) -> Verdict:
        """Books against chain."""
        payments = next(self.world._payment_numbers) - 1
        return judge(self.world, self.excuses(), first_block=self._first_block, payments=payments)

    def excuses(self) -> Excuses:
        """What was done that explains unpaid transfers."""
        frozen = self.world.rows("SELECT 1 FROM wallets WHERE status = 'frozen'")
        may_freeze = bool(self.people.stolen) or self.node.frozen_by_lies
        return Excuses(
            cancelled=self.people.cancelled,
            contracts=self.people.contracts,
            misled=self.node.misled,
            expired=self.people.expired,
            stolen=self.people.stolen,
            frozen=bool(frozen) and may_freeze,
        )

    def digest(self) -> str:
        """The same for the same history: what was done, delivered, signed and decided."""
        return self.world.trace.digest(
            *self.world.delivered,
            *(str(row["tx_hash"]) for row in self.world.attempts()),
            *(f"{row['unique_id']} {row['state']}" for row in self.world.transfers()),
        )

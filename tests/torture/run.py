"""One seed's run: a storm, a calm, and what is excused by what happened."""

from collections.abc import Callable
from typing import Any

from tests.torture.chain_acts import ChainActs
from tests.torture.excuses import Excuses
from tests.torture.node_faults import NodeFaults
from tests.torture.outcome import Wrong
from tests.torture.people import People
from tests.torture.plan import Plan
from tests.torture.token_acts import TokenActs
from tests.torture.verdict import Verdict, judge, look_in_passing
from tests.torture.world import Tormented

ROUND_SECONDS = (5, 15, 15, 15, 30, 60, 60, 300)
HOUR_SECONDS = 3600
HOURS = 0.02  # the part of all rounds that last an hour
CALM_ROUNDS = 240
CALM_SECONDS_MAX = 300
NODE_FAULTS = 0.3
LASTING = 0.06  # the part of them that strikes again and again
TRAPS_FROM = 0.7  # a frozen wallet ends what there is to see, so it comes late
AMOUNTS = ("0.02", "0.05", "0.05", "0.11", "0.7", "3", "9.5")
OUT = "SELECT 1 FROM transfers WHERE state IN ('signed', 'broadcast', 'mined')"
STILL_TO_COME = """
    SELECT 1 FROM payments WHERE state = 'pending' UNION ALL
    SELECT 1 FROM payments p WHERE state = 'converted' AND NOT EXISTS
        (SELECT FROM payouts o WHERE o.client_id = p.client_id AND o.state = 'released') UNION ALL
    SELECT 1 FROM swaps LEFT JOIN transfers t USING (swap_id)
        LEFT JOIN wallets w ON (w.address, w.chain_id) = (t.wallet, t.chain_id)
    WHERE swaps.state IN ('requested', 'created') AND t.state IS DISTINCT FROM 'parked'
        AND (t.nonce IS NOT NULL OR w.status IS DISTINCT FROM 'frozen')
"""


class Run:
    """One seed's run."""

    def __init__(self, plan: Plan, world: Tormented, fields: dict[str, Any]) -> None:
        self.plan, self.world = plan, world
        world.client("7")
        for wallet in world.wallets:
            world.fund(wallet=wallet)
            self._live_before(wallet)
        self.tokens = TokenActs(world)
        world.anvil.rpc("anvil_mine", hex(10))
        self.node, self.chain = NodeFaults(world), ChainActs(world)
        self.people = People(world, fields)
        self._first_block = world.head() + 1
        self._ordered, self._number = 0, 0
        self._acts = self._drawn_acts()

    def _live_before(self, wallet: str) -> None:
        """The wallet has a life before it is ours."""
        for nonce in range(self.plan.earlier):
            signed = self.world.signers[wallet].sign(
                chain_id=31337,
                nonce=nonce,
                to_address="0x" + "13" * 20,
                value_wei=1,
                data=b"",
                gas_limit=21_000,
                max_fee_per_gas_wei=3 * 10**9,
                max_priority_fee_per_gas_wei=10**6,
            )
            self.world.anvil.rpc("eth_sendRawTransaction", "0x" + signed.raw.hex())
        self.world.anvil.rpc("anvil_mine", "0x1")

    def _drawn_acts(self) -> list[tuple[float, Callable[[], None]]]:
        """How likely each act is in a round of a rough run."""
        chain, people, chance = self.chain, self.people, self.world.chance
        acts = [
            (0.05, chain.evict),
            (0.02, chain.evict_all),
            (0.08, chain.echo),
            (0.02, chain.spike),
            (0.03, chain.hold),
            (0.03, chain.rush),
            (0.02, chain.drain),
            (0.08, chain.reorganise),
            (0.05, chain.remember),
            (0.05, chain.go_back),
            (0.05, people.cancel),
            (0.02, people.expire),
            (0.03, people.deploy),
            (0.03, self.tokens.pause),
        ]
        if self.plan.crowded:
            acts.append((0.04, lambda: people.crowd(chance.randint(2, 6))))
        if self.plan.trapped:
            acts.append((0.1, self._steal))
        return acts

    def _steal(self) -> None:
        if self._may_trap():
            self.people.steal()

    def _may_trap(self) -> bool:
        return self.plan.trapped and self._number > TRAPS_FROM * self.plan.rounds

    # --- the storm ----------------------------------------------------------------------------

    def storm(self) -> None:
        """So many rounds in which anything may happen."""
        self.world.troubled = True
        for number in range(self.plan.rounds):
            self._number = number
            self.world.trace.begin(f"round {self._number}")
            self._round()
            self._look()
        self.world.troubled = False

    def _round(self) -> None:
        chance = self.world.chance
        self.chain.begin_round(self._number)
        self.tokens.begin_round()
        for likely, act in self._acts:
            if chance.random() < likely * self.plan.severity / 2:
                act()
        for _ in range(2 * self.plan.severity):
            if chance.random() < NODE_FAULTS:
                lasting = chance.random() < LASTING
                self.node.draw(self._number, lasting=lasting, trap=self._may_trap())
        self._order()
        seconds = chance.choice(ROUND_SECONDS) if chance.random() >= HOURS else HOUR_SECONDS
        self.world.live(1, seconds=seconds)
        self.node.end_of_round(self._number)

    def _order(self) -> None:
        """Payments come in bursts, all of them before the storm is over; now and then a check."""
        chance = self.world.chance
        due = self.plan.orders * (self._number + 1) / (0.8 * self.plan.rounds)
        if self._ordered < due and chance.random() < 0.4:
            for _ in range(min(chance.randint(1, 6), self.plan.orders - self._ordered)):
                self._ordered += 1
                self.world.pay_in(chance.choice(AMOUNTS))
                self.world.deliver_now("payments")
                self.world.open_batch()
        elif chance.random() < 0.2:
            self.world.look()
            self.world.open_batch()

    def _look(self) -> None:
        verdict = look_in_passing(self.world)
        if not verdict.faultless:
            raise Wrong(verdict)

    # --- the calm -----------------------------------------------------------------------------

    def calm(self) -> None:
        """All is well; time passes until nothing is left to do, also when what is late has come."""
        self.node.lift_all()
        self.chain.calm()
        self.tokens.calm()
        self.world.trace.begin("calm")
        self._until_quiet()
        self.world.live(3, seconds=HOUR_SECONDS)
        self._until_quiet()
        self._look()

    def _until_quiet(self) -> None:
        for number in range(CALM_ROUNDS):
            if number % 4 == 3:
                self.world.look()
                self.world.open_batch()
                self.world.pay_out()
            self.world.live(1, seconds=min(15 + number * number // 10, CALM_SECONDS_MAX))
            if not self.world.rows(OUT) and not self.world.rows(STILL_TO_COME):
                return

    def verdict(self) -> Verdict:
        """Books against chain."""
        payments = next(self.world._payment_numbers) - 1
        return judge(self.world, self.excuses(), first_block=self._first_block, payments=payments)

    def excuses(self) -> Excuses:
        """What was done that explains unpaid transfers."""
        frozen = self.world.rows("SELECT address FROM wallets WHERE status = 'frozen'")
        may_freeze = bool(self.people.stolen) or self.node.frozen_by_lies
        return Excuses(
            cancelled=self.people.cancelled,
            contracts=self.people.contracts,
            misled=self.node.misled,
            expired=self.people.expired,
            stolen=self.people.stolen,
            token_paused=self.tokens.was_paused,
            frozen={row["address"] for row in frozen if may_freeze},
        )

    def digest(self) -> str:
        """The same for the same history: what was done, delivered, signed and decided."""
        return self.world.trace.digest(
            *self.world.delivered,
            *(str(row["tx_hash"]) for row in self.world.attempts()),
            *(f"{row['unique_id']} {row['state']}" for row in self.world.transfers()),
        )

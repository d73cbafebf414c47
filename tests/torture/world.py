"""A world in which messages, processes, the exchange and the key fail, as one seed draws it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from local.anvil import Anvil
from local.chain_proxy import ChainProxy
from microbatch.errors import RetryLater
from microbatch.messages import Outgoing
from microbatch.platform.database import Database
from microbatch.vendors.ethereum.key_signer import KeySigner
from microbatch.vendors.ethereum.node import Node
from microbatch.vendors.ethereum.nodes import Nodes
from tests.hostile.crash import CRASHES
from tests.hostile.world import WaitingExchange, World
from tests.torture.plan import Plan
from tests.torture.trace import Trace

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATENESS_SECONDS = (5, 90, 900, 3600, 5400)
EXECUTE = "hostpay-payment-execute"
RECONCILER_MISSES = 0.3


class ShakyKey:
    """The wallet's key, whose holder is unwell before it signs or after; `world` says when."""

    def __init__(self, world: "Tormented", sound: KeySigner) -> None:
        self._world, self.sound = world, sound
        self.address, self.accepts = sound.address, sound.accepts

    def sign(self, **said: Any) -> Any:
        """As the sound key, or RetryLater."""
        failure = self._world.happens("key.failed_", 2, ("before", "after"))
        if failure == "before":
            raise RetryLater("KMS Sign: ThrottlingException")
        signed = self.sound.sign(**said)
        if failure == "after":
            raise RetryLater("KMS Sign: ReadTimeoutError")
        return signed


class ShakyExchange(WaitingExchange):
    """Its addresses come from the seed; a call fails before it is made, or its answer is lost."""

    world: "Tormented"

    def create(self, *values: Any, **fields: Any) -> Any:
        """As a waiting exchange, at an address of the seed's."""
        failure = self._fails()
        created = super().create(*values, **fields)
        payin = "0x" + self.world.chance.randbytes(20).hex()
        known = self.exchanges[created.exchange_id]
        self.exchanges[created.exchange_id] = replace(known, payin_address=payin)
        if failure:
            raise RetryLater("ChangeNow: read timed out")
        return replace(created, payin_address=payin)

    def status(self, exchange_id: str) -> Any:
        """How it stands."""
        if self._fails():
            raise RetryLater("ChangeNow: HTTP 503")
        return super().status(exchange_id)

    def _fails(self) -> str:
        return self.world.happens("exchange.", 1, ("unwell",))


class Tormented(World):
    """A World whose troubles come from one Random; `troubled` is False when all is well again."""

    def __init__(
        self,
        database: Database,
        anvil: Anvil,
        proxies: Sequence[ChainProxy],
        plan: Plan,
        chance: Random,
    ) -> None:
        self.plan, self.chance, self.trace = plan, chance, Trace()
        self.troubled = False
        self.held: list[Any] | None = None  # orders to sign that lie aside for many signers
        self.asking = ""  # what the node is being asked for
        self.proxies = proxies
        super().__init__(database, anvil, proxies[0])
        self.now = START
        self.confirmations = plan.confirmations
        nodes = [Node(proxy.url) for proxy in proxies]
        self.node = Nodes(nodes) if len(nodes) > 1 else nodes[0]  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.exchange = ShakyExchange(self.chain)
        self.exchange.world = self
        key = KeySigner("0x" + self.chance.randbytes(32).hex())
        self.signer = ShakyKey(self, key)  # type: ignore[assignment]
        self.wallet = key.address.lower()

    def happens(self, kind: str, weight: int, ways: Sequence[str]) -> str:
        """Whether something goes wrong now, and in which of the ways; "" when it does not."""
        if not self.troubled or self.chance.random() >= weight * self.plan.messages_lost:
            return ""
        way = self.chance.choice(ways)
        self.trace.note(f"{kind}{way}")
        return way

    # --- messages -----------------------------------------------------------------------------

    def send(self, outgoing: list[Outgoing]) -> None:
        """As in production; a message may be lost, doubled or late, and overtake another."""
        super().send([copy for each in outgoing for copy in self._posted(each)])
        if len(self.queue) > 1 and self.happens("message.", 1, ("reordered",)):
            self.chance.shuffle(self.queue)

    def _posted(self, each: Outgoing) -> list[Outgoing]:
        name = type(each.message).__name__
        ways = ("twice", "late") if each.queue == "payments" else ("lost", "twice", "late")
        if not self.troubled or self.chance.random() >= len(ways) * self.plan.messages_lost:
            return [each]
        way = self.chance.choice(ways)
        self.trace.note(f"message.{way}", name)
        if way == "late":
            more = self.chance.choice(LATENESS_SECONDS)
            return [replace(each, delay_seconds=each.delay_seconds + more)]
        return [each, each] if way == "twice" else []

    def deliver(self, queue: str, message: Any) -> list[Outgoing]:
        """As in production; the process may end before its commit, or before it has sent."""
        crashes = CRASHES[1:] if queue == "payments" else CRASHES
        names = [crash.__name__ for crash in crashes]
        way = "" if queue == "events" else self.happens("crash.", 1, names)
        if not way:
            return super().deliver(queue, message)
        self.trace.tell(f"at {type(message).__name__}")
        crash = crashes[names.index(way)]
        return crash(self, super().deliver, queue, message)

    def step(self, outgoing: Outgoing) -> None:
        """As in production; while orders to sign are held, one that is ready lies aside."""
        due = self.held is not None and not outgoing.delay_seconds
        if due and outgoing.queue == EXECUTE and self._is_ready(outgoing.message):
            assert self.held is not None
            self.held.append(outgoing.message)
            return
        super().step(outgoing)

    def _is_ready(self, message: Any) -> bool:
        rows = self.rows(
            "SELECT 1 FROM transfers WHERE unique_id = %(unique_id)s AND state = 'approved'"
            " AND preflight_at IS NOT NULL",
            unique_id=message.unique_id,
        )
        return bool(rows)

    def _asked(self, message: Any) -> list[Outgoing]:
        self.asking = type(message).__name__
        return super()._asked(message)

    # --- time ---------------------------------------------------------------------------------

    def look(self, base_fee_wei: int = 0) -> None:
        """Fresh observations; the base fee is the chain's."""
        super().look(base_fee_wei or self.base_fee_wei())

    def base_fee_wei(self) -> int:
        """What the newest block asked for its gas."""
        return int(self.anvil.rpc("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)

    def head(self) -> int:
        """The number of the newest block."""
        return int(self.anvil.rpc("eth_blockNumber"), 16)

    def reconcile(self) -> list[Outgoing]:
        """As in production; its schedule may miss a turn."""
        if self.troubled and self.chance.random() < RECONCILER_MISSES:
            return []
        return super().reconcile()

    def pay_in(self, eth: str) -> None:
        """A client's payment comes in; its notification has the fate of any message."""
        self.look()
        self.payment("7", eth)
        self.send([self.queue.pop()])

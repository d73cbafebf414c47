"""A world in which messages, processes, the exchange and the key fail, as one seed draws it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from local.anvil import Anvil
from local.chain_proxy import ChainProxy
from local.contracts import deploy
from microbatch.errors import RetryLater
from microbatch.hostpay.model import HostWallet
from microbatch.messages import Outgoing
from microbatch.platform.database import Database
from microbatch.vendors.changenow.client import Pair
from microbatch.vendors.ethereum.key_signer import KeySigner
from microbatch.vendors.ethereum.node import Node
from microbatch.vendors.ethereum.nodes import Nodes
from tests.hostile.crash import CRASHES
from tests.hostile.world import RealChain, WaitingExchange, World
from tests.torture.plan import Plan
from tests.torture.trace import Trace

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATENESS_SECONDS = (5, 90, 900, 3600, 5400)
EXECUTE = "hostpay-payment-execute"
RECONCILER_MISSES = 0.3
KEEP_UP_TRIES = 1000
KEEP_UP_SECONDS = 0.002
TOKENS = 0.5  # the part of all transfers that are of USDT, where there are any
USDT_AMOUNTS = (40, 50, 700, 9_000)


class SteadyChain(RealChain):
    """Anvil's fee history follows its blocks by itself: it is waited for, else fees are chance."""

    def mine(self, blocks: int = 1) -> None:
        """So many blocks, when any are mined at all."""
        super().mine(blocks)
        self.keep_up(1)

    def keep_up(self, blocks: int) -> None:
        """Wait until the history of the newest blocks is theirs."""
        head = int(self._anvil.rpc("eth_blockNumber"), 16)
        for number in range(max(head - blocks, 0) + 1, head + 1):
            block = self._anvil.rpc("eth_getBlockByNumber", hex(number), False)
            used = int(block["gasUsed"], 16) / int(block["gasLimit"], 16)
            theirs = (hex(number), block["baseFeePerGas"], [used])
            for _ in range(KEEP_UP_TRIES):
                seen = self._anvil.rpc("eth_feeHistory", "0x1", hex(number), [50])
                if (seen["oldestBlock"], seen["baseFeePerGas"][0], seen["gasUsedRatio"]) == theirs:
                    break
                time.sleep(KEEP_UP_SECONDS)


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

    def create(self, pair: Pair, **fields: Any) -> Any:
        """As a waiting exchange, at an address of the seed's."""
        failure, self._pair = self._fails(), pair
        created = super().create(pair, **fields)
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

    def _out(self, amount: Decimal) -> Decimal:
        return amount if self._pair.from_currency == "usdt" else amount * self.rate

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
        self.chain = SteadyChain(anvil)  # type: ignore[assignment]
        self.now = START
        self.confirmations = plan.confirmations
        self.other_signers = self.more_signers
        self.wallets = list(self.signers)
        declared = tuple(HostWallet(each, plan.earlier) for each in self.wallets)
        self.limit(wallets=declared)
        nodes = [Node(proxy.url) for proxy in proxies]
        self.node = Nodes(nodes) if len(nodes) > 1 else nodes[0]  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.exchange = ShakyExchange(self.chain)
        self.exchange.world = self
        self.signer, *self.more_signers = (self._new_key() for _ in range(self.plan.wallets))
        self.wallet = self.signer.address.lower()

    def _new_key(self) -> Any:
        return ShakyKey(self, KeySigner("0x" + self.chance.randbytes(32).hex()))

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

    def open_batch(self) -> None:
        """A threshold check; where it opens a batch, a client may have USDT to be paid as well."""
        if self.check().batch_id and self.plan.tokens and self.chance.random() < TOKENS:
            self.order_token(self.chance.choice(USDT_AMOUNTS))

    def tokens(self, address: str) -> int:
        """What an address has on the real chain, in micro-USDT."""
        call = {"to": self.token, "data": deploy.call_data("balanceOf(address)", address)}
        return int(self.anvil.rpc("eth_call", call, "latest"), 16)

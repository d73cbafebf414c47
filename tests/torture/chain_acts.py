"""What the network does: forgets, reorganises, gets dear, stands still; and money that runs out."""

from collections.abc import Callable
from typing import Any

from local.anvil import AnvilError
from tests.torture.world import Tormented

SEND = "eth_sendRawTransaction"
GWEI = 10**9
SPIKES_WEI = (5 * GWEI, 40 * GWEI, 150 * GWEI, 400 * GWEI)
CHEAP_WEI = 1_000  # less than any bytes of ours offer
POOR_WEI = (0, 10**15, 6 * 10**16, 2 * 10**17)
RICH_ETH = 100
LEFT_OUT = 0.25  # of the nonces that were mined, after a reorganisation
ANOTHER = 0.7  # of those with several attempts: another one is mined than was


class ChainActs:
    """Acts on the real node, behind the proxies' backs; what lasts ends after some rounds."""

    def __init__(self, world: Tormented) -> None:
        self._world = world
        self._rpc = world.anvil.rpc
        self._ends: list[tuple[int, Callable[[], None]]] = []
        self._snapshot: tuple[str, int] | None = None
        self._short_wei: dict[str, int] = {}  # what a wallet has that was drained
        self._highest = world.head()
        self._number = 0

    def begin_round(self, number: int) -> None:
        """End what is over."""
        self._number = number
        over = [end for until, end in self._ends if until <= number]
        self._ends = [each for each in self._ends if each[0] > number]
        for end in over:
            end()
        self._highest = max(self._highest, self._world.head())

    def calm(self) -> None:
        """Blocks are mined, gas is cheap, the wallet has money."""
        self._world.chain.mining = True
        self._short_wei.clear()
        self._set_purses()
        self._rpc("anvil_setNextBlockBaseFeePerGas", hex(CHEAP_WEI))

    def evict(self) -> None:
        """The pool forgets one of our transactions."""
        sent = [row for row in self._world.attempts() if row["state"] == "sent"]
        if sent:
            row = self._world.chance.choice(sent)
            if self._rpc("anvil_dropTransaction", row["tx_hash"]):
                self._world.trace.note("chain.evicted", f"nonce {row['nonce']}")

    def evict_all(self) -> None:
        """The pool forgets everything, as after a restart."""
        pending = self._rpc("txpool_status")
        if int(pending["pending"], 16) + int(pending["queued"], 16):
            self._rpc("anvil_dropAllTransactions")
            self._world.trace.note("chain.pool_emptied")

    def echo(self) -> None:
        """Another pool still has some bytes of ours, old ones perhaps, and passes them on."""
        signed = self._signed()
        if signed:
            row = self._world.chance.choice(signed)
            if self._offer(bytes(row["raw_transaction"])):
                self._world.trace.note("chain.echoed", f"nonce {row['nonce']}")

    def _offer(self, raw: bytes) -> bool:
        try:
            self._rpc(SEND, "0x" + raw.hex())
        except AnvilError:
            return False
        return True

    def spike(self) -> None:
        """Gas is dear from the next block on, and gets cheaper by itself."""
        fee_wei = self._world.chance.choice(SPIKES_WEI)
        self._rpc("anvil_setNextBlockBaseFeePerGas", hex(fee_wei))
        self._world.trace.note("chain.fee_spike", f"{fee_wei // GWEI} gwei")

    def hold(self) -> None:
        """No block for some rounds."""
        if self._world.chain.mining:
            self._world.chain.mining = False
            self._later(self._mine_again)
            self._world.trace.note("chain.held")

    def _mine_again(self) -> None:
        self._world.chain.mining = True

    def rush(self) -> None:
        """Several blocks at once."""
        blocks = self._world.chance.randint(2, 6)
        self._rpc("anvil_mine", hex(blocks))
        self._world.chain.keep_up(blocks)
        self._world.trace.note("chain.rushed", f"{blocks} blocks")

    def drain(self) -> None:
        """A wallet's money is gone, all or most of it, for some rounds."""
        wallet = self._world.chance.choice(self._world.wallets)
        if wallet not in self._short_wei:
            self._short_wei[wallet] = self._world.chance.choice(POOR_WEI)
            self._set_purses()
            self._later(lambda: self._refill(wallet))
            self._world.trace.note("money.drained", f"{self._short_wei[wallet]} wei")

    def _refill(self, wallet: str) -> None:
        self._short_wei.pop(wallet, None)
        self._set_purses()

    def _set_purses(self) -> None:
        """Balances set by hand are part of the state that a reorganisation takes back."""
        for wallet in self._world.wallets:
            if wallet in self._short_wei:
                self._rpc("anvil_setBalance", wallet, hex(self._short_wei[wallet]))
            else:
                self._world.fund(RICH_ETH, wallet)

    def _later(self, end: Callable[[], None]) -> None:
        self._ends.append((self._number + self._world.chance.randint(2, 10), end))

    # --- blocks taken back --------------------------------------------------------------------

    def reorganise(self) -> None:
        """The newest blocks are others now, with some of our transactions in them, or none."""
        chance, most = self._world.chance, self._depth()
        if most:
            depth = chance.choice((most, chance.randint(1, most)))
            mined = [one for each in self._world.wallets for one in self._mined_again(each, depth)]
            self._rpc("anvil_reorg", depth, sorted(mined, key=lambda one: one[1]))
            self._world.chain.keep_up(depth)
            self._snapshot = None  # of another branch
            self._set_purses()
            what = f"{depth} blocks, {len(mined)} transactions mined again"
            self._world.trace.note("chain.reorganised", what)

    def _mined_again(self, wallet: str, depth: int) -> list[list[Any]]:
        """Bytes of the nonces above the blocks that stay, in order, other ones if there are any.

        Each with the block it comes into; the last of the nonces may be left out.
        """
        chance, below = self._world.chance, hex(self._world.head() - depth)
        found: list[list[Any]] = []
        place, count = 0, "eth_getTransactionCount"
        first, end = (int(self._rpc(count, wallet, tag), 16) for tag in (below, "latest"))
        for nonce in range(first, end):
            signed = [row for row in self._signed(wallet) if row["nonce"] == nonce]
            if not signed or chance.random() < LEFT_OUT:
                break
            place = chance.randint(place, depth - 1)
            others = [row for row in signed if row["state"] != "mined"]
            row = chance.choice(others if others and chance.random() < ANOTHER else signed)
            found.append(["0x" + bytes(row["raw_transaction"]).hex(), place])
        return found

    def _signed(self, wallet: str = "") -> list[dict[str, Any]]:
        """Attempts whose bytes exist, of one wallet or of all."""
        rows = self._world.attempts()
        return [row for row in rows if row["raw_transaction"] and wallet in ("", row["wallet"])]

    def remember(self) -> None:
        """The chain may later go back to where it is now."""
        self._snapshot = (self._rpc("evm_snapshot"), self._world.head())

    def go_back(self) -> None:
        """The chain is shorter than it was: as it stood a few blocks ago."""
        if self._snapshot is None:
            return
        name, height = self._snapshot
        back = self._world.head() - height
        if 0 < back <= self._depth():
            self._rpc("evm_revert", name)
            self._world.chain.keep_up(1)
            self._set_purses()
            self._world.trace.note("chain.went_back", f"{back} blocks")
        self._snapshot = None

    def _depth(self) -> int:
        """How many of the newest blocks may still be taken back.

        What was ever as deep as the confirmations, or final, stays for ever.
        """
        head = self._world.head()
        self._highest = max(self._highest, head)
        return max(head - (self._highest - self._world.plan.reorg_depth_max), 0)

"""A chain: blocks every so many seconds, a pool, balances, reorganisations, finality.

Blocks are numbers; what is in one is kept only where something is.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from tests.simulation.chain.transactions import Mined, Transaction, token_call
from tests.simulation.chance import Chance
from tests.simulation.clock import Clock
from tests.simulation.settings import TOKEN

BLOCK_SECONDS = 12
GENESIS = 1000
GWEI = 10**9
GAS = 21_000
GAS_OF_TOKEN = 48_000
GAS_OF_CONTRACT = 31_000
EPOCH_BLOCKS = 25  # so long the base fee stays
USUAL_DELAY_BLOCKS = 2
MINES_LATE = 0.08
REVERTS = 0.03  # though nothing spoke against it when it was signed
TREASURY = "0x" + "77" * 20


@dataclass
class Waiting:
    """A transaction in the pool; the bytes it replaced may still be with some miner."""

    sent: Transaction
    ready_at: int
    replaced: list[Transaction] = field(default_factory=list)


@dataclass
class Chain:
    """What is mined, what waits, who has what."""

    chance: Chance
    clock: Clock
    wallets: tuple[str, ...]
    finality_blocks: int
    base_fee_gwei: float
    severity: float = 0
    pool: dict[str, Waiting] = field(default_factory=dict)
    mined: dict[str, Mined] = field(default_factory=dict)
    contracts: set[str] = field(default_factory=set)  # payees with code
    reverting: set[str] = field(default_factory=set)
    blacklisted: set[str] = field(default_factory=set)
    spikes: list[tuple[int, int, int]] = field(default_factory=list)  # from, to, times the fee
    head: int = GENESIS
    version: int = 0  # goes up with every change
    tell: Callable[[str], None] = lambda _text: None
    # somebody else's transaction is forgotten: whether another is sent in its place
    replace: Callable[[Mined], bool] = lambda _mined: False
    on_mined: list[Callable[[Mined], None]] = field(default_factory=list)
    on_undone: list[Callable[[Mined], None]] = field(default_factory=list)
    _initial: dict[str, tuple[int, int]] = field(default_factory=dict)
    _branches: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    _finalized: int = GENESIS - 100
    _numbers: int = 0

    # --- time ------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Blocks up to now."""
        target = GENESIS + int(self.clock.elapsed_seconds) // BLOCK_SECONDS
        while self.head < target and self.pool:
            self.head += 1
            self._mine(self.head)
        self.head = max(self.head, target)
        self._finalized = max(self._finalized, self.head - self.finality_blocks)

    def settle(self) -> None:
        """Whatever of others is in the pool is mined; nobody has to wait for it."""
        for _ in range(10):
            if any(not each.sent.is_ours for each in self.pool.values()):
                self.head += 1
                self._mine(self.head)

    def time_of(self, number: int) -> float:
        """Seconds from the beginning to the block at this height."""
        return (number - GENESIS) * BLOCK_SECONDS

    @property
    def finalized(self) -> int:
        """No block up to this one is ever undone."""
        return self._finalized

    def block_hash(self, number: int) -> str:
        """Of the block at this height, on the branch that is followed now."""
        branch = next(branch for start, branch in reversed(self._branches) if start <= number)
        digest = blake2b(f"{self.chance.seed}|{number}|{branch}".encode(), digest_size=32)
        return "0x" + digest.hexdigest()

    def base_fee_wei(self, number: int) -> int:
        """Of the block at this height."""
        swing = 0.7 + 0.6 * self.chance.unit(f"base fee {number // EPOCH_BLOCKS}")
        times = max([times for start, end, times in self.spikes if start <= number < end] or [1])
        return int(self.base_fee_gwei * swing * GWEI) * times

    # --- the pool --------------------------------------------------------------------------------

    def offer(self, sent: Transaction, delay_blocks: int | None = None) -> None:
        """Into the pool, in the place of what it replaces."""
        if delay_blocks is None:
            delay_blocks = int(self.chance.between("mined after", 0, USUAL_DELAY_BLOCKS + 0.99))
            if self.chance.strikes("chain_mines_late", sent.sender, MINES_LATE):
                delay_blocks += int(self.chance.between("late blocks", 5, 60))
        waiting = Waiting(sent, self.head + 1 + delay_blocks)
        for known in self._on_same_nonce(sent):
            waiting.replaced = [*known.replaced, known.sent]
            del self.pool[known.sent.tx_hash]
        self.pool[sent.tx_hash] = waiting

    def _on_same_nonce(self, sent: Transaction) -> list[Waiting]:
        return [
            each
            for each in self.pool.values()
            if sent.is_ours and (each.sent.sender, each.sent.nonce) == (sent.sender, sent.nonce)
        ]

    def waiting_on(self, sender: str, nonce: int) -> Waiting | None:
        """What is in the pool on this nonce."""
        probe = dataclasses.replace(_NOBODYS, sender=sender, nonce=nonce)
        return next(iter(self._on_same_nonce(probe)), None)

    def outside(
        self,
        to: str,
        *,
        wei: int = 0,
        units: int = 0,
        also: tuple[tuple[str, int], ...] = (),
        delay_blocks: int = 0,
    ) -> str:
        """Somebody else's transaction, its hash: ETH, or units of the token, to an address.

        `also`: further addresses and units of the token in the same transaction.
        """
        self._numbers += 1
        about = f"{self.chance.seed}|outside|{self._numbers}"
        tx_hash = "0x" + blake2b(about.encode(), digest_size=32).hexdigest()
        target, data = (TOKEN, token_call(to, units)) if units else (to, b"")
        sent = Transaction(tx_hash, TREASURY, -1, target.lower(), wei, data, also=also)
        self.offer(sent, delay_blocks)
        return tx_hash

    def evict(self, tx_hash: str) -> None:
        """The pools forget a transaction."""
        self.pool.pop(tx_hash, None)

    def _mine(self, number: int) -> None:
        base_fee_wei = self.base_fee_wei(number)
        for waiting in [each for each in self.pool.values() if not each.sent.is_ours]:
            if waiting.ready_at <= number:
                self._include(waiting.sent, number, base_fee_wei)
        for wallet in self.wallets:
            while waiting := self.waiting_on(wallet, self.count(wallet)):  # type: ignore[assignment]
                if waiting.ready_at > number or waiting.sent.max_fee_wei < base_fee_wei:
                    break
                self._include(self._taken(waiting, base_fee_wei), number, base_fee_wei)

    def _taken(self, waiting: Waiting, base_fee_wei: int) -> Transaction:
        """A miner may still have older bytes, and take those."""
        older = [each for each in waiting.replaced if each.max_fee_wei >= base_fee_wei]
        if older and self.chance.strikes("chain_older_bytes", "mined", 0.2):
            return older[-1]
        return waiting.sent

    def _include(self, sent: Transaction, number: int, base_fee_wei: int) -> None:
        for known in [sent, *(each.sent for each in self._on_same_nonce(sent))]:
            self.pool.pop(known.tx_hash, None)
        price_wei = min(sent.max_fee_wei, base_fee_wei + sent.tip_wei)
        succeeded, gas_used = self._outcome(sent)
        moves = self._moves(sent, succeeded, gas_used * price_wei)
        block_hash = self.block_hash(number)
        mined = Mined(sent, number, block_hash, succeeded, gas_used, price_wei, moves)
        self.mined[sent.tx_hash] = mined
        self.version += 1
        self.tell(
            f"chain: {sent.tx_hash[:10]} mined in {number}{'' if succeeded else ', reverted'}"
        )
        for listener in self.on_mined:
            listener(mined)

    def gas_of(self, to: str, data: bytes) -> int:
        """What a transaction uses."""
        if data:
            return GAS_OF_TOKEN
        return GAS_OF_CONTRACT if to in self.contracts else GAS

    def _outcome(self, sent: Transaction) -> tuple[bool, int]:
        reverts = self.reverts(sent.sender, sent.to, sent.value_wei, sent.data)
        needed = self.gas_of(sent.to, sent.data)
        if needed > sent.gas_limit:
            return False, sent.gas_limit
        late = sent.is_ours and self.chance.strikes(
            "chain_reverts", sent.to, REVERTS * self.severity
        )
        return not (reverts or late), needed

    def reverts(self, sender: str, to: str, _value_wei: int, data: bytes) -> bool:
        """Whether the call fails now."""
        if to in self.reverting and sender != TREASURY:  # others know how to pay there
            return True
        transfer = Transaction("", sender, 0, to, 0, data).token_transfer
        return transfer is not None and sender != TREASURY and transfer[1] > self.units(sender)

    def _moves(
        self, sent: Transaction, succeeded: bool, gas_wei: int
    ) -> tuple[tuple[str, int, int], ...]:
        moves = [(sent.sender, -gas_wei, 0)]
        if succeeded:
            moves += [(sent.sender, -sent.value_wei, 0), (sent.to, sent.value_wei, 0)]
            for payee, units in sent.token_transfers:
                moves += [(sent.sender, 0, -units), (payee, 0, units)]
        return tuple(moves)

    def imagined(self, sent: Transaction) -> Mined:
        """A transaction as if it were mined in the newest block."""
        gas_used = self.gas_of(sent.to, sent.data)
        block_hash = self.block_hash(self.head)
        return Mined(sent, self.head, block_hash, True, gas_used, sent.tip_wei)

    # --- reorganisations -------------------------------------------------------------------------

    def reorganise(self, depth: int, dropped: float) -> int:
        """Another branch wins; how many transactions it takes back. Nothing final is undone."""
        fork = max(self.head - depth, self.finalized)
        undone = [each for each in self.mined.values() if each.number > fork]
        for mined in reversed(undone):
            del self.mined[mined.sent.tx_hash]
            for listener in self.on_undone:
                listener(mined)
        self._branches.append((fork + 1, len(self._branches)))
        self.tell(f"chain: {len(undone)} undone above {fork}")
        for mined in undone:
            forgotten = self.chance.next_unit("reorg drops") < dropped
            if mined.sent.is_ours and forgotten:
                continue
            if not mined.sent.is_ours and forgotten and self.replace(mined):
                continue
            self.offer(mined.sent)
        self.version += 1
        return len(undone)

    # --- what stands in it -----------------------------------------------------------------------

    def endow(self, address: str, wei: int, units: int = 0) -> None:
        """What somebody has from the beginning."""
        self._initial[address] = (wei, units)

    def count(self, wallet: str, at: int | None = None) -> int:
        """How many transactions of a wallet are mined, up to a block."""
        return sum(
            each.sent.sender == wallet and (at is None or each.number <= at)
            for each in self.mined.values()
        )

    def wei(self, address: str, at: int | None = None) -> int:
        """An address's ETH."""
        return self._balance(address, at, 0)

    def units(self, address: str, at: int | None = None) -> int:
        """An address's units of the token."""
        return self._balance(address, at, 1)

    def _balance(self, address: str, at: int | None, which: int) -> int:
        moved = sum(
            move[1 + which]
            for each in self.mined.values()
            if at is None or each.number <= at
            for move in each.moves
            if move[0] == address
        )
        return self._initial.get(address, (0, 0))[which] + moved


_NOBODYS = Transaction("", "", 0, "", 0)

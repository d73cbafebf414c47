"""What a node may do wrong, and which of it a seed draws.

Left out is what one endpoint is believed by design (docs/hostile-chain.md): a forged receipt, a
head that is too high. A count above ours before signing freezes the wallet, as it must: only
seeds with a trap draw it. Before a wallet is adopted nobody lies about its counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from local.chain_proxy import ANY_METHOD, ERRORS, FOR_EVER, Call, ChainProxy, Incoming, Scripted
from tests.torture.world import Tormented

SEND = "eth_sendRawTransaction"
RECEIPT = "eth_getTransactionReceipt"
COUNT = "eth_getTransactionCount"
BLOCK = "eth_getBlockByNumber"
ESTIMATE = "eth_estimateGas"
CODE = "eth_getCode"
FEES = "eth_feeHistory"
METHODS = (
    *(SEND, SEND, SEND, RECEIPT, RECEIPT, COUNT, COUNT, BLOCK, ESTIMATE, CODE, FEES),
    *("eth_getBalance", "eth_chainId", "eth_blockNumber", ANY_METHOD),
)
GWEI = 10**9
STATUSES = (400, 401, 403, 408, 429, 500, 502, 503, 504)
ESTIMATES = (0, 5_000, 21_000, 30_000, 120_000, 10**6, 2**40)
DELEGATION = "0xef0100" + "12" * 20  # EIP-7702
BASE_FEES_WEI = (1, 10**6, 20 * GWEI, 140 * GWEI, 10**4 * GWEI)
TIPS_WEI = (0, 10**6, 3 * GWEI, 40 * GWEI)
BALANCES_WEI = (0, 10**15, 10**17, 10**22)

MISLEADING = ("error", "result", "stale_head")

Said = dict[str, Any]
Draw = Callable[[Random], Said]


def _any(kind: str, **more: Any) -> Draw:
    return lambda chance: {"kind": kind, "method": chance.choice(METHODS), **more}


def _error(chance: Random) -> Said:
    taken = {"forwards": 1} if chance.random() < 1 / 3 else {}
    method = SEND if chance.random() < 2 / 3 else chance.choice(METHODS)
    return {"kind": "error", "method": method, "error": chance.choice(list(ERRORS)), **taken}


def _status(chance: Random) -> Said:
    return {
        "kind": "status",
        "method": chance.choice(METHODS),
        "status": chance.choice(STATUSES),
        "content": chance.choice(("json", "text", "html")),
        "retry_after": chance.choice((None, 1, 600)),
        "forwards": chance.choice((0, 0, 1)),
    }


def _fees(chance: Random) -> Said:
    result = {
        "oldestBlock": "0x1",
        "baseFeePerGas": [hex(chance.choice(BASE_FEES_WEI))] * 2,
        "gasUsedRatio": [0.5],
        "reward": [[hex(chance.choice(TIPS_WEI))]],
    }
    return {"kind": "result", "method": FEES, "result": result}


GENERAL: tuple[tuple[int, Draw], ...] = (
    (3, _any("drop")),
    (4, _any("drop_answer")),
    (1, lambda c: {**_any("delay")(c), "hold_seconds": 0.01}),
    (8, _error),
    (4, _status),
    (2, _any("garbage")),
    (2, _any("truncated")),
    (1, _any("empty")),
    (1, _any("wrong_id")),
    (2, lambda c: {"kind": "duplicate", "method": SEND, "shown": c.choice(("first", "last"))}),
    (4, lambda c: {"kind": "false_success"}),
    (2, lambda c: {"kind": "wrong_hash"}),
    (1, _any("null")),
    (3, lambda c: {"kind": "null", "method": RECEIPT}),
    (3, lambda c: {"kind": "other_block"}),
    (1, lambda c: {"kind": "wrong_chain_id", "value": c.choice((1, 5, 31338))}),
    (2, lambda c: {"kind": "wrong_balance", "value": c.choice(BALANCES_WEI)}),
    (4, lambda c: {"kind": "stale_head", "method": ANY_METHOD, "n": c.randint(1, 9)}),
    (2, lambda c: {"kind": "stale_tag", "method": ANY_METHOD, "n": c.randint(1, 30)}),
    (1, lambda c: {"kind": "unsupported_tag", "method": ANY_METHOD}),
    (1, lambda c: {"kind": "result", "method": ESTIMATE, "result": hex(c.choice(ESTIMATES))}),
    (1, lambda c: {"kind": "result", "method": CODE, "result": DELEGATION}),
    (1, lambda c: {"kind": "result", "method": "eth_blockNumber", "result": "0x1"}),
    (2, _fees),
)
LIES_ABOUT_COUNTS: tuple[tuple[int, Draw], ...] = (
    (5, lambda c: {"kind": "lower_count", "n": c.randint(1, 9)}),
    (3, lambda c: {"kind": "higher_count", "n": c.randint(1, 3), "only": "receipts"}),
)
TRAPS: tuple[tuple[int, Draw], ...] = (
    (10, lambda c: {"kind": "higher_count", "n": c.randint(1, 3), "only": "preflights"}),
)


@dataclass(frozen=True)
class Lasting:
    """A fault in a proxy's script, until a round."""

    until_round: int
    proxy: ChainProxy
    scripted: Scripted


class NodeFaults:
    """Scripts what is drawn, lifts it after some rounds, and notes what has really struck."""

    def __init__(self, world: Tormented) -> None:
        self._world = world
        self._lasting: list[Lasting] = []
        self.misled: set[str] = set()  # payees about whose gas the node did not tell the truth
        self.frozen_by_lies = False

    def draw(self, number: int, *, storm: bool, trap: bool) -> None:
        """Script one more from this round on; a storm's strikes for as long as it lasts."""
        chance = self._world.chance
        drawn = self._drawn(trap)
        only = drawn.pop("only", None)
        times = FOR_EVER if storm else chance.choice((1, 1, 1, 2, 3, 5))
        scripted = (proxy := chance.choice(self._world.proxies)).fault(
            **drawn,
            times=times,
            skip=0 if storm else chance.choice((0, 0, 0, 1, 2, 5)),
            probability=chance.choice((0.2, 0.5, 0.9)) if storm else chance.choice((1.0, 1.0, 0.5)),
            seed=chance.randrange(2**32),
            when=self._only(only) if only else None,
        )
        self._lasting.append(Lasting(number + chance.randint(1, 8), proxy, scripted))

    def _drawn(self, trap: bool) -> Said:
        chance = self._world.chance
        menu = list(GENERAL)
        if self._world.rows("SELECT 1 FROM wallets"):
            menu += LIES_ABOUT_COUNTS + (TRAPS if trap else ())
        weights = [weight for weight, _ in menu]
        return chance.choices([draw for _, draw in menu], weights)[0](chance)

    def _only(self, questions: str) -> Callable[[Incoming], bool]:
        of_preflights = questions == "preflights"
        return lambda _incoming: (self._world.asking == "PreflightRequested") == of_preflights

    def end_of_round(self, number: int) -> None:
        """Note what has struck; lift what is over."""
        self.note_strikes()
        for each in self._lasting:
            if each.until_round <= number:
                each.proxy.lift(each.scripted)
        self._lasting = [each for each in self._lasting if each.until_round > number]

    def lift_all(self) -> None:
        """The nodes are honest from now on."""
        self.note_strikes()
        for proxy in self._world.proxies:
            proxy.clear()
        self._lasting.clear()

    def note_strikes(self) -> None:
        """Every call that suffered a fault, from the proxies' own journals."""
        for proxy in self._world.proxies:
            for call in proxy.calls():
                if call.fault:
                    self._world.trace.note(f"node.{call.fault}", _named(call))
                if call.fault in MISLEADING and call.method == ESTIMATE:
                    self.misled.add(str(call.params[0]["to"]).lower())
                if call.fault == "higher_count" and self._world.plan.trapped:
                    self.frozen_by_lies = True
            proxy.forget_calls()


def _named(call: Call) -> str:
    """The call, and the error that it got."""
    error = call.error if isinstance(call.error, dict) else {}
    words = str(error.get("message", ""))[:40]
    return f"{call.method} ({words})" if words else call.method

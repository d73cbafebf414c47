"""What a node may do wrong, and which of it a seed draws.

Left out is what one endpoint is believed by design (docs/hostile-chain.md): a forged receipt, a
head that is too high. A count above ours before signing freezes the wallet, as it must: only
seeds with a trap draw it.
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
CALL = "eth_call"
FEES = "eth_feeHistory"
METHODS = (
    *(SEND, SEND, SEND, RECEIPT, RECEIPT, COUNT, COUNT, BLOCK, ESTIMATE, CODE, FEES),
    *("eth_getBalance", "eth_chainId", "eth_blockNumber", CALL, ANY_METHOD),
)
NUMBERS = (COUNT, ESTIMATE, "eth_getBalance", "eth_chainId", "eth_blockNumber")
ABSURD = ("0x", "0x-1", hex(2**63), hex(2**64), hex(2**256 - 1), 7, [], {}, "latest")
WORDS = ("0x", "0x" + "0" * 64, "0x" + "1".rjust(64, "0"), "0x" + "f" * 64)
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
    (2, lambda c: {"kind": "result", "method": c.choice(NUMBERS), "result": c.choice(ABSURD)}),
    (1, lambda c: {"kind": "result", "method": CALL, "result": c.choice(WORDS)}),
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
        self._receipts: dict[str, Any] = {}  # the last of each transaction

    def draw(self, number: int, *, lasting: bool, trap: bool) -> None:
        """Script one more from this round on; a lasting one strikes again and again."""
        chance = self._world.chance
        drawn = self._drawn(trap)
        only = drawn.pop("only", None)
        proxy = chance.choice(self._world.proxies)
        scripted = proxy.fault(
            **drawn,
            times=FOR_EVER if lasting else chance.choice((1, 1, 1, 2, 3, 5)),
            skip=0 if lasting else chance.choice((0, 0, 0, 1, 2, 5)),
            probability=chance.choice((0.2, 0.5, 0.9))
            if lasting
            else chance.choice((1.0, 1.0, 0.5)),
            seed=chance.randrange(2**32),
            when=self._only(only) if only else None,
        )
        self._lasting.append(Lasting(number + chance.randint(1, 8), proxy, scripted))

    def _drawn(self, trap: bool) -> Said:
        chance = self._world.chance
        menu = [*GENERAL, *(TRAPS if trap else ()), *self._old_receipts()]
        weights = [weight for weight, _ in menu]
        return chance.choices([draw for _, draw in menu], weights)[0](chance)

    def _old_receipts(self) -> list[tuple[int, Draw]]:
        """A receipt that was true when it was seen: its block may have gone since."""
        if not self._receipts:
            return []
        return [(3, lambda c: self._old_receipt(c.choice(list(self._receipts))))]

    def _old_receipt(self, tx_hash: str) -> Said:
        seen = self._receipts[tx_hash]
        return {"kind": "result", "method": RECEIPT, "tx_hash": tx_hash, "result": seen}

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
                    self._note(call)
                elif call.method == RECEIPT and call.result:
                    self._receipts[call.params[0]] = call.result
            proxy.forget_calls()

    def _note(self, call: Call) -> None:
        self._world.trace.note(f"node.{call.fault}", _named(call))
        if call.fault in MISLEADING and call.method in (ESTIMATE, CALL):
            self.misled |= _addresses(call.params[0])
        if call.fault == "higher_count" and self._world.plan.trapped:
            self.frozen_by_lies = True


def _addresses(call: dict[str, str]) -> set[str]:
    """Who is called, and the first address in the call's data."""
    called, data = str(call["to"]).lower(), str(call.get("data", ""))
    return {called, "0x" + data[34:74].lower()}


def _named(call: Call) -> str:
    """The call, and the error that it got."""
    error = call.error if isinstance(call.error, dict) else {}
    words = str(error.get("message", ""))[:40]
    return f"{call.method} ({words})" if words else call.method

"""What goes wrong between us and the nodes, and what they say that is not so.

A node that lies to our harm (a receipt of what was never mined, a count that is too high) is one of
several: with a single node there is nothing to compare it with, which the documents say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from tests.simulation.chain.node import Node, Refusal
from tests.simulation.chain.transactions import Mined
from tests.simulation.chance import Chance
from tests.simulation.clock import Clock

SEND = "eth_sendRawTransaction"
RECEIPT = "eth_getTransactionReceipt"
COUNT = "eth_getTransactionCount"
BLOCK = "eth_getBlockByNumber"
GAS = "eth_estimateGas"
FEES = "eth_feeHistory"
UNREACHABLE, UNHEARD, BUSY, REFUSED = 0.003, 0.002, 0.003, 0.02
BLIND, DROPS, CUT, ODD_NUMBER = 0.02, 0.03, 0.002, 0.004
LAGS, FORKED, INVENTS, FINAL_TOO_SOON = 0.004, 0.6, 0.05, 0.5
SPELL_SECONDS = (60, 900)
ODD_NUMBERS = ("0x0", "0x1", "0xffffffffffffffffffff", "-1", None, "not a number")
OUTAGE = 0.0006
BUSY_STATUS = 429


@dataclass
class Spell:
    """What a node does until then."""

    kind: str
    until: datetime


class NodeFaults:
    """Drawn at every call; some last for a while."""

    def __init__(
        self, chance: Chance, clock: Clock, severity: float, nodes: Mapping[str, Node]
    ) -> None:
        self._chance, self._clock, self._severity = chance, clock, severity
        self._nodes = nodes
        self.down = False
        self._spells: dict[str, Spell] = {}
        self._undone: dict[str, Mined] = {}  # what a reorganisation has taken back
        for node in nodes.values():
            node.chain.on_undone.append(self._remember)
            break  # they all know the same chain

    def _remember(self, mined: Mined) -> None:
        self._undone[mined.sent.tx_hash] = mined

    # --- whether the call comes through ----------------------------------------------------------

    def before(self, url: str) -> int | None:
        """The request may not come through; or only this HTTP status comes back."""
        if self.down or self._spell(url, "node_outage", OUTAGE):
            raise requests.ConnectionError("no route to host")
        if self._strikes("node_unreachable", url, UNREACHABLE):
            raise requests.ConnectionError("no route to host")
        return BUSY_STATUS if self._strikes("node_busy", url, BUSY) else None

    def after(self, url: str, methods: Sequence[str], answers: list[Any]) -> list[Any]:
        """Its answer may not come through, or that to one call not whole."""
        if self._strikes("node_unheard", url, UNHEARD * (10 if SEND in methods else 1)):
            raise requests.ReadTimeout("read timed out")
        return [self._misread(url, each) for each in answers]

    def _misread(self, url: str, answer: Any) -> Any:
        if self._strikes("node_misread", url, CUT):
            return self._chance.pick("misread", ([], {}, {"result": None, "error": "?"}))
        return answer

    # --- what it says ----------------------------------------------------------------------------

    def answer(self, url: str, node: Node, method: str, params: list[Any]) -> Any:
        """What the node says, true or not."""
        node.behind = 3 if self._spell(url, "node_lags", LAGS) else 0
        if method == RECEIPT:
            return self._receipt(url, node, params)
        if method == SEND:
            return self._take(url, node, params)
        if (method, *params[1:]) == (COUNT, "finalized") and self._strikes(
            "node_counts_as_final", url, FINAL_TOO_SOON
        ):
            params = [params[0], "latest"]  # another node behind this URL, or one that guesses
        if method in (GAS, COUNT) and self._strikes("node_odd_number", url, ODD_NUMBER):
            return self._odd_number(method, node, params)
        return node.answer(method, params)

    def _odd_number(self, method: str, node: Node, params: list[Any]) -> Any:
        """A number that cannot be; a count that is too high freezes the wallet, rightly."""
        if method == COUNT:
            true = int(node.answer(method, params), 16)
            odd = (hex(max(0, true - 1)), "0x0", None, "soon", hex(true + 1))
            return self._chance.pick("odd count", odd)
        return self._chance.pick("odd number", ODD_NUMBERS)

    def _receipt(self, url: str, node: Node, params: list[Any]) -> Any:
        if self._strikes("node_blind", url, BLIND):
            return None
        found = node.answer(RECEIPT, params)
        undone = self._undone.get(params[0])
        if found is None and undone is not None and self._strikes("node_forked", url, FORKED):
            return node.receipt_of(undone)  # it still follows the branch that lost
        alone = len(self._nodes) == 1
        if found is None and not alone and url == next(iter(self._nodes)):
            waiting = node.chain.pool.get(params[0])
            if waiting and self._strikes("node_invents_receipt", url, INVENTS):
                return node.receipt_of(node.chain.imagined(waiting.sent))
        return found

    def _take(self, url: str, node: Node, params: list[Any]) -> Any:
        if self._strikes("node_refuses_bytes", url, REFUSED):
            raise Refusal(-32000, self._chance.pick("refusal", REFUSALS))
        answer = node.answer(SEND, params)
        if self._strikes("node_drops_bytes", url, DROPS):
            node.chain.evict(answer)
        if self._strikes("node_names_other_hash", url, REFUSED / 4):
            return "0x" + "ab" * 32
        return answer

    def _spell(self, url: str, kind: str, likely: float) -> bool:
        """Whether the node is under this spell; one may begin now."""
        if not self._chance.troubled:
            self._spells.clear()
        spell = self._spells.get(url)
        if spell is not None and spell.until <= self._clock.now:
            del self._spells[url]
            spell = None
        if spell is None and self._strikes(kind, url, likely):
            until = self._clock.after(self._chance.between("spell", *SPELL_SECONDS))
            spell = self._spells[url] = Spell(kind, until)
        return spell is not None and spell.kind == kind

    def _strikes(self, kind: str, about: str, likely: float) -> bool:
        return self._chance.strikes(kind, about, likely * self._severity)


REFUSALS = (
    "txpool is full",
    "nonce too low: next nonce 1",
    "nonce too high",
    "already known",
    "replacement transaction underpriced",
    "insufficient funds for gas * price + value",
    "max fee per gas less than block base fee",
    "exceeds the configured cap (1.00 ether)",
    "in-flight transaction limit reached for delegated accounts",
    "something nobody has heard of",
)

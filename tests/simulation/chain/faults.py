"""What goes wrong between us and the nodes, and what they say that is not so."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import requests

from tests.simulation.chain.node import Node, Refusal
from tests.simulation.chance import Chance
from tests.simulation.clock import Clock

SEND = "eth_sendRawTransaction"
RECEIPT = "eth_getTransactionReceipt"
UNREACHABLE, UNHEARD, BUSY, REFUSED = 0.003, 0.002, 0.003, 0.02
BLIND, DROPS = 0.02, 0.03


class NodeFaults:
    """Drawn at every call."""

    def __init__(
        self, chance: Chance, clock: Clock, severity: float, nodes: Mapping[str, Node]
    ) -> None:
        self._chance, self._clock, self._severity = chance, clock, severity
        self._nodes = nodes

    def before(self, url: str, method: str) -> None:
        """The call does not come through."""
        if self._strikes("node_unreachable", url, UNREACHABLE):
            raise requests.ConnectionError("no route to host")
        if self._strikes("node_busy", url, BUSY):
            raise requests.HTTPError(response=SimpleNamespace(status_code=429))  # type: ignore[arg-type]

    def answer(self, url: str, node: Node, method: str, params: list[Any]) -> Any:
        """What the node says, true or not."""
        if method == RECEIPT and self._strikes("node_blind", url, BLIND):
            return None
        if method == SEND:
            return self._take(url, node, params)
        return node.answer(method, params)

    def _take(self, url: str, node: Node, params: list[Any]) -> Any:
        if self._strikes("node_refuses_bytes", url, REFUSED):
            raise Refusal(-32000, self._chance.pick("refusal", REFUSALS))
        answer = node.answer(SEND, params)
        if self._strikes("node_drops_bytes", url, DROPS):
            node.chain.evict(answer)
        return answer

    def after(self, url: str, method: str) -> None:
        """Its answer does not come through."""
        if self._strikes("node_unheard", url, UNHEARD * (10 if method == SEND else 1)):
            raise requests.ReadTimeout("read timed out")

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
    "something nobody has heard of",
)

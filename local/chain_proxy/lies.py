"""Answers that are well-formed and untrue: the question is bent, or the node's result is."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from local.chain_proxy.faults import Fault
from local.chain_proxy.journal import TAGS, Incoming
from local.chain_proxy.wire import Upstream

ETHEREUM_GOERLI = 5
HEIGHT_NAMES = ("blockNumber", "number")
EARLIEST = "earliest"


def question(fault: Fault, incoming: Incoming, upstream: Upstream) -> bytes:
    """What the node is asked instead; the client's own bytes where nothing is bent."""
    if fault.kind == "stale_head":
        bent = _bend_tags(incoming.params, TAGS - {EARLIEST}, _Heights(fault, upstream))
    elif fault.kind == "stale_tag":
        bent = _bend_tags(incoming.params, {fault.only_tag or ""}, _Heights(fault, upstream))
    else:
        return incoming.raw
    if bent == incoming.params:
        return incoming.raw
    return json.dumps({**incoming.said, "params": bent}).encode()


def bent_result(fault: Fault, incoming: Incoming, truth: Any, upstream: Upstream) -> Any:
    """The untrue result; the true one where there is nothing to lie about."""
    return _LIES[fault.kind](fault, incoming, truth, upstream)


class _Heights:
    """Where a stale node stands; asks the real one only when it has to."""

    def __init__(self, fault: Fault, upstream: Upstream) -> None:
        self._fault = fault
        self._upstream = upstream

    def of(self, tag: str) -> str:
        """The block that this node takes for `tag`."""
        if self._fault.kind == "stale_head":
            head = self.head()
            true = head if tag in ("latest", "pending") else self._true(tag)
            return tag if true is None else hex(min(true, head))
        if self._fault.block is not None:
            return hex(self._fault.block)
        true = self._true(tag)
        return tag if true is None else hex(max(true - self._fault.n, 0))

    def head(self) -> int:
        """The newest block that this node has."""
        if self._fault.block is not None:
            return self._fault.block
        return max(int(self._upstream.ask("eth_blockNumber") or "0x0", 16) - self._fault.n, 0)

    def _true(self, tag: str) -> int | None:
        block = self._upstream.ask("eth_getBlockByNumber", tag, False)
        return int(block["number"], 16) if isinstance(block, dict) else None


def _bend_tags(params: Any, tags: set[str] | frozenset[str], heights: _Heights) -> Any:
    """Tags stand among the parameters, or in the range of a log filter."""
    if isinstance(params, list):
        return [_bend_tags(one, tags, heights) for one in params]
    if isinstance(params, dict):
        return {name: _bend_tags(one, tags, heights) for name, one in params.items()}
    return heights.of(params) if isinstance(params, str) and params in tags else params


def _shifted(by: int, truth: Any) -> Any:
    if not isinstance(truth, str):
        return truth
    return hex(max(int(truth, 16) + by, 0))


def _other_block(fault: Fault, _incoming: Incoming, truth: Any, _upstream: Upstream) -> Any:
    if not isinstance(truth, dict) or not truth.get("blockHash"):
        return truth
    other = fault.value or hash_of_nothing(truth["blockHash"])
    logs = [{**log, "blockHash": other} for log in truth.get("logs", [])]
    return {**truth, "blockHash": other, "logs": logs}


def _wrong_hash(fault: Fault, incoming: Incoming, truth: Any, _upstream: Upstream) -> Any:
    sent = incoming.transaction
    return fault.value or hash_of_nothing(sent.tx_hash if sent is not None else str(truth))


def _stale_head(fault: Fault, incoming: Incoming, truth: Any, upstream: Upstream) -> Any:
    head = _Heights(fault, upstream).head()
    if incoming.method == "eth_blockNumber":
        return hex(min(int(truth, 16), head)) if isinstance(truth, str) else truth
    if not isinstance(truth, dict):
        return truth
    heights = [truth[name] for name in HEIGHT_NAMES if isinstance(truth.get(name), str)]
    if not any(int(height, 16) > head for height in heights):
        return truth
    if incoming.method.startswith("eth_getTransactionBy"):  # it is still in this node's pool
        return {**truth, "blockNumber": None, "blockHash": None, "transactionIndex": None}
    return None


def hash_of_nothing(text: str) -> str:
    """A hash that nothing on the chain has; the same for the same text."""
    return "0x" + hashlib.sha256(text.encode()).hexdigest()


_LIES: dict[str, Callable[[Fault, Incoming, Any, Upstream], Any]] = {
    "null": lambda _fault, _incoming, _truth, _upstream: None,
    "other_block": _other_block,
    "wrong_hash": _wrong_hash,
    "wrong_chain_id": lambda fault, _incoming, _truth, _upstream: hex(
        ETHEREUM_GOERLI if fault.value is None else int(fault.value)
    ),
    "wrong_balance": lambda fault, _incoming, _truth, _upstream: hex(int(fault.value or 0)),
    "lower_count": lambda fault, _incoming, truth, _upstream: _shifted(-fault.n, truth),
    "higher_count": lambda fault, _incoming, truth, _upstream: _shifted(fault.n, truth),
    "stale_head": _stale_head,
    "stale_tag": lambda _fault, _incoming, truth, _upstream: truth,
}
LYING = frozenset(_LIES)

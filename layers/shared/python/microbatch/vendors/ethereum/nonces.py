"""Which transaction consumed a nonce: decided on finalized blocks only."""

from dataclasses import dataclass
from typing import Any

from microbatch.vendors.ethereum.finality import GET_BLOCK, GET_COUNT
from microbatch.vendors.ethereum.rpc import HASH, NodeRefusal, Rpc, malformed, quantity


@dataclass(frozen=True, slots=True)
class Consumer:
    """The transaction that consumed a nonce; tx_hash "" when this node cannot say."""

    tx_hash: str = ""
    block_number: int = 0


def consumer_of(rpc: Rpc, wallet: str, nonce: int) -> Consumer:
    """Search the finalized blocks, by halves, for the one in which the wallet's count passed nonce.

    A full node keeps the state of some hundred blocks only: past those it cannot say.
    Raises RetryLater.
    """
    try:
        finalized = _block(rpc, "finalized", full=False)
        high = quantity(GET_BLOCK, finalized.get("number"))
        if _count(rpc, wallet, high) <= nonce:
            return Consumer()
        return _found_in(rpc, wallet, nonce, _first_above(rpc, wallet, nonce, high))
    except NodeRefusal:
        return Consumer()


def _first_above(rpc: Rpc, wallet: str, nonce: int, high: int) -> int:
    """The lowest block at which the count is above nonce; `high` is one."""
    step, low = 1, high
    while low > 0 and _count(rpc, wallet, low) > nonce:
        high, low, step = low, max(0, low - step), step * 2
    if low == 0 and _count(rpc, wallet, 0) > nonce:
        return 0
    while high - low > 1:
        middle = (high + low) // 2
        if _count(rpc, wallet, middle) > nonce:
            high = middle
        else:
            low = middle
    return high


def _found_in(rpc: Rpc, wallet: str, nonce: int, number: int) -> Consumer:
    block = _block(rpc, hex(number), full=True)
    for transaction in block.get("transactions", []):
        if not isinstance(transaction, dict):
            raise malformed(GET_BLOCK)
        sender = str(transaction.get("from")).lower()
        if sender == wallet and quantity(GET_BLOCK, transaction.get("nonce")) == nonce:
            tx_hash = str(transaction.get("hash")).lower()
            if not HASH.fullmatch(tx_hash):
                raise malformed(GET_BLOCK)
            return Consumer(tx_hash, number)
    return Consumer()


def _count(rpc: Rpc, wallet: str, number: int) -> int:
    return quantity(GET_COUNT, rpc.call(GET_COUNT, wallet, hex(number)))


def _block(rpc: Rpc, tag: str, *, full: bool) -> dict[str, Any]:
    block = rpc.call(GET_BLOCK, tag, full)
    if not isinstance(block, dict):
        raise malformed(GET_BLOCK)
    return block

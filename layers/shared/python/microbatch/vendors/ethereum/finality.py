"""What stands in the chain: the block at a height, and how far the chain is final."""

from typing import Any

from microbatch.vendors.ethereum.rpc import NodeRefusal, Rpc, Said, block_hash, malformed, number

GET_COUNT = "eth_getTransactionCount"
GET_BLOCK = "eth_getBlockByNumber"
UNKNOWN_BLOCK_CODE = -39001


def finalized_count(said: Said) -> int:
    """A count at the finalized block; 0 where the node has none. Raises RetryLater."""
    return number(GET_COUNT, said.result) if _has_block(said) else 0


def hash_at(rpc: Rpc, block_number: int) -> str:
    """The hash the node has at this height now; "" when its chain is shorter. Raises RetryLater."""
    return _hash(_block(rpc.call(GET_BLOCK, hex(block_number), False)))


def hash_and_finalized(rpc: Rpc, block_number: int) -> tuple[str, int]:
    """(as `hash_at`, the number of the node's finalized block). Raises RetryLater.

    By one request: of nodes behind one URL that differ, one says both. 0 when it has no finalized
    block.
    """
    at_height, finalized = rpc.ask(
        (GET_BLOCK, hex(block_number), False), (GET_BLOCK, "finalized", False)
    )
    last = _block(finalized.result) if _has_block(finalized) else None
    last_number = 0 if last is None else number(GET_BLOCK, last.get("number"))
    return _hash(_block(at_height.result)), last_number


def _hash(found: dict[str, Any] | None) -> str:
    return "" if found is None else block_hash(GET_BLOCK, found.get("hash"))


def _block(found: Any) -> dict[str, Any] | None:
    if found is not None and not isinstance(found, dict):
        raise malformed(GET_BLOCK)
    return found


def _has_block(said: Said) -> bool:
    """Whether the node has the block it was asked about; other errors are raised."""
    refusal = said.error
    if not isinstance(refusal, NodeRefusal):
        return True
    text = refusal.message.lower()
    return not (refusal.code == UNKNOWN_BLOCK_CODE or ("block" in text and "not found" in text))

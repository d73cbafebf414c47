"""What gas costs now: the next block's base fee, and the tip that half of the gas paid lately."""

from dataclasses import dataclass
from typing import Any

from microbatch.vendors.ethereum.rpc import malformed, number, quantity

METHOD = "eth_feeHistory"
FEE_HISTORY_BLOCKS = 20
FEE_PERCENTILE = 50
# Block builders' default minimum (0.001 gwei): next to nothing, but far enough from 0 that a
# bump of an eighth is a step.
PRIORITY_FEE_MIN_WEI = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """The head and what gas costs in the block after it."""

    head_number: int
    base_fee_wei: int
    priority_fee_wei: int


FEES: tuple[Any, ...] = (METHOD, hex(FEE_HISTORY_BLOCKS), "latest", [FEE_PERCENTILE])  # the call


def fees_in(history: Any) -> Fees:
    """Head and fees in what the call `FEES` has brought. Raises RetryLater.

    The tip is the median of recent blocks' own medians; empty blocks have none.
    """
    try:
        used, rewards = history["gasUsedRatio"], history.get("reward") or []
        tips = sorted(
            quantity(METHOD, reward[0])
            for reward, ratio in zip(rewards, used, strict=False)
            if ratio
        )
        return Fees(
            head_number=number(METHOD, history["oldestBlock"]) + len(used) - 1,
            base_fee_wei=quantity(METHOD, history["baseFeePerGas"][len(used)]),
            priority_fee_wei=max([PRIORITY_FEE_MIN_WEI, *tips[len(tips) // 2 :][:1]]),
        )
    except (LookupError, TypeError, AttributeError):
        raise malformed(METHOD) from None

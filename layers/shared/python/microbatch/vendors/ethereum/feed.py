"""ETH/USD as a Chainlink feed on the chain has it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from microbatch.vendors.ethereum.rpc import NodeRefusal, Rpc, octets, words

LATEST_ROUND_DATA = "0xfeaf968c"
DECIMALS = "0x313ce567"
MAX_AGE_SECONDS = 3600 + 300  # the feed's heartbeat, and a little for its delay
ANSWER_LIMIT = 10**24  # far above any price; a negative answer reads as far more
DECIMALS_MAX = 18
ROUND_WORDS = 5  # round, answer, started, updated, answered in round


@dataclass(frozen=True, slots=True)
class Price:
    """Decimal text of USD for one ETH, and when it was set; "" when there is no usable one."""

    eth_usd: str
    updated_at_seconds: int


NO_PRICE = Price("", 0)


def usable_price(rpc: Rpc, feed: str, now: datetime) -> Price:
    """The feed's price, unless it is stale or broken. Raises RetryLater when the node is unwell."""
    round_data = _view(rpc, feed, LATEST_ROUND_DATA)
    decimals = _view(rpc, feed, DECIMALS)
    if len(round_data) != ROUND_WORDS or len(decimals) != 1 or decimals[0] > DECIMALS_MAX:
        return NO_PRICE
    _, answer, _, updated_at, _ = round_data
    if abs(int(now.timestamp()) - updated_at) > MAX_AGE_SECONDS:
        return NO_PRICE
    if not 0 < answer < ANSWER_LIMIT:
        return NO_PRICE
    return Price(format(Decimal(answer).scaleb(-decimals[0]), "f"), updated_at)


def _view(rpc: Rpc, contract: str, selector: str) -> list[int]:
    try:
        result = rpc.call("eth_call", {"to": contract, "data": selector}, "latest")
    except NodeRefusal as refusal:
        if refusal.reverted:
            return []
        raise
    return words(octets("eth_call", result))

"""Keep observations fresh, and hand out only fresh ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from microbatch.market import store
from microbatch.market.model import (
    BASE_FEE_WEI,
    ETH_TO_USDT,
    ETH_USD,
    HEAD_NUMBER,
    PRIORITY_FEE_WEI,
    WALLET_BALANCE_WEI,
    WALLET_TOKEN_UNITS,
    Observation,
    Pair,
)
from microbatch.messages import (
    ChainObservationRequested,
    ChainObserved,
    Outgoing,
    RangeObserved,
    RangeRequested,
)
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger

REFERENCE_AMOUNT = "1"  # of from_currency: large enough that fixed fees do not hide the rate
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Source:
    """Where observations come from and how often they are asked for."""

    period_seconds: int
    wallet: str
    chain_id: int
    token: str
    price_feed: str


def fresh(
    tx: Transaction, names: Sequence[str], now: datetime, max_age_seconds: int
) -> dict[str, Observation]:
    """The newest observation of each name that is not older than allowed."""
    return store.latest(tx, names, now - timedelta(seconds=max_age_seconds))


def fresh_price(tx: Transaction, now: datetime, max_age_seconds: int) -> Decimal | None:
    """ETH/USD, or None without a fresh observation."""
    seen = fresh(tx, [ETH_USD], now, max_age_seconds).get(ETH_USD)
    return seen.value if seen else None


def take_range(message: RangeObserved, tx: Transaction) -> None:
    """Record a pair's range and rate."""
    pair = Pair(
        message.from_currency, message.from_network, message.to_currency, message.to_network
    )
    at = datetime.fromtimestamp(message.timestamp, UTC)
    amount, estimated = Decimal(message.amount), message.estimated_amount
    store.insert(tx, pair.minimum, Decimal(message.minimum), at)
    store.insert(tx, pair.maximum, Decimal(message.maximum) if message.maximum else None, at)
    store.insert(tx, pair.rate, Decimal(estimated) / amount if estimated else None, at)


def take_chain(message: ChainObserved, tx: Transaction, source: Source) -> None:
    """Record head, fees, balances and price; a node of another chain is not believed."""
    if message.chain_id != source.chain_id:
        logger.error("wrong_chain", expected=source.chain_id, reported=message.chain_id)
        return
    at = datetime.fromtimestamp(message.timestamp, UTC)
    values = {
        HEAD_NUMBER: Decimal(message.head_number),
        BASE_FEE_WEI: Decimal(message.base_fee_wei),
        PRIORITY_FEE_WEI: Decimal(message.priority_fee_wei),
        WALLET_BALANCE_WEI: Decimal(message.balance_wei),
        WALLET_TOKEN_UNITS: Decimal(message.token_balance_units),
    }
    if message.eth_usd:
        values[ETH_USD] = Decimal(message.eth_usd)
    else:
        logger.error("price_feed_unusable")
    for name, value in values.items():
        store.insert(tx, name, value, at)


def due(tx: Transaction, now: datetime, source: Source) -> list[Outgoing]:
    """Requests for observations that are older than their period; each is asked for once."""
    seconds = int(now.timestamp())
    requests = (
        (
            ETH_USD,
            Outgoing(
                "chain-requests",
                ChainObservationRequested(
                    timestamp=seconds,
                    wallet=source.wallet,
                    token=source.token,
                    price_feed=source.price_feed,
                ),
            ),
        ),
        (
            ETH_TO_USDT.minimum,
            Outgoing(
                "swap-quote",
                RangeRequested(
                    timestamp=seconds,
                    from_currency=ETH_TO_USDT.from_currency,
                    from_network=ETH_TO_USDT.from_network,
                    to_currency=ETH_TO_USDT.to_currency,
                    to_network=ETH_TO_USDT.to_network,
                    amount=REFERENCE_AMOUNT,
                ),
            ),
        ),
    )
    not_since = now - timedelta(seconds=source.period_seconds)
    due_now = [request for name, request in requests if store.win_request(tx, name, now, not_since)]
    if due_now:
        store.delete_before(tx, now - timedelta(days=KEPT_DAYS))
    return due_now

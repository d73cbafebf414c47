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
    balance_of,
)
from microbatch.messages import (
    ChainObservationRequested,
    ChainObserved,
    Outgoing,
    RangeObserved,
    RangeRequested,
)
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger

# Of from_currency: large enough that fixed fees do not hide the rate.
REFERENCE_AMOUNT = {"eth": "1", "usdt": "2000"}
KEPT_DAYS = 30
NO_MAXIMUM = "none"
KEPT_FRESH = (ETH_USD, ETH_TO_USDT.minimum)  # each is asked for together with others


@dataclass(frozen=True, slots=True)
class Source:
    """Where observations come from and how often they are asked for."""

    period_seconds: int
    wallet: str  # the first: at it USDT and refunds arrive
    chain_id: int
    token: str
    price_feed: str
    other_wallets: tuple[str, ...] = ()  # that pay too, each from ETH of its own


def fresh(
    tx: Transaction, names: Sequence[str], now: datetime, max_age_seconds: int
) -> dict[str, Observation]:
    """The newest observation of each name that is not older than allowed."""
    return store.latest(tx, names, now - timedelta(seconds=max_age_seconds))


def fresh_price(tx: Transaction, now: datetime, max_age_seconds: int) -> Decimal | None:
    """ETH/USD, or None without a fresh observation."""
    seen = fresh(tx, [ETH_USD], now, max_age_seconds).get(ETH_USD)
    return seen.value if seen else None


def last_price(tx: Transaction, now: datetime) -> Decimal | None:
    """ETH/USD as last seen, however long ago; None when it was never seen."""
    return prices(tx, now, 0)[1]


def prices(
    tx: Transaction, now: datetime, max_age_seconds: int
) -> tuple[Decimal | None, Decimal | None]:
    """(ETH/USD as in `fresh_price`, as in `last_price`), with one statement."""
    seen = store.latest(tx, [ETH_USD], now - timedelta(days=KEPT_DAYS)).get(ETH_USD)
    if seen is None:
        return None, None
    is_fresh = seen.observed_at >= now - timedelta(seconds=max_age_seconds)
    return (seen.value if is_fresh else None), seen.value


def take_range(message: RangeObserved, tx: Transaction, now: datetime) -> None:
    """Record a pair's range and rate; what cannot be is not believed."""
    pair = Pair(
        message.from_currency, message.from_network, message.to_currency, message.to_network
    )
    at = seen_at(message.timestamp, now)
    take_limits(tx, pair, message.minimum, message.maximum or NO_MAXIMUM, at)
    amount, estimated = Decimal(message.amount), message.estimated_amount
    store.insert(tx, pair.rate, Decimal(estimated) / amount if estimated else None, at)


def take_limits(tx: Transaction, pair: Pair, minimum: str, maximum: str, at: datetime) -> None:
    """Record a pair's limits as far as they are named; NO_MAXIMUM says that there is none."""
    if minimum and Decimal(minimum) > 0:
        store.insert(tx, pair.minimum, Decimal(minimum), at)
    elif minimum:
        logger.error("limit_not_believed", pair=pair.name, minimum=minimum)
    if maximum == NO_MAXIMUM:
        store.insert(tx, pair.maximum, None, at)
    elif maximum and Decimal(maximum) > 0 and Decimal(maximum) >= Decimal(minimum or 0):
        store.insert(tx, pair.maximum, Decimal(maximum), at)
    elif maximum:
        logger.error("limit_not_believed", pair=pair.name, maximum=maximum)


def seen_at(timestamp: int, now: datetime) -> datetime:
    """When something was seen, by a clock that may run ahead of ours."""
    return min(now, datetime.fromtimestamp(timestamp, UTC))


def take_chain(message: ChainObserved, tx: Transaction, now: datetime, source: Source) -> None:
    """Record head, fees, balances and price; a node of another chain is not believed."""
    if message.chain_id != source.chain_id:
        logger.error("wrong_chain", expected=source.chain_id, reported=message.chain_id)
        return
    at = seen_at(message.timestamp, now)
    values = {
        HEAD_NUMBER: Decimal(message.head_number),
        BASE_FEE_WEI: Decimal(message.base_fee_wei),
        PRIORITY_FEE_WEI: Decimal(message.priority_fee_wei),
        **_balances(message, source),
    }
    if message.eth_usd:
        values[ETH_USD] = Decimal(message.eth_usd)
    else:
        logger.error("price_feed_unusable")
    for name, value in values.items():
        store.insert(tx, name, value, at)
    if message.wallet == source.wallet:
        count("balances_read")


def _balances(message: ChainObserved, source: Source) -> dict[str, Decimal]:
    """Whose they are is in their names; those of a wallet that is ours no more are nobody's."""
    balance_wei = Decimal(message.balance_wei)
    if message.wallet == source.wallet:
        units = Decimal(message.token_balance_units)
        return {WALLET_BALANCE_WEI: balance_wei, WALLET_TOKEN_UNITS: units}
    if message.wallet in source.other_wallets:
        return {balance_of(message.wallet): balance_wei}
    return {}


def ask_range(tx: Transaction, pair: Pair, now: datetime, period_seconds: int) -> list[Outgoing]:
    """The question for a pair's range, unless somebody has asked within the period."""
    not_since = now - timedelta(seconds=period_seconds)
    if not store.win_request(tx, pair.minimum, now, not_since):
        return []
    return [_range_request(pair, int(now.timestamp()))]


def _range_request(pair: Pair, seconds: int) -> Outgoing:
    request = RangeRequested(
        timestamp=seconds,
        from_currency=pair.from_currency,
        from_network=pair.from_network,
        to_currency=pair.to_currency,
        to_network=pair.to_network,
        amount=REFERENCE_AMOUNT.get(pair.from_currency, "1"),
    )
    return Outgoing("swap-quote", request)


def overdue(tx: Transaction, now: datetime, source: Source) -> list[str]:
    """The names of observations that nobody has asked for within their period."""
    not_since = now - timedelta(seconds=source.period_seconds)
    return store.not_asked_for(tx, [*KEPT_FRESH, *_others(source)], not_since)


def _others(source: Source) -> dict[str, str]:
    """Name of the observation → wallet, of all but the first."""
    return {balance_of(wallet): wallet for wallet in source.other_wallets}


def ask(tx: Transaction, now: datetime, name: str, source: Source) -> list[Outgoing]:
    """The request for an observation, unless somebody has asked within the period."""
    not_since = now - timedelta(seconds=source.period_seconds)
    if not store.win_request(tx, name, now, not_since):
        return []
    store.delete_before(tx, now - timedelta(days=KEPT_DAYS))
    seconds = int(now.timestamp())
    wallet = source.wallet if name == ETH_USD else _others(source).get(name)
    if wallet is None:
        return [_range_request(ETH_TO_USDT, seconds)]
    request = ChainObservationRequested(
        timestamp=seconds, wallet=wallet, token=source.token, price_feed=source.price_feed
    )
    return [Outgoing("chain-requests", request)]

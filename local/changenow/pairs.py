"""Currencies, pairs and what they cost. Pure; the pair table is data."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Decimal

GWEI = Decimal("1e-9")  # in ETH
PERCENT = Decimal(100)
FEES_IN_MINIMUM = 5  # below this many times its own fees the service does not swap


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """One asset on one network."""

    ticker: str
    network: str
    name: str
    legacy_ticker: str
    decimals: int  # on chain
    shown_decimals: int  # of the amounts the service quotes and pays
    transfer_gas: int
    usd: Decimal | None = None  # its price; None: it is ether, priced by the market
    token: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """(ticker, network)."""
        return self.ticker, self.network

    def units(self, amount: Decimal) -> int:
        """An amount in the smallest unit of the chain."""
        return int(amount.scaleb(self.decimals))

    def from_units(self, units: int) -> Decimal:
        """An amount from the smallest unit of the chain."""
        return Decimal(units).scaleb(-self.decimals)


ETH = Currency(
    ticker="eth",
    network="eth",
    name="Ethereum",
    legacy_ticker="eth",
    decimals=18,
    shown_decimals=8,
    transfer_gas=21_000,
)
USDT = Currency(
    ticker="usdt",
    network="eth",
    name="Tether (ERC20)",
    legacy_ticker="usdterc20",
    decimals=6,
    shown_decimals=6,
    transfer_gas=65_000,
    usd=Decimal(1),
    token=True,
)
CURRENCIES = (ETH, USDT)
PAIRS = frozenset({(ETH.key, USDT.key), (USDT.key, ETH.key)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What decides every price at one moment."""

    eth_usd: Decimal
    gas_price_gwei: Decimal = Decimal("1.5")
    spread_percent: Decimal = Decimal("0.5")
    minimum: Decimal | None = None  # scripted: overrides the computed one when higher
    maximum: Decimal | None = None  # scripted: standard flow has none by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an amount would become."""

    from_amount: Decimal
    to_amount: Decimal
    deposit_fee: Decimal  # in the from-currency
    withdrawal_fee: Decimal  # in the to-currency
    rate: Decimal


def find(ticker: str, network: str) -> Currency | None:
    """The currency of a ticker; without a network, silently the first that bears it."""
    for currency in CURRENCIES:
        if currency.ticker == ticker and network in ("", currency.network):
            return currency
    return None


def tradable(source: Currency, target: Currency) -> bool:
    """Whether the service swaps one into the other."""
    return (source.key, target.key) in PAIRS


def rate(source: Currency, target: Currency, market: Market) -> Decimal:
    """Units of target for one of source, the service's spread taken off."""
    mid = _usd(source, market) / _usd(target, market)
    return mid * (1 - market.spread_percent / PERCENT)


def network_fee(currency: Currency, market: Market) -> Decimal:
    """What one transfer of the currency costs, in that currency, rounded up."""
    ether = currency.transfer_gas * market.gas_price_gwei * GWEI
    fee = ether * market.eth_usd / _usd(currency, market)
    return fee.quantize(_step(currency), ROUND_UP)


def minimum(source: Currency, target: Currency, market: Market) -> Decimal:
    """The least amount of source the service swaps."""
    fees = network_fee(source, market) + network_fee(target, market) / rate(source, target, market)
    computed = (fees * FEES_IN_MINIMUM).quantize(_step(source), ROUND_UP)
    return max(computed, market.minimum) if market.minimum is not None else computed


def quote(source: Currency, target: Currency, amount: Decimal, market: Market) -> Quote:
    """(amount - deposit fee) x rate - withdrawal fee, rounded down; never below zero."""
    deposit_fee = network_fee(source, market)
    withdrawal_fee = network_fee(target, market)
    pair_rate = rate(source, target, market)
    exact = (amount - deposit_fee) * pair_rate - withdrawal_fee
    return Quote(
        from_amount=amount,
        to_amount=max(exact, Decimal(0)).quantize(_step(target), ROUND_DOWN),
        deposit_fee=deposit_fee,
        withdrawal_fee=withdrawal_fee,
        rate=pair_rate,
    )


def refund_amount(source: Currency, amount: Decimal, market: Market) -> Decimal:
    """What goes back of a deposit: all of it less the fee of sending it."""
    return max(amount - network_fee(source, market), Decimal(0))


def _usd(currency: Currency, market: Market) -> Decimal:
    return market.eth_usd if currency.usd is None else currency.usd


def _step(currency: Currency) -> Decimal:
    return Decimal(1).scaleb(-currency.shown_decimals)

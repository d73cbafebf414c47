"""Pairs and what they cost. Pure; the pair table is data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from local.changenow.currencies import ETH, FOREIGN, OURS, USDT, Currency

GWEI = Decimal("1e-9")  # in ETH
PERCENT = Decimal(100)
FEES_IN_MINIMUM = 5  # below this many times its own fees the service does not swap


ANY = ("", "")  # every pair, where a script names none
PAIRS = frozenset(
    {
        (ETH.key, USDT.key),
        (USDT.key, ETH.key),
        *((source.key, target.key) for source in OURS for target in FOREIGN),
    }
)
Scope = tuple[str, str]  # labels of source and target, "" for any


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What decides every price at one moment."""

    eth_usd: Decimal
    gas_price_gwei: Decimal = Decimal("1.5")
    spread_percent: Decimal = Decimal("0.5")
    usd: Mapping[str, Decimal] = field(default_factory=dict)  # scripted prices, by label
    fees: Mapping[str, Decimal] = field(default_factory=dict)  # scripted network fees, by label
    # scripted: a minimum counts when above the computed one; standard flow has no maximum itself
    minimums: Mapping[Scope, Decimal] = field(default_factory=dict)
    maximums: Mapping[Scope, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an amount would become."""

    from_amount: Decimal
    to_amount: Decimal
    deposit_fee: Decimal  # in the from-currency
    withdrawal_fee: Decimal  # in the to-currency
    rate: Decimal


def tradable(source: Currency, target: Currency) -> bool:
    """Whether the service swaps one into the other."""
    return (source.key, target.key) in PAIRS


def rate(source: Currency, target: Currency, market: Market) -> Decimal:
    """Units of target for one of source, the service's spread taken off."""
    mid = _usd(source, market) / _usd(target, market)
    return mid * (1 - market.spread_percent / PERCENT)


def network_fee(currency: Currency, market: Market) -> Decimal:
    """What one transfer of the currency costs, in that currency, rounded up."""
    own = market.fees.get(currency.label, currency.fee)
    if own is not None:
        return own.quantize(_step(currency), ROUND_UP)
    ether = currency.transfer_gas * market.gas_price_gwei * GWEI
    fee = ether * market.eth_usd / _usd(currency, market)
    return fee.quantize(_step(currency), ROUND_UP)


def minimum(source: Currency, target: Currency, market: Market) -> Decimal:
    """The least amount of source the service swaps."""
    fees = network_fee(source, market) + network_fee(target, market) / rate(source, target, market)
    computed = (fees * FEES_IN_MINIMUM).quantize(_step(source), ROUND_UP)
    return max([computed, *_scripted(market.minimums, source, target)])


def maximum(source: Currency, target: Currency, market: Market) -> Decimal | None:
    """The most it swaps at once; None: any amount."""
    return min(_scripted(market.maximums, source, target), default=None)


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


def _scripted(limits: Mapping[Scope, Decimal], source: Currency, target: Currency) -> list[Decimal]:
    return [
        limit
        for (one, other), limit in limits.items()
        if one in ("", source.label) and other in ("", target.label)
    ]


def _usd(currency: Currency, market: Market) -> Decimal:
    if currency.usd is None:
        return market.eth_usd
    return market.usd.get(currency.label, currency.usd)


def _step(currency: Currency) -> Decimal:
    return Decimal(1).scaleb(-currency.shown_decimals)

"""Amounts, typed by unit and exact: integers of the smallest unit, or Decimal; never a double."""

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, Context, Decimal, InvalidOperation, localcontext
from fractions import Fraction
from math import lcm
from typing import NewType

from microbatch.errors import InvalidInput

Wei = NewType("Wei", int)
MicroUsdt = NewType("MicroUsdt", int)
Usd = NewType("Usd", Decimal)

ETH_DECIMALS = 18
USDT_DECIMALS = 6
USD_QUANTUM = Decimal("0.000001")

# Enough digits for 2^256 of the smallest unit times a price: nothing is ever rounded by accident.
EXACT = Context(prec=120)


def units_from_text(text: str, decimals: int, field: str) -> int:
    """Decimal text of a coin in its smallest unit, exactly.

    Raises InvalidInput when the text is no plain number or has more digits than the coin.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise InvalidInput(f"{field} is not a decimal number: {text[:40]!r}") from error
    if not amount.is_finite():
        raise InvalidInput(f"{field} is not a finite number: {text[:40]!r}")
    if abs(amount.adjusted()) > 60:
        raise InvalidInput(f"{field} is out of any range: {text[:40]!r}")
    scaled = amount.scaleb(decimals, context=EXACT)
    if scaled != scaled.to_integral_value():
        raise InvalidInput(f"{field} has more than {decimals} decimals: {text[:40]!r}")
    return int(scaled)


def text_from_units(units: int, decimals: int) -> str:
    """Plain decimal text of a coin's smallest units, without exponent or trailing zeros."""
    text = f"{coins(units, decimals):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def coins(units: int, decimals: int) -> Decimal:
    """Whole coins, exactly."""
    return Decimal(units).scaleb(-decimals, context=EXACT)


def wei_from_eth(text: str, field: str = "amount") -> Wei:
    """ETH as decimal text in wei; raises InvalidInput."""
    return Wei(units_from_text(text, ETH_DECIMALS, field))


def wei_below(eth: Decimal) -> Wei:
    """ETH in wei, what is less than a wei left out."""
    return Wei(int(eth.scaleb(ETH_DECIMALS, context=EXACT)))


def split_fee(received: Wei, fee_percent: Decimal) -> tuple[Wei, Wei]:
    """(fee, net) of a received amount. The fee is rounded down, in the client's favour."""
    if not 0 <= fee_percent <= 100:
        raise ValueError(f"fee_percent must be within 0 … 100, not {fee_percent}")
    numerator, denominator = fee_percent.as_integer_ratio()
    fee = Wei(received * numerator // (denominator * 100))
    return fee, Wei(received - fee)


def value_usd(amount: Wei, eth_usd: Decimal) -> Usd:
    """What an amount is worth at a price, rounded down to a millionth of a dollar."""
    with localcontext(EXACT):
        value = coins(amount, ETH_DECIMALS) * eth_usd
        return Usd(value.quantize(USD_QUANTUM, rounding=ROUND_DOWN))


def split_pro_rata(total_units: int, weights: Sequence[Decimal | int]) -> list[int]:
    """Shares of `total_units` in proportion to `weights`, exact to the unit.

    share_i = ⌊T·C_i/W⌋ − ⌊T·C_{i−1}/W⌋ with C the running sum of the weights in the order given
    and W their sum: the shares add up to T, and each is within one unit of T·w_i/W.
    Raises ValueError for no weights, a negative one, all zero, or a negative total.
    """
    if total_units < 0:
        raise ValueError("total_units must not be negative")
    scaled = _integers(weights)
    whole = sum(scaled)
    if whole == 0:
        raise ValueError("weights must not be empty or all zero")
    shares, running, given = [], 0, 0
    for weight in scaled:
        running += weight
        up_to_here = total_units * running // whole
        shares.append(up_to_here - given)
        given = up_to_here
    return shares


def _integers(weights: Iterable[Decimal | int]) -> list[int]:
    """The weights times their common denominator."""
    fractions = []
    for weight in weights:
        if not isinstance(weight, int | Decimal):
            raise TypeError(f"a weight is an int or a Decimal, not {type(weight).__name__}")
        if isinstance(weight, Decimal) and not weight.is_finite():
            raise ValueError(f"a weight must be finite, not {weight}")
        if weight < 0:
            raise ValueError(f"a weight must not be negative, not {weight}")
        fractions.append(Fraction(weight))
    scale = lcm(*(fraction.denominator for fraction in fractions))
    return [fraction.numerator * (scale // fraction.denominator) for fraction in fractions]

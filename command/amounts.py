"""Exact amounts as people read them: whole coins with their unit, never a double."""

from decimal import Context, Decimal

EXACT = Context(prec=120)
NOTHING = "–"

ETH_DECIMALS = 18
USDT_DECIMALS = 6
DECIMALS = {"eth": ETH_DECIMALS, "usdt": USDT_DECIMALS}


def coins(units: object, decimals: int) -> str:
    """Whole coins of an integer of the smallest unit, without trailing zeros."""
    exact = Decimal(str(units)).scaleb(-decimals, context=EXACT)
    return plain(exact)


def plain(amount: object) -> str:
    """A decimal number without exponent or trailing zeros."""
    text = f"{Decimal(str(amount)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def eth(wei: object) -> str:
    """Wei as `0.0381 ETH`."""
    return NOTHING if wei is None else f"{coins(wei, ETH_DECIMALS)} ETH"


def usdt(microusdt: object) -> str:
    """Micro-USDT as `12.5 USDT`."""
    return NOTHING if microusdt is None else f"{coins(microusdt, USDT_DECIMALS)} USDT"


def usd(amount: object) -> str:
    """Dollars to the cent, cut and not rounded: `12.20 USD` is never more than there is."""
    if amount is None:
        return NOTHING
    whole, _, part = f"{Decimal(str(amount)):f}".partition(".")
    return f"{whole}.{part[:2]:0<2} USD"


def of_currency(units: object, currency: str) -> str:
    """Units of what we pay with, `eth` or `usdt`."""
    if units is None:
        return NOTHING
    return f"{coins(units, DECIMALS[currency])} {currency.upper()}"

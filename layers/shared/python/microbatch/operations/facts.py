"""Rows as JSON can have them, and amounts as people read them; exact, in their unit."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.money import ETH_DECIMALS, USDT_DECIMALS, text_from_units

# Bodies and bytes: nobody reads them in a list of facts.
LEFT_OUT = frozenset({"notification", "raw_transaction", "data"})
DECIMALS = {"eth": ETH_DECIMALS, "usdt": USDT_DECIMALS}

Facts = dict[str, Any]


def facts(row: Mapping[str, Any]) -> Facts:
    """A row without its bodies: amounts as decimal text, times as ISO 8601, bytes as hex."""
    return {name: plain(value) for name, value in row.items() if name not in LEFT_OUT}


def plain(value: Any) -> Any:
    """One value of a row as JSON can have it."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return {name: plain(below) for name, below in value.items()}
    if isinstance(value, list):
        return [plain(below) for below in value]
    return value


def eth(wei: Any) -> str:
    """`0.0485 ETH`."""
    return f"{text_from_units(int(wei), ETH_DECIMALS)} ETH"


def usdt(microusdt: Any) -> str:
    """`12.5 USDT`."""
    return f"{text_from_units(int(microusdt), USDT_DECIMALS)} USDT"


def amount(units: Any, currency: str) -> str:
    """What we pay with, `eth` or `usdt`."""
    return f"{text_from_units(int(units), DECIMALS[currency])} {currency.upper()}"


def usd(value: Any) -> str:
    """Dollars to the cent, cut: `12.20 USD`."""
    whole, _, part = f"{Decimal(value):f}".partition(".")
    return f"{whole}.{part[:2]:0<2} USD"


def gwei(wei: Any) -> str:
    """`12.5 gwei`."""
    return f"{text_from_units(int(wei), 9)} gwei"


def span(seconds: int) -> str:
    """`3 min`, `2 h 5 min`, `4 d 1 h`; cut."""
    for size, name, below, below_name in (
        (86_400, "d", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 0, ""),
    ):
        if seconds >= size:
            rest = seconds % size // below if below else 0
            return f"{seconds // size} {name}" + (f" {rest} {below_name}" if rest else "")
    return f"{max(0, seconds)} s"


def counted(number: int, noun: str) -> str:
    """`1 payment`, `3 payments`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

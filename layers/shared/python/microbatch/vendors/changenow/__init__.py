"""ChangeNow v2: its range and estimates, creating an exchange, asking how one stands."""

from microbatch.vendors.changenow.answers import ExchangeError, KeyDenied
from microbatch.vendors.changenow.client import (
    ChangeNow,
    CreatedExchange,
    ExchangeStatus,
    Pair,
    Range,
)

__all__ = [
    "ChangeNow",
    "CreatedExchange",
    "ExchangeError",
    "ExchangeStatus",
    "KeyDenied",
    "Pair",
    "Range",
]

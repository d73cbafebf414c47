"""ChangeNow v2: its range and estimates, creating an exchange, asking how one stands."""

from microbatch.vendors.changenow.addresses import AddressVerdict
from microbatch.vendors.changenow.answers import ExchangeError
from microbatch.vendors.changenow.client import ChangeNow, ExchangeStatus, Pair, Range
from microbatch.vendors.changenow.creation import CreatedExchange

__all__ = [
    "AddressVerdict",
    "ChangeNow",
    "CreatedExchange",
    "ExchangeError",
    "ExchangeStatus",
    "Pair",
    "Range",
]

"""The environment variables of a function: nobody else reads them."""

import json
import os
from decimal import Decimal, InvalidOperation

from microbatch.errors import ConfigurationError

ADDRESS_CHARACTERS = 42


def setting(name: str) -> str:
    """A setting's text; raises ConfigurationError naming it when it is missing."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"setting {name} is missing")
    return value


def whole_number(name: str) -> int:
    """A setting that is a whole number, zero or more."""
    text = setting(name)
    if not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"setting {name} is not a whole number")
    return int(text)


def percent(name: str) -> Decimal:
    """A setting that is a percentage."""
    try:
        value = Decimal(setting(name))
    except InvalidOperation as error:
        raise ConfigurationError(f"setting {name} is not a number") from error
    if not 0 <= value <= 100:
        raise ConfigurationError(f"setting {name} is not within 0 … 100")
    return value


def address(name: str) -> str:
    """A setting that is an Ethereum address, in lower case: one spelling, one wallet."""
    value = setting(name).lower()
    if not value.startswith("0x") or len(value) != ADDRESS_CHARACTERS:
        raise ConfigurationError(f"setting {name} is not an Ethereum address")
    return value


def mapping_of(name: str) -> dict[str, str]:
    """A setting that is a JSON object of texts."""
    try:
        value = json.loads(setting(name))
    except ValueError as error:
        raise ConfigurationError(f"setting {name} is not JSON") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"setting {name} is not a JSON object")
    return value

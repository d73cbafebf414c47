"""The environment variables of a function: nobody else reads them."""

import json
import os
import re
from decimal import Decimal, InvalidOperation

from microbatch.errors import ConfigurationError

ADDRESS = re.compile("0x[0-9a-f]{40}")
EVERYBODY = "everybody"


def setting(name: str) -> str:
    """A setting's text; raises ConfigurationError naming it when it is missing."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"setting {name} is missing")
    return value


def running_function() -> dict[str, str]:
    """Which version of which function runs here, as AWS says, and of which environment."""
    name = setting("AWS_LAMBDA_FUNCTION_NAME")
    return {
        "function_name": name,
        "version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        "environment": setting("ENVIRONMENT"),
        "stage": name.removeprefix(setting("RESOURCE_PREFIX")).replace("-", "_"),
    }


def trace_header() -> str:
    """The X-Ray header of this invocation, as AWS sets it; "" where nothing is traced."""
    return os.environ.get("_X_AMZN_TRACE_ID", "")


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
    return _address_in(setting(name), name)


def allow_list(name: str) -> frozenset[str]:
    """A setting that is Ethereum addresses, by white space; none of them for "everybody"."""
    if setting(name) == EVERYBODY:
        return frozenset()
    return frozenset(_address_in(text, name) for text in setting(name).split())


def counted_addresses(name: str) -> dict[str, int]:
    """A setting that is one or more addresses, by white space, each with a count: `0x…@17`.

    The count is 0 where none is named.
    """
    found: dict[str, int] = {}
    for text in setting(name).split():
        spelt, at, count = text.partition("@")
        wallet = _address_in(spelt, name)
        if at and not (count.isascii() and count.isdigit()):
            raise ConfigurationError(f"setting {name}: {text} has a count that is no whole number")
        if wallet in found:
            raise ConfigurationError(f"setting {name} names {wallet} twice")
        found[wallet] = int(count or "0")
    return found


def queue_urls() -> dict[str, str]:
    """The queues that the function knows, by name → URL.

    Queues of one account differ in their names alone, so what they have in common is said once.
    """
    try:
        names_by_base = json.loads(setting("QUEUE_URLS"))
        return {name: base + name for base, names in names_by_base.items() for name in names}
    except (ValueError, AttributeError, TypeError) as error:
        raise ConfigurationError('setting QUEUE_URLS is not JSON {"URL up to": [names]}') from error


def dead_letter_urls() -> dict[str, str]:
    """The dead-letter queues of the same queues, under the same names."""
    return {name: f"{url}-dlq" for name, url in queue_urls().items()}


def _address_in(text: str, name: str) -> str:
    if not ADDRESS.fullmatch(text.lower()):
        raise ConfigurationError(f"setting {name} is not an Ethereum address")
    return text.lower()


def mapping_of(name: str) -> dict[str, str]:
    """A setting that is a JSON object of texts."""
    try:
        value = json.loads(setting(name))
    except ValueError as error:
        raise ConfigurationError(f"setting {name} is not JSON") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f"setting {name} is not a JSON object")
    return value

"""Words and numbers of outside parties, made safe to carry: exact, bounded, never a double."""

import json
import re
from decimal import Decimal
from typing import NoReturn

from microbatch.codec import STR_MAX_BYTES

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
NUMBER_MAX_CHARACTERS = 100  # 2**256 has 78 digits
OPENINGS_MAX = 300  # brackets and braces; the largest answer we read has under ten
ETHEREUM_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class Number(str):
    """A JSON number exactly as its sender wrote it."""

    __slots__ = ()


def read_json(raw: bytes) -> object:
    """The value in a JSON text, its numbers as `Number`.

    Raises ValueError, also for NaN, Infinity, a repeated key and endless nesting.
    """
    # Importing web3 raises the recursion limit so far that endless nesting, which would be a
    # RecursionError, ends the process instead: bound it before anything recurses.
    if raw.count(b"[") + raw.count(b"{") > OPENINGS_MAX:
        raise ValueError("nested too deeply")
    return json.loads(
        raw.decode(),
        parse_float=Number,
        parse_int=Number,
        parse_constant=_refuse_constant,
        object_pairs_hook=_unique_keys,
    )


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def decimal_text(number: str) -> str:
    """The same number without exponent, every digit kept. Raises ValueError."""
    if len(number) > NUMBER_MAX_CHARACTERS or not NUMBER.fullmatch(number):
        raise ValueError("not a decimal number")
    plain = number if "e" not in number.lower() else format(Decimal(number), "f")
    if len(plain) > NUMBER_MAX_CHARACTERS:
        raise ValueError("not a plausible number")
    return plain


def cut(text: str, max_bytes: int = STR_MAX_BYTES) -> str:
    """The text, cut between characters to at most `max_bytes` of UTF-8, NUL replaced."""
    printable = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return printable.encode(errors="replace")[:max_bytes].decode(errors="ignore")

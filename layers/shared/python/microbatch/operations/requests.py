"""What an operator asks for: its fields, checked; and the record that it was done."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.operations import store
from microbatch.operations.reconciler import Policies
from microbatch.platform.database import Transaction

USD_MAX = Decimal(1_000_000)

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What acts need besides the database."""

    is_checksummed: Callable[[str], bool]  # EIP-55
    never_paid: frozenset[str]  # lower-case addresses no client may have: our own, the token's
    fee_per_gas_ceiling_wei: int
    address_hold_seconds: int  # how long nothing is paid to a client after a change of address
    depths: Callable[[], dict[str, dict[str, int]]]  # of queues and dead-letter queues
    policies: Policies  # of every room
    schedule_seconds: Mapping[str, int]  # period of each schedule, by its function


def changed(before: Any, after: Any) -> dict[str, Any]:
    """What every act that may change something answers; which messages it sends is added."""
    return {"changed": before != after, "before": before, "after": after}


def act_in(request: Request, known: Sequence[str]) -> str:
    """Which act is asked for. Raises InvalidInput for none of these."""
    if not isinstance(request, Mapping):
        raise InvalidInput('a request is a JSON object: {"act": …, "who": …, "why": …, …}')
    act = request.get("act")
    if not isinstance(act, str) or act not in known:
        raise InvalidInput(f"act {act!r} is not known; it is one of {', '.join(known)}")
    return act


def check_author(request: Request) -> None:
    """Raises InvalidInput unless it is said who wants something to be changed, and why."""
    text_in(request, "who", r"[ -~]{1,200}")
    text_in(request, "why", r"(?s).{1,1000}")


def is_dry_run(request: Request, can_be_rehearsed: bool) -> bool:
    """Whether nothing is to be changed, only said what would be."""
    dry_run = request.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise InvalidInput("dry_run must be true or false")
    if dry_run and not can_be_rehearsed:
        raise InvalidInput(f"act {request['act']!r} knows no dry_run: nothing was changed")
    return dry_run


def record(
    request: Request, tx: Transaction, now: datetime, subject: str, before: Any, after: Any
) -> None:
    """Keep who did what to whom, and why."""
    check_author(request)
    store.insert_act(
        tx,
        who=request["who"],
        why=request["why"],
        act=request["act"],
        subject=subject,
        before=before,
        after=after,
        now=now,
    )


def text_in(request: Request, name: str, pattern: str, default: str | None = None) -> str:
    """A field of a request that is text of this pattern. Raises InvalidInput naming it."""
    value = request.get(name, default)
    if value is None:
        raise InvalidInput(f"{name} is missing")
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text, in quotes: {str(value)[:80]!r} is none")
    if not re.fullmatch(pattern, value):
        raise InvalidInput(f"{name} {str(value)[:80]!r} is not acceptable; it must match {pattern}")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(f"{name} has characters that cannot be stored")
    return value


def number_in(request: Request, name: str, default: int, most: int) -> int:
    """A field of a request that is a whole number from one on. Raises InvalidInput naming it."""
    value = request.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise InvalidInput(f"{name} must be a whole number from 1 to {most}")
    return value


def usd_in(request: Request, name: str, default: str | None = None) -> str:
    """Dollars with at most two decimals, as the database writes them."""
    text = text_in(request, name, r"[0-9]{1,7}(\.[0-9]{1,2})?", default)
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise InvalidInput(f"{name} {text!r} is not an amount") from error
    if amount > USD_MAX:
        raise InvalidInput(f"{name} {text} is above {USD_MAX}")
    return str(amount.quantize(Decimal("0.01")))

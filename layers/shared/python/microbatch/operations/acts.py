"""An operator's acts: each is checked, done once, and recorded with who and why."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.hostpay.service import cancel
from microbatch.messages import Outgoing
from microbatch.operations import store
from microbatch.operations.status import status
from microbatch.platform.database import Transaction

THRESHOLD_USD_MAX = Decimal(1_000_000)
STRATEGIES = ("instant", "threshold")
ZERO_ADDRESS = "0x" + "0" * 40

Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What acts need besides the database."""

    is_checksummed: Callable[[str], bool]  # EIP-55
    never_paid: frozenset[str]  # lower-case addresses no client may have: our own, the token's
    fee_per_gas_ceiling_wei: int
    depths: Callable[[], dict[str, dict[str, int]]]  # of queues and dead-letter queues


def perform(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """(what came of it, messages to send). Raises InvalidInput, having changed nothing."""
    if not isinstance(request, Mapping):
        raise InvalidInput('a request is a JSON object: {"act": …, "who": …, "why": …, …}')
    act = request.get("act")
    if act == "transfers cancel":
        return _cancel_transfer(request, tx, now, surroundings)
    if not isinstance(act, str) or act not in _ACTS:
        known = ", ".join(sorted(ACTS))
        raise InvalidInput(f"act {act!r} is not known; it is one of {known}")
    return _ACTS[act](request, tx, now, surroundings), []


def _cancel_transfer(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    unique_id = _text(request, "unique_id", r"[A-Z0-9]{16}")
    transfer, outgoing = cancel(tx, unique_id, now, surroundings.fee_per_gas_ceiling_wei)
    before = {"state": transfer.state, "nonce": transfer.nonce}
    _record(request, tx, now, unique_id, before, {**before, "cancel": "ordered"})
    return {"transfer": {"unique_id": unique_id, **before}, "cancel": "ordered"}, outgoing


def _add_client(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    wanted = _client_fields(request, surroundings)
    existing = store.client(tx, wanted["client_id"])
    if existing is not None:
        if {name: existing[name] for name in wanted} != wanted:
            raise InvalidInput(
                f"client {wanted['client_id']} is registered with other particulars; "
                "choose another client_id"
            )
        return {"client": existing, "changed": False}
    store.insert_client(tx, wanted, now)
    added = store.client(tx, wanted["client_id"])
    _record(request, tx, now, wanted["client_id"], None, added)
    return {"client": added, "changed": True}


def _client_fields(request: Request, surroundings: Surroundings) -> dict[str, Any]:
    network = _text(request, "payout_network", r"[a-z0-9]{1,32}")
    fields = {
        "client_id": _text(request, "client_id", r"-?[0-9A-Za-z_]{1,64}"),
        "wallet_address": _text(request, "wallet_address", r"[!-~]{10,128}"),
        "payout_currency": _text(request, "payout_currency", r"[a-z0-9]{1,32}"),
        "payout_network": network,
        "payout_extra_id": _text(request, "payout_extra_id", r"[ -~]{0,128}", default=""),
        "payout_strategy": _text(request, "payout_strategy", "|".join(STRATEGIES)),
        "payout_threshold_usd": _usd(request, "payout_threshold_usd", default="0"),
        "address_state": "unverified",
    }
    if network == "eth":
        address = fields["wallet_address"]
        if not surroundings.is_checksummed(address):
            raise InvalidInput(
                f"wallet_address {address!r} is no EIP-55 checksummed Ethereum address; "
                "check it with its owner"
            )
        if address.lower() in surroundings.never_paid | {ZERO_ADDRESS}:
            raise InvalidInput(f"wallet_address {address} can not belong to a client")
        fields["address_state"] = "verified"
    return fields


def _pause_client(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    del surroundings
    client_id = _text(request, "client_id", r"-?[0-9A-Za-z_]{1,64}")
    before = store.client(tx, client_id)
    if before is None:
        raise InvalidInput(f"client {client_id} is not registered")
    pauses = request["act"] == "clients pause"
    if before["paused"] == pauses:
        return {"client": before, "changed": False}
    store.set_client_paused(tx, client_id, now if pauses else None)
    after = store.client(tx, client_id)
    _record(request, tx, now, client_id, before, after)
    return {"client": after, "changed": True}


def _get_threshold(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    del request, now, surroundings
    return {"threshold_usd": store.setting(tx, "threshold_usd")}


def _set_threshold(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    del surroundings
    value = _usd(request, "threshold_usd")
    if Decimal(value) <= 0:
        raise InvalidInput("threshold_usd must be above zero")
    before = store.setting(tx, "threshold_usd")
    if before == value:
        return {"threshold_usd": value, "before": before, "changed": False}
    store.set_setting(tx, "threshold_usd", value, now)
    _record(request, tx, now, "threshold_usd", before, value)
    return {"threshold_usd": value, "before": before, "changed": True}


def _status(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    del request
    return status(tx, now, surroundings.depths())


_ACTS: dict[str, Callable[[Request, Transaction, datetime, Surroundings], dict[str, Any]]] = {
    "clients add": _add_client,
    "clients pause": _pause_client,
    "clients resume": _pause_client,
    "threshold get": _get_threshold,
    "threshold set": _set_threshold,
    "status": _status,
}

ACTS = frozenset({*_ACTS, "transfers cancel"})


def _record(
    request: Request, tx: Transaction, now: datetime, subject: str, before: Any, after: Any
) -> None:
    store.insert_act(
        tx,
        who=_text(request, "who", r"[ -~]{1,200}"),
        why=_text(request, "why", r"(?s).{1,1000}"),
        act=request["act"],
        subject=subject,
        before=before,
        after=after,
        now=now,
    )


def _text(request: Request, name: str, pattern: str, default: str | None = None) -> str:
    value = request.get(name, default)
    if value is None:
        raise InvalidInput(f"{name} is missing")
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise InvalidInput(f"{name} {str(value)[:80]!r} is not acceptable; it must match {pattern}")
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InvalidInput(f"{name} has characters that cannot be stored")
    return value


def _usd(request: Request, name: str, default: str | None = None) -> str:
    """Dollars with at most two decimals, as the database writes them."""
    text = _text(request, name, r"[0-9]{1,7}(\.[0-9]{1,2})?", default)
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise InvalidInput(f"{name} {text!r} is not an amount") from error
    if amount > THRESHOLD_USD_MAX:
        raise InvalidInput(f"{name} {text} is above {THRESHOLD_USD_MAX}")
    return str(amount.quantize(Decimal("0.01")))

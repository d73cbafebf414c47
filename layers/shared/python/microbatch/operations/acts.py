"""An operator's acts: each is checked, done once, and recorded with who and why."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.hostpay.service import cancel
from microbatch.messages import Outgoing
from microbatch.operations import clients, store
from microbatch.operations.looking import LOOKS
from microbatch.operations.requests import Request, Surroundings, record, text_in, usd_in
from microbatch.platform.database import Transaction


def perform(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """(what came of it, messages to send). Raises InvalidInput, having changed nothing."""
    if not isinstance(request, Mapping):
        raise InvalidInput('a request is a JSON object: {"act": …, "who": …, "why": …, …}')
    act = request.get("act")
    if not isinstance(act, str) or act not in ACTS:
        known = ", ".join(sorted(ACTS))
        raise InvalidInput(f"act {act!r} is not known; it is one of {known}")
    if act in _SENDING:
        return _SENDING[act](request, tx, now, surroundings)
    return _ACTS[act](request, tx, now, surroundings), []


def _cancel_transfer(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    unique_id = text_in(request, "unique_id", r"[A-Z0-9]{16}")
    transfer, outgoing = cancel(tx, unique_id, now, surroundings.fee_per_gas_ceiling_wei)
    before = {"state": transfer.state, "nonce": transfer.nonce}
    record(request, tx, now, unique_id, before, {**before, "cancel": "ordered"})
    return {"transfer": {"unique_id": unique_id, **before}, "cancel": "ordered"}, outgoing


def _get_threshold(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    del request, now, surroundings
    return {"threshold_usd": store.setting(tx, "threshold_usd")}


def _set_threshold(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> dict[str, Any]:
    del surroundings
    value = usd_in(request, "threshold_usd")
    if Decimal(value) <= 0:
        raise InvalidInput("threshold_usd must be above zero")
    before = store.setting(tx, "threshold_usd")
    if before == value:
        return {"threshold_usd": value, "before": before, "changed": False}
    store.set_setting(tx, "threshold_usd", value, now)
    record(request, tx, now, "threshold_usd", before, value)
    return {"threshold_usd": value, "before": before, "changed": True}


_ACTS: dict[str, Callable[[Request, Transaction, datetime, Surroundings], dict[str, Any]]] = {
    "clients pause": clients.pause,
    "clients resume": clients.pause,
    "clients show": clients.show,
    "threshold get": _get_threshold,
    "threshold set": _set_threshold,
    **LOOKS,
}

Done = tuple[dict[str, Any], list[Outgoing]]
_SENDING: dict[str, Callable[[Request, Transaction, datetime, Surroundings], Done]] = {
    "clients add": clients.add,
    "clients address": clients.set_address,
    "transfers cancel": _cancel_transfer,
}

ACTS = frozenset({*_ACTS, *_SENDING})

"""An operator's acts on parts of the pipeline: stop one before its next irreversible step."""

from datetime import datetime
from typing import Any

from microbatch.hostpay import service as hostpay
from microbatch.messages import Outgoing
from microbatch.operations.requests import Request, Surroundings, changed, record, text_in
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part, Pause
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger


def pause(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Pause a part. The answer says what is out already: that cannot be called back.

    Whoever is signing at this moment is waited for, and counted.
    """
    del surroundings
    part = _part(request)
    before, after = pauses.pause(tx, part, who=request["who"], why=request["why"], now=now)
    out = hostpay.unparking.out(tx, part)
    return {**_changed(request, tx, now, before, after), "already_out": out}, []


def resume(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> tuple[dict[str, Any], list[Outgoing]]:
    """Let a part run. What has waited for it goes on by itself, within minutes."""
    del surroundings
    part = _part(request)
    before, after = pauses.resume(tx, part)
    hostpay.unparking.wake(tx, part.reason)
    return _changed(request, tx, now, before, after), []


def _part(request: Request) -> Part:
    return Part(text_in(request, "part", "|".join(Part)))


def _changed(
    request: Request, tx: Transaction, now: datetime, before: Pause, after: Pause
) -> dict[str, Any]:
    if before != after:
        record(request, tx, now, after.part.value, before.shown, after.shown)
        logger.warning(f"part_{request['act']}d", part=after.part.value)
    return changed(before.shown, after.shown)

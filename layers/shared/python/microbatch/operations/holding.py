"""An operator's acts on what is held: it counts, or it does not."""

from datetime import datetime
from typing import Any

from microbatch.intake import service as intake
from microbatch.messages import Outgoing
from microbatch.operations.requests import Request, Surroundings, changed, record, text_in
from microbatch.platform.database import Transaction

PAYMENT_ID = r"[!-~]{1,255}"
FINGERPRINT = r"[0-9a-f]{0,64}"  # or its first digits
ETH = r"[0-9]{1,10}(\.[0-9]{1,18})?"

Done = tuple[dict[str, Any], list[Outgoing]]


def accept(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """Credit a held payment: the person vouches for what it was held for."""
    received_eth = request.get("received_eth")
    if received_eth is not None:
        received_eth = text_in(request, "received_eth", ETH)
    rules = surroundings.policies
    decision = intake.accept(tx, now, _word(request), received_eth, rules.intake, rules.payout)
    return _recorded(request, tx, now, decision)


def reject(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """A held payment never counts."""
    del surroundings
    return _recorded(request, tx, now, intake.reject(tx, now, _word(request)))


def _word(request: Request) -> intake.Word:
    return intake.Word(
        payment_id=text_in(request, "payment_id", PAYMENT_ID),
        fingerprint=text_in(request, "fingerprint", FINGERPRINT, ""),
        who=request["who"],
        why=request["why"],
    )


def _recorded(request: Request, tx: Transaction, now: datetime, decision: intake.Decision) -> Done:
    if decision.changed:
        record(request, tx, now, request["payment_id"], decision.before, decision.after)
    return changed(decision.before, decision.after), decision.outgoing

"""An operator's acts on what is parked, and on what is out: try it again, give it up, cancel it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.hostpay import service as hostpay
from microbatch.intake import service as intake
from microbatch.messages import Outgoing
from microbatch.operations.requests import Request, Surroundings, changed, record, text_in
from microbatch.operations.subjects import Subject, subject_in
from microbatch.payout import service as payouts
from microbatch.platform.database import Transaction
from microbatch.swap import service as swaps

UNIQUE_ID = r"[A-Z0-9]{16}"
AMOUNT = r"[0-9]{1,18}(\.[0-9]{1,18})?"
ADDRESS = r"0x[0-9a-fA-F]{40}"

Done = tuple[dict[str, Any], list[Outgoing]]


def retry(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """What is parked goes on from where it stands: the one thing below the id that is parked."""
    subject = subject_in(request, tx)
    before = subject.shown(tx)
    seen = request.get("seen_amount")
    amount = None if seen is None else Decimal(text_in(request, "seen_amount", AMOUNT))
    if amount == 0:
        raise InvalidInput("seen_amount must be above zero")
    if subject.unique_id is None:
        if amount is not None:
            raise InvalidInput("seen_amount is for a parked swap")
        rules = surroundings.policies.payout
        outgoing = intake.unparking.retry(tx, subject.subject_id, now, rules)
    else:
        outgoing = _retry_chain(tx, subject, amount, now)
    return _recorded(request, tx, now, subject, before), outgoing


def _retry_chain(
    tx: Transaction, subject: Subject, amount: Decimal | None, now: datetime
) -> list[Outgoing]:
    unique_id = subject.unique_id
    assert unique_id is not None
    if swaps.unparking.is_parked(tx, unique_id):
        return swaps.unparking.retry(tx, unique_id, amount, now)
    if amount is not None:
        raise InvalidInput("seen_amount is for a parked swap")
    if not hostpay.unparking.is_parked(tx, unique_id):
        raise InvalidInput(f"nothing of {subject.subject_id} is parked: {subject.shown(tx)}")
    swaps.unparking.transfer_goes_on(tx, unique_id, now)
    outgoing = hostpay.unparking.retry(tx, unique_id, now)
    payouts.transfer_retried(tx, unique_id, now)
    return outgoing


def release(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """What is not paid, and cannot be any more, is given back to the payments it is of."""
    del surroundings
    subject = subject_in(request, tx)
    before = subject.shown(tx)
    if subject.unique_id is None:
        intake.unparking.release(tx, subject.subject_id, now)
        outgoing: list[Outgoing] = []
    else:
        outgoing = _release_chain(tx, subject.unique_id, now)
    return _recorded(request, tx, now, subject, before), outgoing


def _release_chain(tx: Transaction, unique_id: str, now: datetime) -> list[Outgoing]:
    released = swaps.unparking.release(tx, unique_id, now)
    if released is not None:
        return released
    reason = swaps.unparking.RELEASED  # directly paid, or it was to be
    hostpay.unparking.give_up(tx, unique_id, reason, now)
    told = payouts.give_up(tx, unique_id, reason, now)
    hostpay.unparking.check_over(tx, unique_id)  # whoever ordered it held the payout till now
    return told


def _recorded(
    request: Request, tx: Transaction, now: datetime, subject: Subject, before: Any
) -> dict[str, Any]:
    after = subject.shown(tx)
    record(request, tx, now, subject.subject_id, before, after)
    return changed(before, after)


def cancel(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """0 wei to ourselves on the nonce of a transfer that is out: the chain decides between them."""
    unique_id = text_in(request, "unique_id", UNIQUE_ID)
    is_new = not hostpay.cancelling.is_ordered(tx, unique_id)
    transfer, outgoing = hostpay.cancelling.cancel(
        tx, unique_id, now, surroundings.fee_per_gas_ceiling_wei
    )
    after = {"state": transfer.state, "nonce": transfer.nonce, "cancel": "ordered"}
    before = {**after, "cancel": None if is_new else "ordered"}
    if is_new:
        record(request, tx, now, unique_id, before, after)
    return changed(before, after), outgoing


def activate(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """Let a frozen wallet sign again, when the chain has counted what we have given out."""
    address = text_in(request, "address", ADDRESS).lower()
    chain_id = surroundings.policies.hostpay.limits.chain_id
    before, after, outgoing = hostpay.thawing.activate(tx, address, chain_id, now)
    if before != after:
        record(request, tx, now, address, before, after)
    answer = changed(before, after)
    if outgoing:
        answer["next"] = "the node is asked what it counts of the wallet: say it again in a minute"
    return answer, outgoing

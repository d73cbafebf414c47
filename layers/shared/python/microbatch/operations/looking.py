"""An operator looks: one payment, batch or payout with all there is of it; lists; the audit log."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.operations import custody, parked, status
from microbatch.operations import looking_store as store
from microbatch.operations.facts import Facts, facts
from microbatch.operations.finding import find
from microbatch.operations.reasons import explain
from microbatch.operations.requests import Request, Surroundings, text_in
from microbatch.operations.timeline import timeline
from microbatch.operations.why.chain import ID, why
from microbatch.platform.database import Transaction

ROWS_MAX = 500
ROWS = 100
BODY_CHARACTERS_MAX = 4000

Looked = dict[str, Any]


def payment(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Looked:
    """A payment and everything its money has gone through."""
    del surroundings
    text = text_in(request, "payment_id", ID)
    payment_id = find(tx, text, ("payments", "held_payments")).row_id
    return _shown(tx, custody.of_payment(tx, payment_id), now)


def batch(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Looked:
    """A batch, its payments, its exchange and its transfer."""
    del surroundings
    batch_id = find(tx, text_in(request, "batch_id", ID), ("batches",)).row_id
    leg = custody.of_batch(tx, batch_id)
    assert leg is not None, f"batch {batch_id} was found"
    rows = store.payments_of_batch(tx, batch_id)
    return {
        **_shown(tx, custody.Custody(batch=leg), now),
        "payments": [facts(row) for row in rows],
    }


def payout(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Looked:
    """A payout, its payments, its exchange and its transfer."""
    del surroundings
    payout_id = find(tx, text_in(request, "payout_id", ID), ("payouts",)).row_id
    leg = custody.of_payout(tx, payout_id)
    assert leg is not None, f"payout {payout_id} was found"
    rows = store.payments_of_payout(tx, payout_id)
    return {
        **_shown(tx, custody.Custody(payout=leg), now),
        "payments": [facts(row) for row in rows],
    }


def _shown(tx: Transaction, found: custody.Custody, now: datetime) -> Looked:
    return {
        "at": now.isoformat(),
        "payment": _row(found.payment),
        "held": [_held(row, with_body=True) for row in found.held],
        "batch": _leg(tx, found.batch),
        "payout": _leg(tx, found.payout),
        "timeline": timeline(tx, found),
    }


def _leg(tx: Transaction, leg: custody.Leg | None) -> Looked | None:
    if leg is None:
        return None
    swap_id = leg.swap["swap_id"] if leg.swap else None
    return {
        **facts(leg.owner),
        "swap": _row(leg.swap),
        "exchanges": [facts(row) for row in store.exchanges(tx, swap_id)] if swap_id else [],
        "receipts": [facts(row) for row in store.receipts(tx, swap_id)] if swap_id else [],
        "transfer": _row(leg.transfer),
        "attempts": [facts(row) for row in leg.attempts],
    }


def _row(row: store.Row | None) -> Facts | None:
    return facts(row) if row is not None else None


def _held(row: store.Row, *, with_body: bool) -> Facts:
    """A held notification: what it says, why it is held, and what a person does first."""
    reason = explain(row["reason"])
    shown = {**facts(row), "meaning": reason.meaning, "fix": reason.fix}
    if with_body:
        body = row["notification"].decode(errors="replace")
        shown["notification"] = body[:BODY_CHARACTERS_MAX]
    return shown


def held(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Looked:
    """What waits for accept or reject: how much of it by reason, and the oldest of it."""
    del surroundings
    rows = store.held(tx, _limit(request))
    sums = [each for each in parked.parked(tx) if each.entity == "held_payments"]
    return {
        "at": now.isoformat(),
        "rows_count": sum(each.rows_count for each in sums),
        "by_reason": [_sum(each) for each in sums],
        "held": [_held(row, with_body=False) for row in rows],
    }


def parked_rows(
    request: Request, tx: Transaction, now: datetime, surroundings: Surroundings
) -> Looked:
    """Parked money: number and sum by table and reason, and the oldest rows."""
    del surroundings
    limit = _limit(request)
    sums = [each for each in parked.parked(tx) if each.entity in store.PARKED]
    rows = [
        {"entity": entity, **facts(row)}
        for entity in sorted({each.entity for each in sums}, key=list(store.PARKED).index)
        for row in store.parked(tx, entity, limit)
    ]
    return {"at": now.isoformat(), "by_reason": [_sum(each) for each in sums], "rows": rows}


def _sum(each: parked.Parked) -> Facts:
    reason = explain(each.reason)
    return {**each.shown(), "meaning": reason.meaning, "fix": reason.fix}


def acts(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Looked:
    """Who did what, why, and what it was before and after; newest first."""
    del surroundings
    rows = store.acts(tx, _limit(request))
    return {"at": now.isoformat(), "acts": [facts(row) for row in rows]}


def _limit(request: Request) -> int:
    value = request.get("limit", ROWS)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= ROWS_MAX:
        raise InvalidInput(f"limit {value!r} is not a whole number from 1 to {ROWS_MAX}")
    return value


def _status(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Looked:
    del request
    return status.status(tx, now, surroundings)


Look = Callable[[Request, Transaction, datetime, Surroundings], Looked]

LOOKS: dict[str, Look] = {
    "status": _status,
    "payment": payment,
    "batch": batch,
    "payout": payout,
    "held": held,
    "parked": parked_rows,
    "acts": acts,
    "why": why,
}

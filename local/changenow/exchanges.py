"""The state machine of one exchange. Pure: facts and the clock go in, an act comes out.

waiting → confirming → exchanging → sending → finished; side exits failed, refunded, verifying,
expired. A deposit lost in a reorganisation takes it back to waiting; a lost payout is sent again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from local.changenow.currencies import Currency
from local.changenow.outcomes import HOLDS, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long each step takes at least, and how deep a transaction must lie."""

    confirmations: int
    exchange_seconds: float
    send_seconds: float
    payout_confirmations: int
    ttl_seconds: float | None = None  # None: waits for its deposit for ever


FAST = Timings(confirmations=1, exchange_seconds=0.3, send_seconds=0.3, payout_confirmations=1)
REAL = Timings(confirmations=12, exchange_seconds=120, send_seconds=90, payout_confirmations=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One exchange as the service keeps it."""

    id: str
    owner_key: str
    source: Currency
    target: Currency
    payin_address: str
    payout_address: str
    payout_extra_id: str | None = None
    refund_address: str | None
    expected_from: Decimal | None
    expected_to: Decimal | None
    created_at: datetime
    updated_at: datetime
    entered_at: datetime  # its present status
    status: str = "waiting"
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    payin_hash: str | None = None
    payout_hash: str | None = None
    deposit_received_at: datetime | None = None
    deposit_key: str | None = None
    refund_tx: str | None = None
    refund_hash: str | None = None
    refund_amount: Decimal | None = None
    actions_available: bool = False
    refund_to: str | None = None  # a refund somebody asked for
    continue_asked: bool = False
    outcome: Outcome | None = None
    polls_left: int = 0
    original_id: str | None = None
    repeated: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known when an exchange is looked at. Depths: None = not on the chain, 0 = pending."""

    now: datetime
    minimum: Decimal
    deposit_depth: int | None = None
    payout_depth: int | None = None
    refund_depth: int | None = None


class Act(Enum):
    """What the service does next with an exchange."""

    WAIT = auto()
    EXPIRE = auto()
    FAIL = auto()
    HOLD = auto()
    RELEASE = auto()
    FORGET_DEPOSIT = auto()
    EXCHANGE = auto()
    TRADE = auto()
    PAY_OUT = auto()
    FINISH = auto()
    REFUND = auto()
    CLOSE_REFUND = auto()


def plan(exchange: Exchange, view: View, timings: Timings) -> Act:
    """The next act: at most one status change at a time."""
    if exchange.status in ("refunded", "expired"):
        return Act.WAIT
    return PLANS.get(exchange.status, _plan_held)(exchange, view, timings)


def _plan_waiting(exchange: Exchange, view: View, timings: Timings) -> Act:
    if exchange.outcome is not None and exchange.outcome.at == "waiting":
        if exchange.outcome.name == "expired":
            return Act.EXPIRE
        if exchange.outcome.name == "failed":
            return Act.FAIL
        if exchange.outcome.name in HOLDS:
            return Act.HOLD
    age_seconds = (view.now - exchange.created_at).total_seconds()
    if timings.ttl_seconds is not None and age_seconds >= timings.ttl_seconds:
        return Act.EXPIRE
    return Act.WAIT


def _plan_confirming(exchange: Exchange, view: View, timings: Timings) -> Act:
    if not view.deposit_depth:
        return Act.FORGET_DEPOSIT
    if view.deposit_depth < timings.confirmations:
        return Act.WAIT
    assert exchange.amount_from is not None
    if exchange.amount_from < view.minimum or _outcome(exchange) == "failed":
        return Act.FAIL
    return Act.HOLD if _outcome(exchange) in HOLDS else Act.EXCHANGE


def _plan_exchanging(exchange: Exchange, view: View, timings: Timings) -> Act:
    if _outcome(exchange) == "refunded":
        return _plan_refund(exchange, view)
    if _outcome(exchange) == "failed":
        return Act.FAIL
    if _outcome(exchange) in HOLDS:
        return Act.HOLD
    elapsed = (view.now - exchange.entered_at).total_seconds()
    return Act.TRADE if elapsed >= timings.exchange_seconds else Act.WAIT


def _plan_paying(exchange: Exchange, view: View, timings: Timings) -> Act:
    if exchange.payout_hash is None or view.payout_depth is None:
        return Act.PAY_OUT
    if exchange.status == "finished" or view.payout_depth < timings.payout_confirmations:
        return Act.WAIT
    elapsed = (view.now - exchange.entered_at).total_seconds()
    return Act.FINISH if elapsed >= timings.send_seconds else Act.WAIT


def _plan_failed(exchange: Exchange, view: View, _timings: Timings) -> Act:
    if exchange.continue_asked:
        return Act.EXCHANGE
    wanted = exchange.refund_to is not None or _outcome(exchange) == "refunded"
    return _plan_refund(exchange, view) if wanted and exchange.payin_hash else Act.WAIT


def _plan_refund(exchange: Exchange, view: View) -> Act:
    if exchange.refund_tx is None or view.refund_depth is None:
        return Act.REFUND
    return Act.CLOSE_REFUND if view.refund_depth else Act.WAIT


def _plan_held(exchange: Exchange, view: View, _timings: Timings) -> Act:
    outcome = exchange.outcome
    after = outcome.name if outcome is not None else "finished"
    if outcome is not None and outcome.name in HOLDS:
        held_seconds = (view.now - exchange.entered_at).total_seconds()
        if outcome.seconds is None or held_seconds < outcome.seconds:
            return Act.WAIT
        after = outcome.then
    if exchange.payin_hash is None:  # held before any deposit
        return {"failed": Act.FAIL, "expired": Act.EXPIRE}.get(after, Act.RELEASE)
    return Act.FAIL if after == "failed" else Act.EXCHANGE


def _outcome(exchange: Exchange) -> str:
    return exchange.outcome.name if exchange.outcome is not None else "finished"


PLANS: dict[str, Callable[[Exchange, View, Timings], Act]] = {
    "waiting": _plan_waiting,
    "confirming": _plan_confirming,
    "exchanging": _plan_exchanging,
    "sending": _plan_paying,
    "finished": _plan_paying,
    "failed": _plan_failed,
}


def move(exchange: Exchange, status: str, now: datetime, **changes: Any) -> Exchange:
    """The exchange in another status; every change moves updatedAt."""
    return replace(exchange, status=status, entered_at=now, updated_at=now, **changes)


def deposited(
    exchange: Exchange, *, key: str, tx_hash: str, amount: Decimal, now: datetime
) -> Exchange:
    """A deposit was seen. On an ended exchange it comes too late and can only be returned."""
    facts: dict[str, Any] = {
        "payin_hash": tx_hash,
        "deposit_key": key,
        "amount_from": amount,
        "deposit_received_at": now,
    }
    if exchange.status in ("expired", "failed"):
        return move(exchange, "failed", now, actions_available=True, **facts)
    if exchange.status != "waiting":  # held before its deposit: stays held
        return replace(exchange, updated_at=now, **facts)
    return move(exchange, "confirming", now, **facts)


def deposit_forgotten(exchange: Exchange, now: datetime) -> Exchange:
    """The deposit's block is gone: waiting again."""
    return move(
        exchange,
        "waiting",
        now,
        payin_hash=None,
        deposit_key=None,
        amount_from=None,
        deposit_received_at=None,
    )


def failed(exchange: Exchange, now: datetime) -> Exchange:
    """It could not be done; what was paid in can be continued or refunded."""
    return move(exchange, "failed", now, actions_available=exchange.payin_hash is not None)


def held(exchange: Exchange, now: datetime) -> Exchange:
    """Held for verification, or in a status nobody knows."""
    assert exchange.outcome is not None
    return move(exchange, exchange.outcome.held_status, now)


def released(exchange: Exchange, now: datetime) -> Exchange:
    """A hold from before the deposit is over: waiting again."""
    return move(exchange, "waiting", now, outcome=_after_hold(exchange))


def _after_hold(exchange: Exchange) -> Outcome | None:
    outcome = exchange.outcome
    if outcome is not None and outcome.name in HOLDS:
        return Outcome(name=outcome.then)
    return outcome


def exchanging(exchange: Exchange, now: datetime) -> Exchange:
    """Trading begins."""
    return move(
        exchange,
        "exchanging",
        now,
        outcome=_after_hold(exchange),
        actions_available=False,
        continue_asked=False,
        refund_to=None,
    )


def finished(exchange: Exchange, now: datetime) -> Exchange:
    """Paid out."""
    hiding = exchange.outcome is not None and exchange.outcome.name.startswith("finish_without")
    polls = exchange.outcome.polls if hiding and exchange.outcome is not None else 0
    return move(exchange, "finished", now, polls_left=polls)


def refunded(exchange: Exchange, now: datetime) -> Exchange:
    """Returned to its refund address."""
    return move(exchange, "refunded", now, refund_hash=exchange.refund_tx, actions_available=False)

"""Claim, convert, distribute: the life of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from microbatch.conversion import sharing_store, store
from microbatch.conversion.model import Claimed, Limits, Open, Seen, Wait, decide, is_past
from microbatch.conversion.telling import events_due
from microbatch.errors import ConfigurationError, IllegalTransition
from microbatch.hostpay import service as hostpay
from microbatch.market import service as market
from microbatch.market.model import ETH_TO_USDT, ETH_USD
from microbatch.messages import Announcement, Outgoing
from microbatch.money import MicroUsdt, Usd, Wei, value_usd, wei_from_eth
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import service as swaps
from microbatch.swap.model import Terms

MAX_ATTEMPTS = 5
UNBOUNDED = Wei(10**60)
STALE_ROWS_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a threshold check needs besides the settings rows."""

    max_age_seconds: int
    max_payments: int
    max_wei: Wei
    observation_max_age_seconds: int
    minimum_margin_percent: Decimal
    band_percent: Decimal
    wallet: str


@dataclass(frozen=True, slots=True)
class Check:
    """What a threshold check did: for its answer and the log."""

    decision: Wait | Open
    claimed: Claimed
    threshold_usd: Usd
    batch_id: UUID | None
    outgoing: list[Outgoing]

    @property
    def summary(self) -> dict[str, Any]:
        """For the answer and the log; amounts as text in their unit."""
        opened = isinstance(self.decision, Open)
        reason = (
            self.decision.opened_for
            if isinstance(self.decision, Open)
            else (self.decision.reason.value)
        )
        return {
            "decision": "open" if opened else "wait",
            "reason": reason,
            "payments_count": self.claimed.payments_count,
            "claimed_wei": str(self.claimed.net_wei),
            "claimed_usd": str(self.claimed.net_usd),
            "threshold_usd": str(self.threshold_usd),
            "batch_id": str(self.batch_id) if self.batch_id else None,
        }


def check_threshold(tx: Transaction, now: datetime, policy: Policy) -> Check:
    """Claim what is pending, then decide about exactly that; one batch at most.

    A wait gives the claim back. What the check decided is recorded either way.
    """
    store.lock_checks(tx)
    seen = _seen(tx, now, policy)
    limits = _limits(tx, policy, seen)
    batch_id = uuid4()
    with tx.savepoint() as savepoint:
        claimed = store.claim(tx, batch_id, limits, now)
        decision = decide(claimed, seen, limits, now)
        if isinstance(decision, Wait):
            savepoint.rollback()
        else:
            store.insert_batch(
                tx,
                batch_id,
                claimed=claimed,
                opened=decision,
                threshold_usd=limits.threshold_usd,
                now=now,
            )
    opened = isinstance(decision, Open)
    store.insert_check(
        tx,
        now,
        reason=decision.opened_for if isinstance(decision, Open) else decision.reason.value,
        claimed=claimed,
        threshold_usd=limits.threshold_usd,
        batch_id=batch_id if opened else None,
    )
    outgoing = (
        _open(tx, now, batch_id, claimed, decision, policy) if isinstance(decision, Open) else []
    )
    return Check(decision, claimed, limits.threshold_usd, batch_id if opened else None, outgoing)


def _open(
    tx: Transaction,
    now: datetime,
    batch_id: UUID,
    claimed: Claimed,
    opened: Open,
    policy: Policy,
) -> list[Outgoing]:
    logger.info("batch_opened", batch_id=str(batch_id), claimed_wei=claimed.net_wei)
    requested = swaps.request(
        tx,
        now,
        Terms(
            context="batch",
            owner_id=str(batch_id),
            generation=1,
            pair=ETH_TO_USDT,
            from_amount_units=claimed.net_wei,
            value_usd=value_usd(claimed.net_wei, opened.eth_usd),
            payout_address=policy.wallet,
            refund_address=policy.wallet,
        ),
    )
    return [*requested, *_events(tx, str(batch_id), now)]


def _limits(tx: Transaction, policy: Policy, seen: Seen) -> Limits:
    threshold = store.setting(tx, "threshold_usd")
    if threshold is None:
        raise ConfigurationError("setting threshold_usd has no row")
    provider_max = UNBOUNDED if seen.maximum_eth is None else wei_from_eth(str(seen.maximum_eth))
    return Limits(
        threshold_usd=Usd(Decimal(threshold)),
        max_age_seconds=policy.max_age_seconds,
        max_payments=policy.max_payments,
        max_wei=min(policy.max_wei, provider_max),
        max_payment_wei=provider_max,
        max_attempts=MAX_ATTEMPTS,
        observation_max_age_seconds=policy.observation_max_age_seconds,
        minimum_margin_percent=policy.minimum_margin_percent,
        band_percent=policy.band_percent,
    )


def _seen(tx: Transaction, now: datetime, policy: Policy) -> Seen:
    names = [ETH_USD, ETH_TO_USDT.minimum, ETH_TO_USDT.maximum, ETH_TO_USDT.rate]
    fresh = market.fresh(tx, names, now, policy.observation_max_age_seconds)
    values = {name: seen.value for name, seen in fresh.items()}
    return Seen(
        eth_usd=values.get(ETH_USD),
        minimum_eth=values.get(ETH_TO_USDT.minimum),
        maximum_eth=values.get(ETH_TO_USDT.maximum),
        rate_usdt_per_eth=values.get(ETH_TO_USDT.rate),
    )


def due(tx: Transaction, now: datetime, policy: "swaps.Policy") -> list[Outgoing]:
    """Results not distributed yet, and events not told yet, of all batches: again."""
    outgoing: list[Outgoing] = []
    for batch_id in store.undistributed(tx, policy.pace.stale_before(now)):
        outgoing += swaps.result_of(tx, "batch", batch_id, now, policy)
    for batch in store.unannounced(tx, policy.pace.stale_before(now), STALE_ROWS_MAX):
        outgoing += events_due(batch, now)
    return outgoing


def note_told(tx: Transaction, now: datetime, told: Sequence[Announcement]) -> None:
    """The events that were sent tell of these states."""
    del now
    for announcement in told:
        store.note_told(tx, announcement.row_id, announcement.state)


def _events(tx: Transaction, batch_id: str, now: datetime) -> list[Outgoing]:
    batch = store.lock_batch(tx, batch_id)
    assert batch is not None
    return events_due(batch, now)


# --- what the swap tells its owner, in the swap's own transaction --------------------------------


def exchange_created(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's exchange stands."""
    _advance(tx, batch_id, "claimed", "exchange_created", now)


def pay_ordered(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's host payment is reserved."""
    _advance(tx, batch_id, "exchange_created", "pay_ordered", now)


def paid(tx: Transaction, batch_id: str, now: datetime) -> None:
    """The batch's host payment is confirmed on chain."""
    _advance(tx, batch_id, "pay_ordered", "paid", now)


def finished(tx: Transaction, batch_id: str, received_units: int, now: datetime) -> None:
    """The batch's USDT has arrived on chain."""
    for state_from in ("paid", "parked"):
        if store.move(
            tx,
            batch_id,
            state_from=state_from,
            state_to="finished",
            now=now,
            received_microusdt=MicroUsdt(received_units),
        ):
            return
    raise IllegalTransition(f"batch {batch_id} is not paid, so it cannot be finished")


def release(tx: Transaction, batch_id: str, reason: str, now: datetime) -> list[Outgoing]:
    """Nothing was paid for this batch: its payments go back, their attempts counted."""
    batch = store.lock_batch(tx, batch_id)
    if batch is None or batch["state"] in ("released", "distributed", "finished"):
        raise IllegalTransition(f"batch {batch_id} cannot be released")
    store.move(tx, batch_id, state_from=batch["state"], state_to="released", now=now, reason=reason)
    released = sharing_store.release_payments(
        tx, batch_id, max_attempts=MAX_ATTEMPTS, reason=reason, now=now
    )
    logger.warning("batch_released", batch_id=batch_id, reason=reason, payments=released)
    return _events(tx, batch_id, now)


def refunded(tx: Transaction, batch_id: str, came_back_wei: int, now: datetime) -> list[Outgoing]:
    """The exchange gave ETH back: split exactly over the payments, the rest booked as their loss.

    They go back to pending with what is left of them, their attempts counted.
    """
    if not store.move(
        tx, batch_id, state_from="paid", state_to="released", now=now, reason="refunded"
    ):
        raise IllegalTransition(f"batch {batch_id} is not paid, so it cannot be refunded")
    sharing_store.give_back(
        tx, batch_id, Wei(came_back_wei), max_attempts=MAX_ATTEMPTS, reason="refunded", now=now
    )
    hostpay.settle(tx, swaps.id_of("batch", batch_id, 1), now)
    logger.warning("batch_refunded", batch_id=batch_id, came_back_wei=came_back_wei)
    return _events(tx, batch_id, now)


def park(tx: Transaction, batch_id: str, reason: str, now: datetime) -> list[Outgoing]:
    """A person has to look at this batch; its payments stay with it."""
    batch = store.lock_batch(tx, batch_id)
    if batch is None or not store.move(
        tx, batch_id, state_from=batch["state"], state_to="parked", now=now, reason=reason
    ):
        raise IllegalTransition(f"batch {batch_id} cannot be parked")
    logger.error("batch_parked", batch_id=batch_id, reason=reason)
    return _events(tx, batch_id, now)


def _advance(tx: Transaction, batch_id: str, state_from: str, state_to: str, now: datetime) -> None:
    if store.move(tx, batch_id, state_from=state_from, state_to=state_to, now=now):
        return
    batch = store.lock_batch(tx, batch_id)
    if batch is None or not is_past(batch["state"], state_to):
        state = batch["state"] if batch else "missing"
        raise IllegalTransition(f"batch {batch_id} is {state}, it cannot become {state_to}")

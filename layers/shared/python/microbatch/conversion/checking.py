"""The threshold check: claim what is pending, then decide about exactly that."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from microbatch.conversion import store
from microbatch.conversion.model import (
    MAX_ATTEMPTS,
    Claimed,
    Limits,
    Open,
    Seen,
    Wait,
    WaitReason,
    decide,
    may_start_later,
)
from microbatch.conversion.telling import events_due
from microbatch.errors import ConfigurationError
from microbatch.market import service as market
from microbatch.market.model import ETH_TO_USDT, ETH_USD
from microbatch.messages import Outgoing
from microbatch.money import Usd, Wei, value_usd, wei_below
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part
from microbatch.platform.database import Transaction
from microbatch.platform.observability import logger
from microbatch.swap import service as swaps
from microbatch.swap.model import Terms

UNBOUNDED = Wei(10**60)
STARTS_MAX = 5
NOTHING = Claimed(0, Wei(0), Usd(Decimal(0)), None)


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
    claimed, decision = (
        (NOTHING, Wait(WaitReason.PAUSED))
        if pauses.is_paused(tx, Part.CONVERSION)
        else _claim_and_decide(tx, batch_id, seen, limits, now)
    )
    _tell_wait(decision, claimed, limits, now)
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


def _claim_and_decide(
    tx: Transaction, batch_id: UUID, seen: Seen, limits: Limits, now: datetime
) -> tuple[Claimed, Wait | Open]:
    """The first claim that is worth an exchange, from the oldest row on; else the oldest's wait."""
    waits: list[tuple[Claimed, Wait | Open]] = []
    after: tuple[datetime, str] | None = None
    for _ in range(STARTS_MAX):
        with tx.savepoint() as savepoint:
            claimed = store.claim(tx, batch_id, limits, now, after)
            decision = decide(claimed, seen, limits, now)
            if isinstance(decision, Open):
                store.insert_batch(
                    tx,
                    batch_id,
                    claimed=claimed,
                    opened=decision,
                    threshold_usd=limits.threshold_usd,
                    now=now,
                )
                return claimed, decision
            waits.append((claimed, decision))
            after = store.last_claimed(tx, batch_id) if may_start_later(decision) else None
            savepoint.rollback()
        if after is None:
            break
    claimed, decision = waits[0]
    if decision == Wait(WaitReason.NOTHING_PENDING) and store.has_larger(tx, limits):
        return claimed, Wait(WaitReason.ABOVE_MAXIMUM)
    return claimed, decision


def _tell_wait(decision: Wait | Open, claimed: Claimed, limits: Limits, now: datetime) -> None:
    """An alarm for a wait that time alone does not end."""
    if not isinstance(decision, Wait):
        return
    oldest = claimed.oldest_received_at
    overdue = oldest is not None and now - oldest > timedelta(seconds=limits.max_age_seconds)
    if decision.reason in (WaitReason.STALE, WaitReason.ABOVE_MAXIMUM) or overdue:
        logger.error("conversion_waits", reason=decision.reason.value)


def _open(
    tx: Transaction,
    now: datetime,
    batch_id: UUID,
    claimed: Claimed,
    opened: Open,
    policy: Policy,
) -> list[Outgoing]:
    swap_id = swaps.id_of("batch", str(batch_id), 1)
    logger.info(
        "batch_opened", batch_id=str(batch_id), swap_id=swap_id, claimed_wei=claimed.net_wei
    )
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
    batch = store.lock_batch(tx, str(batch_id))
    assert batch is not None
    return [*requested, *events_due(batch, now)]


def _limits(tx: Transaction, policy: Policy, seen: Seen) -> Limits:
    threshold = store.setting(tx, "threshold_usd")
    if threshold is None:
        raise ConfigurationError("setting threshold_usd has no row")
    maximum = seen.maximum_eth
    provider_max = UNBOUNDED if maximum is None else wei_below(maximum)
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

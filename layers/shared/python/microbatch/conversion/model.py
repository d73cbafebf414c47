"""When a batch is worth one exchange, and the states it goes through."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from microbatch.money import ETH_DECIMALS, Usd, Wei, coins

# From which state a batch may move where. The schema has the same table; a test compares them.
EDGES: dict[str, frozenset[str]] = {
    "claimed": frozenset({"exchange_created", "released", "parked"}),
    "exchange_created": frozenset({"pay_ordered", "released", "parked"}),
    "pay_ordered": frozenset({"paid", "released", "parked"}),
    "paid": frozenset({"finished", "released", "parked"}),
    "finished": frozenset({"distributed"}),
    "parked": frozenset({"paid", "finished", "released"}),
    "distributed": frozenset(),
    "released": frozenset(),
}

MAX_ATTEMPTS = 5  # conversions of a payment that came to nothing, before it is parked


class WaitReason(StrEnum):
    """Why no batch is opened now."""

    NOTHING_PENDING = "nothing_pending"
    BELOW_THRESHOLD = "below_threshold"
    STALE = "stale_observations"
    BELOW_MINIMUM = "below_provider_minimum"
    ABOVE_MAXIMUM = "above_provider_maximum"
    OUT_OF_BAND = "rate_out_of_band"
    PAUSED = "conversion_paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The rules a batch is opened under."""

    threshold_usd: Usd
    max_age_seconds: int
    max_payments: int
    max_wei: Wei
    max_payment_wei: Wei  # a larger one no exchange takes now; it must not block the others
    max_attempts: int
    observation_max_age_seconds: int
    minimum_margin_percent: Decimal
    band_percent: Decimal


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was locked: its number, its wei, its value as noted on receipt, its oldest row."""

    payments_count: int
    net_wei: Wei
    net_usd: Usd
    oldest_received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Seen:
    """Fresh observations; None where there is none. `maximum` is None also for "no maximum"."""

    eth_usd: Decimal | None
    minimum_eth: Decimal | None
    maximum_eth: Decimal | None
    rate_usdt_per_eth: Decimal | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is opened; what was claimed is given back."""

    reason: WaitReason


@dataclass(frozen=True, slots=True)
class Open:
    """A batch is opened over what was claimed."""

    opened_for: str  # "threshold" or "max_age"
    eth_usd: Decimal


def may_start_later(decision: Wait | Open) -> bool:
    """Whether the rows behind the claimed ones might be worth an exchange by themselves.

    A small row in front of a large one must not keep both, and all behind them, waiting.
    """
    small = (WaitReason.BELOW_THRESHOLD, WaitReason.BELOW_MINIMUM)
    return isinstance(decision, Wait) and decision.reason in small


def decide(claimed: Claimed, seen: Seen, limits: Limits, now: datetime) -> Wait | Open:
    """Whether what was claimed is converted now."""
    if claimed.oldest_received_at is None or claimed.net_wei == 0:
        return Wait(WaitReason.NOTHING_PENDING)
    if claimed.net_usd >= limits.threshold_usd:
        opened_for = "threshold"
    elif now - claimed.oldest_received_at >= timedelta(seconds=limits.max_age_seconds):
        opened_for = "max_age"
    else:
        return Wait(WaitReason.BELOW_THRESHOLD)
    if seen.eth_usd is None or seen.minimum_eth is None:
        return Wait(WaitReason.STALE)
    amount_eth = coins(claimed.net_wei, ETH_DECIMALS)
    if amount_eth < seen.minimum_eth * (100 + limits.minimum_margin_percent) / 100:
        return Wait(WaitReason.BELOW_MINIMUM)
    if seen.maximum_eth is not None and amount_eth > seen.maximum_eth:
        return Wait(WaitReason.ABOVE_MAXIMUM)
    if seen.rate_usdt_per_eth is not None and not within_band(
        seen.rate_usdt_per_eth, seen.eth_usd, limits.band_percent
    ):
        return Wait(WaitReason.OUT_OF_BAND)
    return Open(opened_for, seen.eth_usd)


def within_band(offered: Decimal, fair: Decimal, band_percent: Decimal) -> bool:
    """Whether an offer is within ± band_percent of what it should be."""
    return abs(offered - fair) * 100 <= fair * band_percent


def is_past(state: str, wanted: str) -> bool:
    """Whether a batch in `state` has been in `wanted`, or can never come there any more."""
    if state == wanted:
        return True
    reachable, frontier = set(), {state}
    while frontier:
        reachable |= frontier
        frontier = {after for before in frontier for after in EDGES[before]} - reachable
    return wanted not in reachable

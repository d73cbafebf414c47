"""When a batch is opened: every reason to wait, and every boundary on both sides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from microbatch.conversion.model import (
    EDGES,
    MAX_ATTEMPTS,
    Claimed,
    Limits,
    Open,
    Seen,
    Wait,
    WaitReason,
    decide,
    is_past,
    may_start_later,
    within_band,
)
from microbatch.money import Usd, Wei

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MILLI_ETH = 10**15
DAY = timedelta(days=1)
MICRO = timedelta(microseconds=1)
LIMITS = Limits(
    threshold_usd=Usd(Decimal(20)),
    max_age_seconds=86_400,
    max_payments=100,
    max_wei=Wei(50_000 * MILLI_ETH),
    max_payment_wei=Wei(10**60),
    max_attempts=5,
    observation_max_age_seconds=1800,
    minimum_margin_percent=Decimal(5),
    band_percent=Decimal(25),
)
CLAIMED = Claimed(3, Wei(20 * MILLI_ETH), Usd(Decimal(40)), NOW - timedelta(hours=1))
SEEN = Seen(Decimal(2000), Decimal("0.01"), Decimal(10), Decimal(1980))

LITTLE = {"net_usd": Usd(Decimal("19.999999"))}
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("threshold", {}, {}),
    ("threshold", {"net_usd": Usd(Decimal(20))}, {}),
    ("threshold", {"oldest_received_at": NOW - 2 * DAY}, {}),
    ("nothing_pending", {"payments_count": 0, "oldest_received_at": None}, {}),
    ("nothing_pending", {"net_wei": Wei(0)}, {}),
    ("nothing_pending", {"oldest_received_at": None}, {}),
    ("threshold", {"payments_count": 1}, {}),
    ("below_threshold", LITTLE, {}),
    ("below_threshold", {**LITTLE, "oldest_received_at": NOW - DAY + MICRO}, {}),
    ("max_age", {**LITTLE, "oldest_received_at": NOW - DAY}, {}),
    ("max_age", {"net_usd": Usd(Decimal(0)), "oldest_received_at": NOW - 3 * DAY}, {}),
    ("stale_observations", {}, {"eth_usd": None}),
    ("stale_observations", {}, {"minimum_eth": None}),
    ("below_threshold", LITTLE, {"eth_usd": None}),
    ("threshold", {"net_wei": Wei(10_500_000_000_000_000)}, {}),
    ("below_provider_minimum", {"net_wei": Wei(10_499_999_999_999_999)}, {}),
    ("below_provider_minimum", {**LITTLE, "net_wei": Wei(1), "oldest_received_at": NOW - DAY}, {}),
    ("threshold", {"net_wei": Wei(10_000 * MILLI_ETH)}, {}),
    ("above_provider_maximum", {"net_wei": Wei(10_000 * MILLI_ETH + 1)}, {}),
    ("threshold", {"net_wei": Wei(50_000 * MILLI_ETH)}, {"maximum_eth": None}),
    ("threshold", {}, {"rate_usdt_per_eth": Decimal(1500)}),
    ("threshold", {}, {"rate_usdt_per_eth": Decimal(2500)}),
    ("rate_out_of_band", {}, {"rate_usdt_per_eth": Decimal("1499.999999")}),
    ("rate_out_of_band", {}, {"rate_usdt_per_eth": Decimal("2500.000001")}),
    ("rate_out_of_band", {}, {"rate_usdt_per_eth": Decimal(0)}),
    ("threshold", {}, {"rate_usdt_per_eth": None}),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "claimed", "seen"), CASES)
def test_a_batch_is_opened_or_waits_for_a_reason(
    expected: str, claimed: dict[str, Any], seen: dict[str, Any]
) -> None:
    decision = decide(replace(CLAIMED, **claimed), replace(SEEN, **seen), LIMITS, NOW)

    if expected in ("threshold", "max_age"):
        assert decision == Open(expected, Decimal(2000))
    else:
        assert decision == Wait(WaitReason(expected))


def test_every_reason_has_been_seen() -> None:
    asked_before = {"conversion_paused"}  # before anything is claimed: see checking
    decided = {*WaitReason, "threshold", "max_age"} - asked_before
    assert {expected for expected, _, _ in CASES} == decided


@pytest.mark.parametrize("reason", list(WaitReason))
def test_only_what_is_too_small_may_have_more_behind_it(reason: WaitReason) -> None:
    too_small = reason in (WaitReason.BELOW_THRESHOLD, WaitReason.BELOW_MINIMUM)

    assert may_start_later(Wait(reason)) is too_small


def test_what_is_opened_starts_with_its_oldest() -> None:
    assert may_start_later(Open("threshold", Decimal(2000))) is False


def test_a_payment_is_parked_at_the_fifth_conversion_that_comes_to_nothing() -> None:
    assert MAX_ATTEMPTS == 5


@pytest.mark.parametrize(
    ("offered", "fair", "band_percent", "within"),
    [("75", "100", "25", True), ("125", "100", "25", True), ("74.99", "100", "25", False),
     ("125.01", "100", "25", False), ("100", "100", "0", True), ("100.01", "100", "0", False),
     ("1", "0", "25", False), ("0", "0", "25", True)],
)  # fmt: skip
def test_the_band_includes_its_edges(
    offered: str, fair: str, band_percent: str, within: bool
) -> None:
    assert within_band(Decimal(offered), Decimal(fair), Decimal(band_percent)) is within


@pytest.mark.parametrize(("state", "wanted"), list(product(EDGES, EDGES)))
def test_a_state_is_past_another_unless_it_can_still_come_there(state: str, wanted: str) -> None:
    ahead: set[str] = set()
    while True:
        reached = {after for before in {state, *ahead} for after in EDGES[before]}
        if reached <= ahead:
            break
        ahead |= reached

    assert is_past(state, wanted) == (state == wanted or wanted not in ahead)

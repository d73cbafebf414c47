"""Is money moving, as metrics: every minute, so that an alarm rings until it is mended.

They are for pictures and alarms alone: nothing is computed from them.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from microbatch.market.model import balance_of
from microbatch.market.service import Source
from microbatch.money import ETH_DECIMALS, USDT_DECIMALS
from microbatch.operations import measuring_store, store, why_store
from microbatch.operations.chores import Policies
from microbatch.operations.funds import funds
from microbatch.operations.lifetimes import Ages
from microbatch.operations.over_age import over_age
from microbatch.operations.parked import parked
from microbatch.platform.database import Transaction
from microbatch.platform.observability import gauge, logger
from microbatch.swap import service as swaps

REASON_CHARACTERS_MAX = 60


def measure(tx: Transaction, now: datetime, policies: Policies) -> None:
    """Say how much money stands where, what waits for a person, and what is over its age."""
    _measure_parked(tx, now)
    gauge("exchange_in_trouble", swaps.in_trouble(tx))
    _measure_over_age(tx, now, policies.ages)
    _measure_conversion(tx, now, policies.ages)
    _measure_wallets(tx, policies.source, policies.hostpay.limits.gas_reserve_wei)


def _measure_parked(tx: Transaction, now: datetime) -> None:
    found = parked(tx)
    oldest = [int((now - each.oldest_since).total_seconds()) for each in found]
    gauge("parked_rows", sum(each.rows_count for each in found))
    gauge("parked_oldest_seconds", max([0, *oldest]))
    gauge("parked_usd", measuring_store.parked_usd(tx))
    for each, seconds in zip(found, oldest, strict=True):
        entity, reason = each.entity, each.reason[:REASON_CHARACTERS_MAX]
        gauge("parked_rows", each.rows_count, entity=entity, reason=reason)
        gauge("parked_oldest_seconds", seconds, entity=entity, reason=reason)
        eth = Decimal(each.wei).scaleb(-ETH_DECIMALS)
        usdt = Decimal(each.microusdt).scaleb(-USDT_DECIMALS)
        gauge("parked_eth", eth, entity=entity, reason=reason)
        gauge("parked_usdt", usdt, entity=entity, reason=reason)
        gauge("parked_usd", each.usd, entity=entity, reason=reason)


def _measure_over_age(tx: Transaction, now: datetime, ages: Ages) -> None:
    found = over_age(tx, now, ages)
    gauge("rows_over_age", sum(each.rows_count for each in found))
    for each in found:
        gauge("rows_over_age", each.rows_count, entity=each.entity, state=each.state)
        logger.error("rows_over_age", **each.shown())


def _measure_conversion(tx: Transaction, now: datetime, ages: Ages) -> None:
    pending, batches = measuring_store.pending(tx), measuring_store.batches(tx)
    oldest_at = pending["oldest_at"] or now
    gauge("pending_usd", pending["usd"])
    gauge("pending_oldest_seconds", int((now - oldest_at).total_seconds()))
    gauge("threshold_usd", Decimal(why_store.threshold_usd(tx) or 0))
    gauge("converting_usd", batches["open_usd"])
    gauge("batches_distributed", batches["distributed"])
    gauge("batches_released", batches["released"])
    gauge("batches_parked", batches["parked"])
    gauge("distributed_usdt", batches["distributed_microusdt"].scaleb(-USDT_DECIMALS))
    gauge("paying_usd", measuring_store.paying_usd(tx))
    due_before = now - timedelta(seconds=ages.completion_overdue)
    gauge("payments_late", measuring_store.late_payments(tx, due_before))


def _measure_wallets(tx: Transaction, source: Source, reserve_wei: int) -> None:
    observations = store.latest_observations(tx)
    own_wei = _others_wei(observations, source)
    found = funds(tx, observations)
    if found is not None:
        own_wei[source.wallet] = found.own_wei
        gauge("wallet_eth", Decimal(found.balance_wei).scaleb(-ETH_DECIMALS))
        gauge("wallet_usdt", Decimal(found.balance_microusdt).scaleb(-USDT_DECIMALS))
        if found.runway_transfers is not None:
            gauge("gas_runway_transfers", found.runway_transfers)
    for wallet, wei in own_wei.items():  # values of one metric: the least of them rings
        gauge("wallet_spare_eth", Decimal(wei - reserve_wei).scaleb(-ETH_DECIMALS))
        if wei < reserve_wei:
            missing_wei = str(reserve_wei - wei)
            logger.error("wallet_below_reserve", wallet=wallet, missing_wei=missing_wei)


def _others_wei(observations: Sequence[Mapping[str, Any]], source: Source) -> dict[str, int]:
    """What the wallets after the first have, as far as it was seen: all of it is their own."""
    seen = {row["name"]: row["value"] for row in observations}
    names = {wallet: balance_of(wallet) for wallet in source.other_wallets}
    return {wallet: int(Decimal(seen[name])) for wallet, name in names.items() if name in seen}

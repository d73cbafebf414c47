"""What stands still, as metrics: every minute, so that an alarm rings until it is mended."""

from datetime import datetime

from microbatch.operations.lifetimes import Ages
from microbatch.operations.over_age import over_age
from microbatch.operations.parked import parked
from microbatch.platform.database import Transaction
from microbatch.platform.observability import gauge, logger
from microbatch.swap import service as swaps

REASON_CHARACTERS_MAX = 60


def measure(tx: Transaction, now: datetime, ages: Ages) -> None:
    """Count what waits for a person, by table and reason; and what is over its age, by state."""
    _measure_parked(tx, now)
    gauge("exchange_in_trouble", swaps.in_trouble(tx))
    _measure_over_age(tx, now, ages)


def _measure_parked(tx: Transaction, now: datetime) -> None:
    found = parked(tx)
    oldest = [int((now - each.oldest_since).total_seconds()) for each in found]
    gauge("parked_rows", sum(each.rows_count for each in found))
    gauge("parked_oldest_seconds", max([0, *oldest]))
    for each, seconds in zip(found, oldest, strict=True):
        names = {"entity": each.entity, "reason": each.reason[:REASON_CHARACTERS_MAX]}
        gauge("parked_rows", each.rows_count, **names)
        gauge("parked_oldest_seconds", seconds, **names)
        gauge("parked_wei", each.wei, **names)
        gauge("parked_microusdt", each.microusdt, **names)
        gauge("parked_usd", int(each.usd), **names)  # a label: whole dollars do


def _measure_over_age(tx: Transaction, now: datetime, ages: Ages) -> None:
    found = over_age(tx, now, ages)
    gauge("rows_over_age", sum(each.rows_count for each in found))
    for each in found:
        gauge("rows_over_age", each.rows_count, entity=each.entity, state=each.state)
        logger.error("rows_over_age", **each.shown())

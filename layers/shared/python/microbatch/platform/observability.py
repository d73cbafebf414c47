"""The one logger and the one set of metrics.

CloudWatch takes every set of dimensions for a metric of its own, and whoever reads one has to name
exactly that set. What is counted has the environment; what is counted in a stage has it too, and
once more with the stage. So two environments in one account never ring for each other.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit, single_metric
from aws_lambda_powertools.warnings import PowertoolsUserWarning

__all__ = [
    "count",
    "count_all",
    "count_in_stage",
    "count_unhandled",
    "counted_later",
    "flush_stage",
    "follow",
    "following",
    "gauge",
    "identify",
    "logger",
    "metrics",
    "rehearsal",
]

SERVICE = "microbatch"
NAMESPACE = "Microbatch"
UNHANDLED = "unhandled_exceptions"
UNIDENTIFIED = "unidentified"
# Powertools' fields that are the same in every line of a log group, or that nobody asks for: each
# line has a name of its own. Lines are paid for by the byte.
LEFT_OUT = (
    "service", "function_name", "function_arn", "function_memory_size", "cold_start", "location",
)  # fmt: skip

# a schedule that finds nothing to do has nothing to count
warnings.filterwarnings(
    "ignore", message="No application metrics to publish", category=PowertoolsUserWarning
)


class _Line(LambdaPowertoolsFormatter):
    """A line of the log; its time is written as Lambda reads it (RFC 3339)."""

    def serialize(self, log: Any) -> str:
        """The line's text."""
        for name in LEFT_OUT:
            log.pop(name, None)
        return super().serialize(log)


logger = Logger(service=SERVICE, logger_formatter=_Line(use_rfc3339=True, utc=True))
metrics = Metrics(namespace=NAMESPACE)
_running: dict[str, str] = {}
_place = {"environment": UNIDENTIFIED, "stage": UNIDENTIFIED}
_in_stage: list[tuple[str, int]] = []
_followed: list[dict[str, str]] = []
_rehearsing: list[bool] = []
# of each thread by itself: a transaction has what was counted in it, and nobody else's
_put_aside: ContextVar[list[tuple[str, int]] | None] = ContextVar("put_aside", default=None)


@contextmanager
def rehearsal() -> Iterator[None]:
    """A block of which nothing stays: nothing is counted, and every line of the log says so."""
    _rehearsing.append(True)
    try:
        with logger.append_context_keys(dry_run=True):
            yield
    finally:
        _rehearsing.pop()


@contextmanager
def following(**ids: str) -> Iterator[None]:
    """A block whose lines of the log carry these ids, and those that `follow` adds in it."""
    _followed.append(dict(ids))
    logger.append_keys(**ids)
    try:
        yield
    finally:
        logger.remove_keys(_followed.pop())


def follow(**ids: str) -> None:
    """Adds what is known by now to the ids of the block; outside of one it adds nothing."""
    if _followed:
        _followed[-1].update(ids)
        logger.append_keys(**ids)


def count(name: str, value: int = 1) -> None:
    """Adds to a counter of the environment, which leaves with the invocation's metrics.

    In a transaction, or a savepoint's block, it does so once that has ended well.
    """
    if _rehearsing:
        return
    put_aside = _put_aside.get()
    if put_aside is not None:
        put_aside.append((name, value))
        return
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def count_all(counted: Iterable[tuple[str, int]]) -> None:
    """Adds to each of these counters."""
    for name, value in counted:
        count(name, value)


@contextmanager
def counted_later() -> Iterator[list[tuple[str, int]]]:
    """A block whose counts are put aside: what it did may still be undone, and is not counted then.

    Whoever opens it calls `count_all` with what it gives, once the block's work is sure to stay.
    """
    around = _put_aside.get()
    counted: list[tuple[str, int]] = []
    _put_aside.set(counted)
    try:
        yield counted
    finally:
        _put_aside.set(around)


def gauge(name: str, value: int | Decimal, **dimensions: str) -> None:
    """Says how much there is of something now; each set of dimensions is a metric of its own.

    A picture's number: whoever decides anything reads Postgres.
    """
    if not dimensions:
        metrics.add_metric(name=name, unit=MetricUnit.NoUnit, value=value)  # type: ignore[arg-type]
        return
    with single_metric(
        name=name,
        unit=MetricUnit.NoUnit,
        value=value,  # type: ignore[arg-type]
        namespace=NAMESPACE,
        default_dimensions={"environment": _place["environment"], **dimensions},
    ):
        pass


def count_in_stage(name: str, value: int = 1) -> None:
    """Adds a value to a metric of the stage that runs here, and to the same of all stages."""
    _in_stage.append((name, value))


def flush_stage() -> None:
    """Writes what was counted in the stage; one that ends before has counted nothing."""
    if not _in_stage:
        return
    counted, _in_stage[:] = list(_in_stage), []
    both = EphemeralMetrics(
        namespace=NAMESPACE, default_dimensions={"environment": _place["environment"]}
    )
    both.add_dimensions(stage=_place["stage"])
    for name, value in counted:
        both.add_metric(name=name, unit=MetricUnit.NoUnit, value=value)
    both.flush_metrics()


def identify(*, function_name: str, version: str, environment: str, stage: str) -> None:
    """Says which version of which function runs here, and in which environment."""
    _running.update(function_name=function_name, version=version)
    _place.update(environment=environment, stage=stage)
    metrics.set_default_dimensions(environment=environment)


def count_unhandled() -> None:
    """Counts an error that nobody expected of this version: while it is new, it is taken back."""
    if not _running:
        return
    with single_metric(
        name=UNHANDLED,
        unit=MetricUnit.Count,
        value=1,
        namespace=NAMESPACE,
        default_dimensions=_running,
    ):
        pass

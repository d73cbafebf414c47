"""The one logger and the one set of metrics."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.warnings import PowertoolsUserWarning

__all__ = ["count", "count_unhandled", "gauge", "identify", "logger", "metrics", "rehearsal"]

SERVICE = "microbatch"
NAMESPACE = "Microbatch"
UNHANDLED = "unhandled_exceptions"

# a schedule that finds nothing to do has nothing to count
warnings.filterwarnings(
    "ignore", message="No application metrics to publish", category=PowertoolsUserWarning
)

logger = Logger(service=SERVICE)
metrics = Metrics(service=SERVICE, namespace=NAMESPACE)
_running: dict[str, str] = {}
_rehearsing: list[bool] = []


@contextmanager
def rehearsal() -> Iterator[None]:
    """A block of which nothing stays: nothing is counted, and every line of the log says so."""
    _rehearsing.append(True)
    try:
        with logger.append_context_keys(dry_run=True):
            yield
    finally:
        _rehearsing.pop()


def count(name: str, value: int = 1) -> None:
    """Adds to a counter that leaves with the invocation's metrics."""
    if _rehearsing:
        return
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def gauge(name: str, value: int, **dimensions: str) -> None:
    """Says how much there is of something now; each set of dimensions is a metric of its own."""
    with single_metric(
        name=name,
        unit=MetricUnit.Count,
        value=value,
        namespace=NAMESPACE,
        default_dimensions={"service": SERVICE, **dimensions},
    ):
        pass


def identify(function_name: str, version: str) -> None:
    """Says which version of which function runs here."""
    _running.update(function_name=function_name, version=version)


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

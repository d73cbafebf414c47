"""The one logger and the one set of metrics."""

import warnings

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.warnings import PowertoolsUserWarning

__all__ = ["count", "gauge", "logger", "metrics"]

SERVICE = "microbatch"
NAMESPACE = "Microbatch"

# a schedule that finds nothing to do has nothing to count
warnings.filterwarnings(
    "ignore", message="No application metrics to publish", category=PowertoolsUserWarning
)

logger = Logger(service=SERVICE)
metrics = Metrics(service=SERVICE, namespace=NAMESPACE)


def count(name: str, value: int = 1) -> None:
    """Adds to a counter that leaves with the invocation's metrics."""
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

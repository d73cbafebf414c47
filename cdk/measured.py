"""The metrics that alarms and pictures read, each with the dimensions it is written with."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.config import Environment

NAMESPACE = "Microbatch"  # as microbatch.platform.observability has it
PERIOD = Duration.minutes(5)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one environment: another one in the same account has other dimensions."""

    environment: Environment

    def ours(
        self, name: str, statistic: str = "Sum", period: Duration = PERIOD, **dimensions: str
    ) -> cloudwatch.Metric:
        """What our code counts or measures; `stage` for what it counts in one."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"environment": self.environment.name, **dimensions},
            statistic=statistic,
            period=period,
        )

    def queue(
        self, queue: str, name: str, statistic: str = "Maximum", period: Duration = PERIOD
    ) -> cloudwatch.Metric:
        """What SQS says of a queue."""
        return cloudwatch.Metric(
            namespace="AWS/SQS",
            metric_name=name,
            dimensions_map={"QueueName": f"{self.environment.prefix}{queue}"},
            statistic=statistic,
            period=period,
        )

    def function(
        self, stage: str, name: str, statistic: str = "Sum", period: Duration = PERIOD
    ) -> cloudwatch.Metric:
        """What Lambda says of a stage's function, all versions together."""
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name=name,
            dimensions_map={"FunctionName": self.environment.function_name(stage)},
            statistic=statistic,
            period=period,
        )

    def api(
        self, api_id: str, name: str, statistic: str = "Sum", period: Duration = PERIOD
    ) -> cloudwatch.Metric:
        """What API Gateway says of the HTTP API, all of its routes together."""
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": api_id},
            statistic=statistic,
            period=period,
        )

    def database(self, name: str, period: Duration = PERIOD) -> cloudwatch.Metric:
        """What RDS says of the instance."""
        return cloudwatch.Metric(
            namespace="AWS/RDS",
            metric_name=name,
            dimensions_map={"DBInstanceIdentifier": self.environment.database_name},
            statistic="Average",
            period=period,
        )


def calculated(
    expression: str, label: str, period: Duration = PERIOD, **metrics: cloudwatch.IMetric
) -> cloudwatch.MathExpression:
    """A number made of metrics, which the expression names."""
    return cloudwatch.MathExpression(
        expression=expression, using_metrics=metrics, period=period, label=label
    )


def availability(measured: Measured, party: str, period: Duration) -> cloudwatch.MathExpression:
    """How many of a hundred calls `exchange` or `node` answered; 100 when too few were made."""
    calls, failures = f"{party}_calls", f"{party}_failures"
    return calculated(
        f"IF(FILL({calls}, 0) >= {AVAILABILITY_CALLS_MIN},"
        f" 100 * ({calls} - FILL({failures}, 0)) / {calls}, 100)",
        f"{party} answers, percent",
        period,
        **{name: measured.ours(name, "Sum", period) for name in (calls, failures)},
    )


AVAILABILITY_CALLS_MIN = 10


def failed_percent(measured: Measured) -> cloudwatch.MathExpression:
    """How many of a hundred messages failed; 0 when too few were handled to say."""
    everything = "(FILL(processed, 0) + FILL(retried, 0) + FILL(dead, 0))"
    return calculated(
        f"IF({everything} >= {MESSAGES_MIN},"
        f" 100 * (FILL(retried, 0) + FILL(dead, 0)) / {everything}, 0)",
        "messages failed, percent",
        processed=measured.ours("processed"),
        retried=measured.ours("retried"),
        dead=measured.ours("dead_lettered"),
    )


MESSAGES_MIN = 20


def completion(measured: Measured) -> cloudwatch.MathExpression:
    """100, less the payments that are late, in percent of a day's payments."""
    day = Duration.days(1)
    return calculated(
        # not MAX of the two and 1: CloudWatch refuses a number among series
        "IF(late > FILL(credited, 0), 0, IF(late > 0, 100 * (1 - late / FILL(credited, 0)), 100))",
        "completion, percent",
        day,
        late=measured.ours("payments_late", "Maximum", day),
        credited=measured.ours("payments_credited", "Sum", day),
    )

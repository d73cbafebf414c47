"""How alarms are made here: each says what it means, and which section of the runbook is its."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.config import Environment

MORE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
LESS = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


class Alarms(Construct):
    """Alarms of an environment, all of which ring on its one topic."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, id_)
        self.environment = environment
        self.all: list[cloudwatch.Alarm] = []
        self._action = cloudwatch_actions.SnsAction(topic)

    def above(
        self,
        name: str,
        says: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        periods: int = 1,
        of: str = "",
    ) -> None:
        """Rings after so many periods above the threshold. No data is no reason.

        `of`: which one it is, among several that share a section.
        """
        self._add(name, says, metric, MORE, threshold, periods, of)

    def below(
        self,
        name: str,
        says: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        periods: int = 1,
    ) -> None:
        """Rings after so many periods below the threshold. No data is no reason."""
        self._add(name, says, metric, LESS, threshold, periods, "")

    def silent(self, name: str, says: str, metric: cloudwatch.IMetric, *, periods: int) -> None:
        """Rings after so many periods without one of what is counted."""
        missing = cloudwatch.TreatMissingData.BREACHING
        self._add(name, says, metric, LESS, 1, periods, "", missing)

    def _add(
        self,
        name: str,
        says: str,
        metric: cloudwatch.IMetric,
        operator: cloudwatch.ComparisonOperator,
        threshold: float,
        periods: int,
        of: str,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        if isinstance(metric, cloudwatch.MathExpression) and not self.environment.metric_math:
            return
        full_name = f"{name}-{of}" if of else name
        alarm = cloudwatch.Alarm(
            self,
            full_name,
            alarm_name=f"{self.environment.prefix}{full_name}",
            alarm_description=f"{says}: see docs/runbook.md#{name}",
            metric=metric,
            threshold=threshold,
            comparison_operator=operator,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._action)
        self.all.append(alarm)

"""What of the money must wake somebody: metrics that the functions count, and their alarms.

Each rings at the first count, and one when nothing is counted any more. What it means and what to
do is in docs/runbook.md.
"""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.config import Environment

NAMESPACE = "Microbatch"  # with the dimension, as microbatch.platform.observability has them
DIMENSIONS = {"service": "microbatch"}
PERIOD = Duration.minutes(5)

# Metric → what rings.
MONEY_ALARMS = {
    "batch_parked": "A batch is parked until a person decides",
    "exchange_deposit_differs": "An exchange was paid otherwise than by our one transfer",
    "exchange_in_trouble": "An exchange that we have paid failed, is held, or says what we ignore",
    "exchange_pays_again": "An exchange names another transaction than the one we have booked",
    "fee_ceiling_reached": "A transfer lies unmined and its fees may not rise any more",
    "foreign_transaction": "A transaction of our wallet that we have not made",
    "payments_parked": "Payments are parked: they have failed too often",
    "payout_parked": "A payout is parked until a person decides",
    "pool_full": "A node has no room for our transactions; fewer are sent at once",
    "reconciler_item_failed": "The reconciler met an error of ours for one row",
    "rows_over_age": "Something stands longer than it may, and nobody is helping it",
    "schedule_item_failed": "A schedule could not do its work for one client or payment",
    "signing_waits": "A transfer cannot be signed: no money, a limit, or the node",
    "transfer_parked": "A transfer is parked until a person decides",
    "wallet_frozen": "Nothing more is signed from a wallet until a person has looked",
}
# Metric → the alarm that rings when it is not counted any more, and what it says.
SILENCES = {
    "reconciler_runs": ("reconciler_silent", "Nobody looks after what stands still"),
}
SILENT_PERIODS = 3


class MoneyAlarms(Construct):
    """An alarm for each of the metrics."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, id_)
        self._action = cloudwatch_actions.SnsAction(topic)
        self._prefix = environment.prefix
        for name, description in MONEY_ALARMS.items():
            self._add(
                name,
                description,
                _metric(name),
                threshold=0,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                evaluation_periods=1,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
        for counted, (name, description) in SILENCES.items():
            self._add(
                name,
                description,
                _metric(counted),
                threshold=1,
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                evaluation_periods=SILENT_PERIODS,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
            )

    def _add(
        self, name: str, description: str, metric: cloudwatch.Metric, **rings_when: Any
    ) -> None:
        alarm = metric.create_alarm(
            self,
            name,
            alarm_name=f"{self._prefix}{name}",
            alarm_description=f"{description}: see docs/runbook.md#{name}",
            **rings_when,
        )
        alarm.add_alarm_action(self._action)


def _metric(name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map=DIMENSIONS,
        statistic="Sum",
        period=PERIOD,
    )

"""What of payments out must wake somebody: metrics that the functions count, and their alarms.

Each rings at the first count. What it means and what to do is in docs/runbook.md.
"""

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
    "fee_ceiling_reached": "A transfer lies unmined and its fees may not rise any more",
    "foreign_transaction": "A transaction of our wallet that we have not made",
    "payout_parked": "A payout is parked until a person decides",
    "pool_full": "A node has no room for our transactions; fewer are sent at once",
    "schedule_item_failed": "A schedule could not do its work for one client or payment",
    "signing_waits": "A transfer cannot be signed: no money, a limit, or the node",
    "transfer_parked": "A transfer is parked until a person decides",
    "wallet_frozen": "Nothing more is signed from a wallet until a person has looked",
}


class MoneyAlarms(Construct):
    """An alarm for each of the metrics."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, topic: sns.ITopic
    ) -> None:
        super().__init__(scope, id_)
        for name, description in MONEY_ALARMS.items():
            metric = cloudwatch.Metric(
                namespace=NAMESPACE,
                metric_name=name,
                dimensions_map=DIMENSIONS,
                statistic="Sum",
                period=PERIOD,
            )
            alarm = metric.create_alarm(
                self,
                name,
                alarm_name=f"{environment.prefix}{name}",
                alarm_description=f"{description}: see docs/runbook.md#{name}",
                threshold=0,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                evaluation_periods=1,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            alarm.add_alarm_action(cloudwatch_actions.SnsAction(topic))

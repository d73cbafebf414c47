"""A stage's queue with its dead-letter queue, and the arithmetic of its limits."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as cloudwatch_actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.config import DAY_SECONDS, Environment
from cdk.stages import CONSUMER, Stage

RETENTION = Duration.days(4)
DEAD_LETTER_RETENTION = Duration.days(14)  # a dead letter keeps the time it was first sent

MAX_RECEIVES = 1000  # SQS refuses more, and nothing in the tool chain checks it
# A message that crashes its function on every receive is dead-lettered before its retention ends;
# else SQS would delete it in silence.
CRASH_LOOP_SECONDS = 3 * DAY_SECONDS
RENEWAL_MARGIN_RECEIVES = 100  # crashes count as receives too

# Payments arrive one by one and are stored many at a time; elsewhere waiting only adds delay.
BATCHING_WINDOW_SECONDS = {"payments": 1}


def visibility_seconds(queue: str) -> int:
    """Six times the consumer's time-out, and the batching window on top, as AWS advises."""
    return CONSUMER[queue].visibility_seconds + BATCHING_WINDOW_SECONDS.get(queue, 0)


def max_receives(queue: str) -> int:
    """How often SQS hands a message out before it moves it to the dead-letter queue."""
    return min(MAX_RECEIVES, CRASH_LOOP_SECONDS // visibility_seconds(queue))


def renew_at_receives(stage: Stage, default: int) -> int:
    """At which receive the stage renews a message: before the strictest of its queues drops it."""
    return min(
        [default, *(max_receives(queue) - RENEWAL_MARGIN_RECEIVES for queue in stage.queues)]
    )


class StageQueue(Construct):
    """One queue of `microbatch.messages.QUEUES`, and what becomes of messages nobody can handle."""

    def __init__(
        self, scope: Construct, name: str, *, environment: Environment, alarms: sns.ITopic
    ) -> None:
        super().__init__(scope, name)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{environment.prefix}{name}-dlq",
            retention_period=DEAD_LETTER_RETENTION,
            redrive_allow_policy=sqs.RedriveAllowPolicy(
                redrive_permission=sqs.RedrivePermission.BY_QUEUE,
                source_queues=[self._by_name(f"{environment.prefix}{name}")],
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=environment.removal_policy,
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=f"{environment.prefix}{name}",
            visibility_timeout=Duration.seconds(visibility_seconds(name)),
            retention_period=RETENTION,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=max_receives(name)
            ),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=environment.removal_policy,
        )
        self.alarm = self._alarm(name, environment, alarms)

    def _by_name(self, queue_name: str) -> sqs.IQueue:
        # By name, because the two queues name each other: a reference would be a circle.
        arn = Stack.of(self).format_arn(service="sqs", resource=queue_name)
        return sqs.Queue.from_queue_arn(self, "Source", arn)

    def _alarm(self, name: str, environment: Environment, alarms: sns.ITopic) -> cloudwatch.Alarm:
        # Not NumberOfMessagesSent: that one does not count what SQS itself moves.
        metric = self.dead_letters.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic="Maximum"
        )
        alarm = metric.create_alarm(
            self,
            "DeadLetterAlarm",
            alarm_name=f"{environment.prefix}{name}-dlq",
            alarm_description="Messages that nobody could handle: somebody must look, then redrive:"
            f" see docs/runbook.md#{name}-dlq",
            threshold=0,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(cloudwatch_actions.SnsAction(alarms))
        return alarm

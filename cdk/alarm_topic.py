"""The one topic on which every alarm rings; operators subscribe to it."""

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.config import Environment


def alarm_topic(scope: Construct, id_: str, *, environment: Environment) -> sns.Topic:
    """A TLS-only topic to which this account's CloudWatch alarms of our prefix may publish."""
    topic = sns.Topic(scope, id_, topic_name=f"{environment.prefix}alarms", enforce_ssl=True)
    alarms = Stack.of(scope).format_arn(
        service="cloudwatch", resource=f"alarm:{environment.prefix}*"
    )
    # Any policy of ours replaces the default one, under which alarms may publish: without this
    # statement they would change their state and tell nobody.
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnLike": {"aws:SourceArn": alarms},
            },
        )
    )
    return topic

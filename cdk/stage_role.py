"""What a stage's role may do: exactly what its row of the stage table says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.acknowledged import acknowledge
from cdk.config import Environment
from cdk.secret_store import WALLET_KEY
from cdk.stage_queue import StageQueue
from cdk.stages import Stage

NETWORK_ZONES = ("ledger", "vault")

# Lambda itself uses the role to attach a function to the VPC. AWS has no narrower resource.
NETWORK_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)
# How dead letters are looked at, hidden meanwhile, and thrown away.
REDRIVE_ACTIONS = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage")
# X-Ray has no resources.
TRACING_ACTIONS = ("xray:PutTelemetryRecords", "xray:PutTraceSegments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What the deployed table rows point to, and so what a role can be allowed to touch."""

    environment: Environment
    queues: Mapping[str, StageQueue]
    secret_arns: Mapping[str, str]
    wallet_encryption: kms.IKey | None
    wallet_key: kms.IKey | None  # in KMS; without it the wallet's key is a secret
    event_bus: events.IEventBus

    def secrets_of(self, stage: Stage) -> dict[str, str]:
        """Name → ARN of what a stage may read."""
        return {
            name: self.secret_arns[name]
            for name in stage.all_secrets
            if not (name == WALLET_KEY and self.wallet_key)
        }

    def signing_key_of(self, stage: Stage) -> kms.IKey | None:
        """The key in KMS that a stage signs with in place of reading the wallet's secret."""
        return self.wallet_key if WALLET_KEY in stage.all_secrets else None


def stage_role(
    scope: Construct, *, stage: Stage, rights: Rights, function_arn: str, log_group_arn: str
) -> iam.IRole:
    """The stage's role, all of its rights in it; constructs that use it cannot add to them."""
    statements = [
        _allow(("logs:CreateLogStream", "logs:PutLogEvents"), [log_group_arn]),
        *_queue_statements(stage, rights),
        *_secret_statements(stage, rights),
    ]
    signing_key = rights.signing_key_of(stage)
    if signing_key:
        statements.append(_allow(["kms:GetPublicKey", "kms:Sign"], [signing_key.key_arn]))
    if stage.publishes:
        statements.append(_allow(["events:PutEvents"], [rights.event_bus.event_bus_arn]))
    if rights.environment.has_vpc and stage.zone in NETWORK_ZONES:
        statements += _network_statements(function_arn)
    if rights.environment.tracing:
        statements.append(_allow(TRACING_ACTIONS, ["*"]))
    role = iam.Role(
        scope,
        "Role",
        # The key's policy names it.
        role_name=rights.environment.wallet_role_name if signing_key else None,
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=f"microbatch {rights.environment.name}: {stage.name} ({stage.zone})",
        inline_policies={"stage": iam.PolicyDocument(statements=statements)},
    )
    acknowledge(
        role,
        "IAM5[Resource::*]",
        "AWS has no narrower resource for attaching a function to a VPC, which its own code is"
        " denied, nor for writing traces",
    )
    return role.without_policy_updates()


def _allow(actions: Iterable[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=resources)


def _queue_statements(stage: Stage, rights: Rights) -> list[iam.PolicyStatement]:
    own = [rights.queues[name] for name in stage.queues]
    sends_to = [rights.queues[name] for name in stage.sends_to]
    watched = [rights.queues[name] for name in stage.watches]
    statements = []
    if own:
        consume = (
            "sqs:ChangeMessageVisibility",  # how a retry waits
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        )
        statements.append(_allow(consume, [entry.queue.queue_arn for entry in own]))
    if stage.redrives:
        dead = [rights.queues[name].dead_letters.queue_arn for name in stage.redrives]
        statements.append(_allow(REDRIVE_ACTIONS, dead))
    # Its own queues for renewing a message, their dead-letter queues for giving up on one.
    targets = [entry.queue.queue_arn for entry in (*sends_to, *own)]
    targets += [entry.dead_letters.queue_arn for entry in own]
    if targets:
        statements.append(_allow(["sqs:SendMessage"], targets))
    if watched:
        arns = [q.queue_arn for entry in watched for q in (entry.queue, entry.dead_letters)]
        statements.append(_allow(["sqs:GetQueueAttributes"], arns))
    return statements


def _secret_statements(stage: Stage, rights: Rights) -> list[iam.PolicyStatement]:
    arns = list(rights.secrets_of(stage).values())
    statements = [_allow(["secretsmanager:GetSecretValue"], arns)] if arns else []
    if WALLET_KEY in stage.all_secrets and rights.wallet_encryption:
        via_secrets_manager = {"kms:ViaService": f"secretsmanager.{Aws.REGION}.amazonaws.com"}
        statements.append(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[rights.wallet_encryption.key_arn],
                conditions={"StringEquals": via_secrets_manager},
            )
        )
    return statements


def _network_statements(function_arn: str) -> list[iam.PolicyStatement]:
    return [
        _allow(NETWORK_ACTIONS, ["*"]),
        # … and the function's own code, which runs under the same role, may not.
        iam.PolicyStatement(
            effect=iam.Effect.DENY,
            actions=list(NETWORK_ACTIONS),
            resources=["*"],
            conditions={
                "ArnLike": {"lambda:SourceFunctionArn": [function_arn, f"{function_arn}:*"]}
            },
        ),
    ]

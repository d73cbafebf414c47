"""The stack's AWS endpoint holds each function to its role in the template."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cdk.config import LOCAL
from cdk.stages import BY_NAME, STAGES, Stage
from local.aws import trail
from local.aws.emulator import REGION
from local.stack import Stack
from microbatch.messages import QUEUES
from tests.e2e.world import World

BUS = f"{LOCAL.prefix}events"
DENIED = {"AccessDenied", "AccessDeniedException"}
# Nobody calls these in the demo's day.
NOT_OF_THE_DAY = {"chain_webhook"}


def _requests(stack: Stack) -> list[trail.Request]:
    return [entry for entry in trail.read(stack.folder) if isinstance(entry, trail.Request)]


def _stage(function: str) -> str:
    return function.removeprefix(LOCAL.prefix).replace("-", "_")


class Role:
    """Whoever has the credentials of a function's role, and nothing more."""

    def __init__(self, world: World, stage: str) -> None:
        name = f"{LOCAL.prefix}{stage.replace('_', '-')}"
        role = world._client("lambda").get_function_configuration(FunctionName=name)["Role"]
        given = world._client("sts").assume_role(RoleArn=role, RoleSessionName="somebody")
        self._world = world
        self._keys = given["Credentials"]

    def client(self, service: str, **keys: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._world.endpoints.aws_endpoint_url,
            region_name=REGION,
            aws_access_key_id=keys.get("key", self._keys["AccessKeyId"]),
            aws_secret_access_key=keys.get("secret", self._keys["SecretAccessKey"]),
            aws_session_token=keys.get("token", self._keys["SessionToken"]),
        )

    def may_read(self, secret: str) -> bool:
        name = self._world.endpoints.secrets[secret]
        return _allowed(lambda: self.client("secretsmanager").get_secret_value(SecretId=name))

    def may_send_to(self, queue: str) -> bool:
        """Asked about a message that no queue takes: nothing is sent even by who may."""
        url = self._world.endpoints.queues[queue]
        return _allowed(lambda: self.client("sqs").send_message(QueueUrl=url, MessageBody=""))


def _allowed(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True


def test_the_day_passed_under_the_roles_and_nobody_was_denied_anything(
    world: World, stack: Stack
) -> None:
    by_stage: dict[str, set[str]] = {}
    for request in _requests(stack):
        if request.caller.startswith(LOCAL.prefix) and _stage(request.caller) in BY_NAME:
            by_stage.setdefault(_stage(request.caller), set()).add(request.action)
            assert request.allowed, request

    assert by_stage.keys() >= BY_NAME.keys() - NOT_OF_THE_DAY
    actions = set.union(*by_stage.values())
    assert actions >= {"secretsmanager:GetSecretValue", "sqs:SendMessage", "events:PutEvents"}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_role_may_do_what_its_row_says_and_is_denied_everything_else(
    world: World, stage: Stage
) -> None:
    role = Role(world, stage.name)

    assert {name for name in world.endpoints.secrets if role.may_read(name)} == set(
        stage.all_secrets
    )
    assert {name for name in QUEUES if role.may_send_to(name)} == {*stage.queues, *stage.sends_to}
    entry = {"Source": "microbatch", "DetailType": "x", "Detail": "{}", "EventBusName": BUS}
    puts = _allowed(lambda: role.client("events").put_events(Entries=[entry]))
    assert puts == stage.publishes
    for service, call in (("secretsmanager", "list_secrets"), ("lambda", "list_functions")):
        assert not _allowed(getattr(role.client(service), call))


def test_lambda_itself_reads_each_functions_own_queues_and_no_other(
    world: World, stack: Stack
) -> None:
    read: dict[str, set[str]] = {}
    for entry in trail.read(stack.folder):
        if isinstance(entry, trail.Invocation) and entry.queue:
            queues = read.setdefault(_stage(entry.function), set())
            queues.add(entry.queue.removeprefix(LOCAL.prefix))

    assert len(read) > 10
    for stage, queues in read.items():
        assert queues <= set(BY_NAME[stage].queues)


def test_what_was_denied_stands_in_the_trail(world: World, stack: Stack) -> None:
    assert not Role(world, "swap_monitor").may_read("HOST_WALLET_PRIVATE_KEY")

    (*_, last) = [request for request in _requests(stack) if not request.allowed]
    assert (last.action, last.caller) == ("secretsmanager:GetSecretValue", "somebody")
    assert "HOST_WALLET_PRIVATE_KEY" in last.resource


@pytest.mark.parametrize(
    "wrong",
    [{"key": "AKIAIOSFODNN7EXAMPLE"}, {"secret": "another"}, {"token": "another"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_credentials_that_are_not_right_are_refused(world: World, wrong: dict[str, str]) -> None:
    client = Role(world, "event_publisher").client("events", **wrong)

    with pytest.raises(ClientError, match=r"invalid|not match|InvalidToken|Unrecognized"):
        client.put_events(Entries=[{"Source": "x", "DetailType": "x", "Detail": "{}"}])


def test_a_right_that_is_taken_away_is_missed_at_once(world: World) -> None:
    name = f"{LOCAL.prefix}swap-monitor"
    iam = world._client("iam")
    role = world._client("lambda").get_function_configuration(FunctionName=name)["Role"]
    role_name = role.rpartition("/")[2]
    policy = iam.get_role_policy(RoleName=role_name, PolicyName="stage")["PolicyDocument"]
    kept = [each for each in policy["Statement"] if "secretsmanager" not in str(each["Action"])]
    monitor = Role(world, "swap_monitor")
    assert monitor.may_read("CHANGENOW_API_KEY")

    _put(iam, role_name, {**policy, "Statement": kept})
    try:
        denied = not monitor.may_read("CHANGENOW_API_KEY")
    finally:
        _put(iam, role_name, policy)

    assert denied
    assert monitor.may_read("CHANGENOW_API_KEY")


def _put(iam: Any, role_name: str, policy: dict[str, Any]) -> None:
    document = json.dumps(policy)
    iam.put_role_policy(RoleName=role_name, PolicyName="stage", PolicyDocument=document)

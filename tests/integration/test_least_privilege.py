"""Least privilege by running: the path passes under the synthesized roles, nothing else does."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cdk.layers import LAYERS
from cdk.stages import STAGES, Stage
from microbatch import messages
from microbatch.messages import QUEUES
from microbatch.platform.observability import logger
from tests.fakes.pipeline import Pipeline
from tests.infrastructure.conftest import HOST_WALLET, _synthesize
from tests.infrastructure.deployed import Deployed
from tests.integration.doors import forget, sample, signed
from tests.integration.lambda_host import Log
from tests.integration.roles import GuardedDoors, Roles
from tests.integration.test_doors import NEXT, next_message
from tests.integration.test_sample_events import event
from tests.unit.stub_server import StubServer


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """What `-c environment=prod` would deploy."""
    layers = tmp_path_factory.mktemp("layers")
    for name in LAYERS:
        (layers / name / "python").mkdir(parents=True)
    out = tmp_path_factory.mktemp("prod")
    return _synthesize(layers, out, environment="prod", host_wallet=HOST_WALLET)


@pytest.fixture
def doors(
    aws: None,
    monkeypatch: pytest.MonkeyPatch,
    database_fields: dict[str, Any],
    outside: StubServer,
    pipeline: Pipeline,
    deployed: Deployed,
) -> Iterator[GuardedDoors]:
    """Every function, under its role."""
    doors = GuardedDoors(monkeypatch, database_fields, outside.url, pipeline.wallet)
    doors.roles = Roles(deployed)
    yield doors
    forget()


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    logging.getLogger(logger.name).addHandler(log)
    yield log
    logging.getLogger(logger.name).removeHandler(log)


@pytest.mark.parametrize("kind", [kind for kind, _ in NEXT])
def test_every_hop_of_the_path_passes_under_its_role(
    doors: GuardedDoors, pipeline: Pipeline, kind: type[messages.Message]
) -> None:
    outgoing = next_message(pipeline, kind)

    assert doors.deliver(outgoing.queue, signed(outgoing.queue, outgoing.message)) == 0
    assert doors.dead(outgoing.queue) == []
    assert doors.roles.used


def test_an_event_is_published_under_its_role(doors: GuardedDoors) -> None:
    assert doors.deliver("events", signed("events", sample(messages.EventOccurred))) == 0


@pytest.mark.parametrize("name", ["payment_webhook", "chain_webhook", "health"])
def test_every_route_answers_under_its_role(doors: GuardedDoors, name: str) -> None:
    assert doors.invoke(name, event(name))["statusCode"] == 200


@pytest.mark.parametrize("name", ["threshold_check", "payout_scheduler", "reconciler"])
def test_every_schedule_runs_under_its_role(doors: GuardedDoors, name: str) -> None:
    assert isinstance(doors.invoke(name, event(name)), dict)


def test_an_operator_and_a_deployment_are_served_under_their_roles(doors: GuardedDoors) -> None:
    assert doors.invoke("operations", event("operations"))["ok"] is True
    assert doors.invoke("migrator") == {"applied": []}


def test_a_message_that_is_given_up_is_moved_under_the_same_role(doors: GuardedDoors) -> None:
    doors.deliver("swap-monitor", "no message of ours")

    assert len(doors.dead("swap-monitor")) == 1


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_what_is_anothers_is_denied(doors: GuardedDoors, stage: Stage) -> None:
    own = {*stage.queues, *stage.sends_to}
    own |= {f"{queue}-dlq" for queue in stage.queues}
    secrets = {name for each in STAGES for name in each.all_secrets} - set(stage.all_secrets)
    for queue in set(QUEUES) - own:
        url = doors._urls[queue]
        with doors._acting_as(stage.name), pytest.raises(ClientError, match="not authorized"):
            boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    for secret in secrets:
        with doors._acting_as(stage.name), pytest.raises(ClientError, match="not authorized"):
            boto3.client("secretsmanager").get_secret_value(SecretId=secret)
    with doors._acting_as(stage.name), pytest.raises(ClientError, match="not authorized"):
        boto3.client("secretsmanager").list_secrets()


@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("secretsmanager:GetSecretValue", "cannot be read: AccessDeniedException"),
        ("sqs:SendMessage", "were not sent"),
    ],
)
def test_a_right_that_is_missing_is_missed(
    doors: GuardedDoors, pipeline: Pipeline, action: str, what: str, log: Log
) -> None:
    outgoing = next_message(pipeline, messages.ExchangeStatusRequested)
    doors.roles.taken["swap_monitor"] = action

    assert doors.deliver(outgoing.queue, signed(outgoing.queue, outgoing.message)) == 1
    assert what in " ".join(str(vars(record)) for record in log.records)


def test_the_wallets_key_needs_its_own_keys_leave(doors: GuardedDoors) -> None:
    doors.roles.taken["hostpay_signer"] = "kms:Decrypt"
    with doors._acting_as("hostpay_signer"), pytest.raises(ClientError, match="kms:Decrypt"):
        boto3.client("secretsmanager").get_secret_value(SecretId="HOST_WALLET_PRIVATE_KEY")

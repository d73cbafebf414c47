"""The synthesized roles, enforced: what a function calls is judged before AWS hears of it.

moto itself judges some services against any resource, so the judging is ours: the statements of the
template, the call's action and the name of what it is about.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from cdk.config import LOCAL
from cdk.stages import CONSUMER
from tests.infrastructure.deployed import Deployed, Statement
from tests.integration.doors import Doors

ACTIONS = {  # calls whose action has another name
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
}
POLLED = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


class Roles:
    """What each stage may do, as the template says it; tests may take statements away."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed
        self.taken: dict[str, str] = {}  # stage → action it is deprived of
        self.used: set[tuple[str, str, str]] = set()  # stage, action, resource

    def allow(self, stage: str, action: str, resource: str) -> bool:
        """IAM's rule: denied, unless a statement allows it and none denies it."""
        statements = [self._without_taken(stage, each) for each in self._deployed.statements(stage)]
        fitting = [each for each in statements if action in each.actions and _about(each, resource)]
        denied = any(each.effect == "Deny" and not each.conditions for each in fitting)
        allowed = any(each.effect == "Allow" for each in fitting)
        self.used.add((stage, action, resource))
        return allowed and not denied

    def encrypted_under(self, secret: str) -> str:
        """The key of ours that a secret is encrypted under; "" when it is AWS's own."""
        for each in self._deployed.of_type("AWS::SecretsManager::Secret", "data").values():
            if each["Name"].endswith(f"/{secret}") and "KmsKeyId" in each:
                return str(each["KmsKeyId"]["Fn::GetAtt"][0])
        return ""

    def _without_taken(self, stage: str, statement: Statement) -> Statement:
        return replace(statement, actions=statement.actions - {self.taken.get(stage, "")})


def _about(statement: Statement, resource: str) -> bool:
    return resource in statement.resources or "*" in statement.resources


class GuardedDoors(Doors):
    """Doors of which each may do what its role in the template allows, and nothing else."""

    roles: Roles

    def invoke(self, name: str, event: Mapping[str, Any] | None = None) -> Any:
        """As before, with the role of the stage on every call to AWS."""
        with self._acting_as(name):
            return super().invoke(name, event)

    def deliver(self, queue: str, *bodies: str) -> int:
        """As before; the poller reads the queue with the role of its function."""
        for action in POLLED:
            assert self.roles.allow(CONSUMER[queue].name, action, queue), (queue, action)
        return super().deliver(queue, *bodies)

    @contextmanager
    def _acting_as(self, stage: str) -> Iterator[None]:
        call = BaseClient._make_api_call

        def judged(client: BaseClient, operation: str, given: dict[str, Any]) -> Any:
            for action, resource in self._needed(client, operation, given):
                if not self.roles.allow(stage, action, resource):
                    said = f"{stage} is not authorized to perform {action} on {resource}"
                    error = {"Error": {"Code": "AccessDeniedException", "Message": said}}
                    raise ClientError(error, operation)
            return call(client, operation, given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, "_make_api_call", judged)
            yield

    def _needed(
        self, client: BaseClient, operation: str, given: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        service = client.meta.service_model.service_name
        called = f"{service}:{operation}"
        action = ACTIONS.get(called, called)
        if service == "sqs":
            yield action, given["QueueUrl"].rpartition("/")[2].removeprefix(LOCAL.prefix)
        elif service == "secretsmanager":
            secret = given.get("SecretId", "*")
            yield action, secret
            key = self.roles.encrypted_under(secret)
            if key:
                yield "kms:Decrypt", key
        elif service == "events":
            for entry in given["Entries"]:
                yield action, entry["EventBusName"].removeprefix(LOCAL.prefix)
        else:
            yield action, "*"

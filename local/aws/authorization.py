"""Every request to the emulator is judged by IAM, and written down.

With `AUTH=true` MiniStack checks each signature, and evaluates the policies of the caller and of
the resource; each Lambda worker has the credentials of its function's role, as the template has it.
What it does otherwise than AWS is put right here.
"""

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import sts

from local.aws.trail import Request, note

ACCOUNT_ITSELF = "account"

# Operations that IAM knows by another name: there is no action of a batch's own.
ACTIONS = {
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
# How Lambda itself reads a queue: with the role of the function that it reads for.
POLLED = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def register() -> None:
    """Makes the emulator of this process name actions as IAM does, and keep a trail."""
    from ministack import app  # noqa: PLC0415 (it reads its settings when it is imported)

    name_action, enforce = iam_actions.extract_iam_action, iam_evaluator.enforce
    pin = vars(app)["pin_request_origin"]

    def named_as_iam_does(*request: Any, **more: Any) -> str | None:
        action: str | None = name_action(*request, **more)
        return ACTIONS.get(action or "", action)

    def enforced(access_key: str, action: str, service: str, region: str, **more: Any) -> Any:
        denied = enforce(access_key, action, service, region, **more)
        note(Request(_caller(access_key), action, more.get("resource_arn", "*"), not denied))
        return denied

    def pinned(source_ip: str, secure_transport: bool) -> None:
        # Nobody else hears what is said on loopback: it counts as TLS, and policies that refuse
        # plain HTTP are evaluated with that.
        pin(source_ip, secure_transport or source_ip.startswith("127."))

    vars(iam_actions)["extract_iam_action"] = named_as_iam_does
    vars(iam_evaluator)["enforce"] = enforced
    vars(app)["pin_request_origin"] = pinned


def origin(function: Mapping[str, Any], event: Any) -> tuple[str, int]:
    """The queue that an event is from, "" if from none, and how many records it brings.

    Raises PermissionError when the function's role may not read that queue.
    """
    records = (event.get("Records") if isinstance(event, dict) else None) or ()
    queues = {str(record.get("eventSourceARN", "")) for record in records}
    for queue in queues - {""}:
        for action in POLLED:
            if not _role_allows(str(function["Role"]), action, queue):
                raise PermissionError(f"{function['Role']} may not {action} on {queue}")
    return "".join(queues).rpartition(":")[2], len(records)


def _role_allows(role_arn: str, action: str, resource: str) -> bool:
    account, role = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    asked = iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=resource.split(":")[3],
    )
    policies = iam_evaluator._gather_role_policies(role, account)  # noqa: SLF001
    return bool(iam_evaluator.evaluate(asked, policies).decision == "Allow")


def _caller(access_key: str) -> str:
    """The function that asks, by the session of its role."""
    session = sts._sessions.get(access_key) or {}  # noqa: SLF001
    return str(session.get("Arn", ACCOUNT_ITSELF)).rpartition("/")[2]

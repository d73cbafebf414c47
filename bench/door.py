"""A function as it is deployed, in this process: its settings, its login, and AWS at once.

The one thing that is not real is the way to AWS: secrets are there, and a queue takes what is sent
to it without a network. All that is measured is ours, the libraries' and the database's.
"""

import hashlib
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from cdk.config import LOCAL
from cdk.stages import BY_NAME, STAGES
from microbatch.messages import QUEUES
from microbatch.platform.observability import logger
from microbatch.wiring import parts, policies
from tests.fakes.logins import logins

ARN = "arn:aws:sqs:eu-central-1:123456789012:"
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/"
KEYS = {
    each.key: hashlib.sha256(each.key.encode()).hexdigest().encode() for each in QUEUES.values()
}
SURROUNDINGS = {
    "HOST_WALLET_ADDRESS": "0x" + "2c" * 20,
    "USDT_ADDRESS": "0x" + "55" * 20,
    "ETH_USD_FEED_ADDRESS": "0x" + "66" * 20,
    "CHANGENOW_URL": "http://127.0.0.1:1",
}


class Aws:
    """The clients that a function asks boto3 for; `take` is given what is sent: queue, entry."""

    def __init__(
        self,
        secrets: Mapping[str, str],
        take: Callable[[str, Mapping[str, Any]], object] = lambda _queue, _entry: None,
    ) -> None:
        self._secrets = secrets
        self._take = take

    def __call__(self, _service: str, **_limits: Any) -> "Aws":
        return self

    def send_message_batch(self, **call: Any) -> dict[str, Any]:
        """Every message is taken."""
        for entry in call["Entries"]:
            self._take(call["QueueUrl"].rpartition("/")[2], entry)
        return {"Successful": [{"Id": each["Id"]} for each in call["Entries"]]}

    def get_secret_value(self, **call: Any) -> dict[str, str]:
        """A secret's value; it was never changed."""
        if call.get("VersionStage") == "AWSPREVIOUS":
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self._secrets[call["SecretId"]]}


def secrets_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Every function's secrets: logins to this database, the signing keys, and no real other."""
    secrets = {stage_secret: "value" for stage in STAGES for stage_secret in stage.all_secrets}
    secrets |= {family: key.decode() for family, key in KEYS.items()}
    return secrets | {login: json.dumps(each) for login, each in logins(fields).items()}


@contextmanager
def door(
    name: str, fields: Mapping[str, Any], aws: Aws | None = None, **settings: str
) -> Iterator[Any]:
    """`lambda_handler(event)` of a function on this database; its log is thrown away."""
    before, client, output = dict(os.environ), parts.aws_client, sys.stdout
    os.environ.update(_environment(name) | settings)
    _forget()
    parts.aws_client = aws or Aws(secrets_of(fields))  # type: ignore[assignment]
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        sys.stdout = nowhere
        handler_of_log = logger.registered_handler
        assert isinstance(handler_of_log, logging.StreamHandler)
        logged = handler_of_log.setStream(nowhere)
        try:
            handler = importlib.import_module(f"functions.{name}.handler").lambda_handler
            yield lambda event: handler(event, _context(name))
        finally:
            if BY_NAME[name].zone in ("ledger", "vault"):
                parts.database().close()
            sys.stdout = output
            handler_of_log.setStream(logged or output)
            parts.aws_client = client
            _forget()
            os.environ.clear()
            os.environ.update(before)


def event(queue: str, bodies: list[str]) -> dict[str, Any]:
    """What Lambda hands over of a queue."""
    return {
        "Records": [
            {
                "messageId": f"00000000-0000-4000-8000-{number:012}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1800000000000"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"{ARN}{LOCAL.prefix}{queue}",
                "awsRegion": "eu-central-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def _environment(name: str) -> dict[str, str]:
    stage = BY_NAME[name]
    known = dict.fromkeys((*stage.queues, *stage.sends_to, *stage.watches))
    return (
        LOCAL.settings()
        | SURROUNDINGS
        | {
            "AWS_LAMBDA_FUNCTION_NAME": LOCAL.prefix + name,
            "STATEMENT_SECONDS": str(max(1, stage.timeout_seconds - 5)),
            "RESOURCE_PREFIX": LOCAL.prefix,
            "ENVIRONMENT": LOCAL.name,
            "QUEUE_URLS": json.dumps({URL: list(known)}),
            "SECRET_IDS": json.dumps({each: each for each in stage.all_secrets}),
        }
    )


def _context(name: str) -> Any:
    return SimpleNamespace(
        function_name=LOCAL.prefix + name,
        memory_limit_in_mb=BY_NAME[name].memory_mb,
        get_remaining_time_in_millis=lambda: 30_000,
        invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
        aws_request_id="00000000-0000-4000-8000-000000000000",
    )


def _forget() -> None:
    """As a new execution environment."""
    for module in (parts, policies):
        for made in vars(module).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()

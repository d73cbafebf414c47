"""Who uses a running stack from outside: senders of notifications, the operator, the schedule."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import boto3
import psycopg2
from psycopg2.extras import RealDictCursor

from local import nowpayments
from local.aws.emulator import ACCOUNT, REGION
from local.endpoints import Endpoints
from local.ports import http_get

COLD_START_SECONDS = 30.0
EXCHANGE_SECONDS = 5.0
EVENT_BUS = "microbatch-local-events"


class Customer:
    """One stack, used as its users do; the database is only ever read here."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self._ipn_secret = self.secret("NOWPAYMENTS_IPN_SECRET")

    def secret(self, name: str) -> str:
        """The value of a secret of the stack."""
        client = self._client("secretsmanager")
        value = client.get_secret_value(SecretId=self.endpoints.secrets[name])
        return str(value["SecretString"]).strip()

    def notify(self, fields: dict[str, Any], *, forged: bool = False) -> tuple[int, str]:
        """Send one notification: (HTTP status, answer)."""
        body = nowpayments.sorted_body(fields)
        return self.post(body, forged=forged)

    def post(self, body: bytes, *, forged: bool = False) -> tuple[int, str]:
        """Send one signed body as it is: (HTTP status, answer)."""
        signature = nowpayments.sign(body, self._ipn_secret)
        return nowpayments.send(
            f"{self.endpoints.webhook_url}/webhooks/nowpayments",
            body,
            nowpayments.forged(signature) if forged else signature,
            timeout_seconds=COLD_START_SECONDS,
        )

    def invoke(self, stage: str, event: Mapping[str, Any] | None = None) -> Any:
        """Run a function with IAM's right, as schedules and the operator do.

        Raises RuntimeError when it fails.
        """
        answer = self._client("lambda").invoke(
            FunctionName=self.endpoints.functions[stage], Payload=json.dumps(event or {})
        )
        result = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RuntimeError(f"{stage} failed: {result}")
        return result

    def operate(self, act: str, why: str = "the demo", **fields: Any) -> dict[str, Any]:
        """An operator's act. Raises RuntimeError when it is refused."""
        answer = self.invoke("operations", {"act": act, "who": "demo", "why": why, **fields})
        if not answer["ok"]:
            raise RuntimeError(f"{act} was refused: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        connection = psycopg2.connect(self.endpoints.database_url, cursor_factory=RealDictCursor)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, params or None)
                return [dict(row) for row in cursor.fetchall()]
        finally:
            connection.close()

    def depth(self, queue: str, *, dead: bool = False) -> int:
        """Messages in a queue, or in its dead-letter queue: visible, hidden and delayed."""
        url = self.endpoints.queues[queue] + ("-dlq" if dead else "")
        attributes = self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
            "Attributes"
        ]
        return sum(
            int(attributes.get(name, 0))
            for name in (
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            )
        )

    def listen(self, name: str) -> None:
        """From now on somebody else's queue of this name gets every event of ours."""
        sqs, bus = self._client("sqs"), self._client("events")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        pattern = json.dumps({"source": ["microbatch"]})
        bus.put_rule(Name=name, EventBusName=EVENT_BUS, EventPattern=pattern)
        targets = [{"Id": "1", "Arn": attributes["Attributes"]["QueueArn"]}]
        bus.put_targets(Rule=name, EventBusName=EVENT_BUS, Targets=targets)

    def heard(self, name: str) -> list[dict[str, Any]]:
        """The events that have come to that queue since the last look."""
        sqs, found = self._client("sqs"), []
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append(json.loads(message["Body"])["detail"])
        return found

    def exchange_says(self, what: str) -> list[dict[str, Any]]:
        """What the exchange's simulator has, `exchanges` or `payouts`. Raises RuntimeError."""
        url = f"{self.endpoints.own_changenow_url}/_control/{what}"
        status, body = http_get(url, EXCHANGE_SECONDS)
        if status != 200:
            raise RuntimeError(f"GET {url} answers {status}: {body}")
        found: list[dict[str, Any]] = json.loads(body, parse_float=Decimal)[what]
        return found

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoints.aws_endpoint_url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",
        )

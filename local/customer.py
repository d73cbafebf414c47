"""Who uses a running stack from outside: senders of notifications, the operator, the schedule."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
import psycopg2
from psycopg2.extras import RealDictCursor

from local import nowpayments
from local.aws.emulator import ACCOUNT, REGION
from local.endpoints import Endpoints

COLD_START_SECONDS = 30.0


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

    def _client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoints.aws_endpoint_url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",
        )

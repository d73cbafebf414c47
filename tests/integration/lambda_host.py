"""Stands in for Lambda's event source mapping, on a queue with its dead-letter queue."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import ClientError

from microbatch.platform.retry import QueueAddress, RetryingProcessor, RetryPolicy
from tests.fakes.lambda_event import delivered

BODY = '{ "token":"aé\\u00fc-_😀" ,\n\t"n": 1e3}'  # not what json.dumps would write
QUEUE = "orders"
QUEUE_ARN = f"arn:aws:sqs:eu-central-1:123456789012:{QUEUE}"
POLICY = RetryPolicy(wait_seconds=1, deadline_seconds=100, renew_at_receives=3)
VISIBILITY_SECONDS = 30  # of the queue: longer than any test, so what comes back was told to


def event_of(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """What a function is given of received messages."""
    return {"Records": [delivered(message, QUEUE_ARN) for message in messages]}


class Lambda:
    """Does what the event source mapping does: receives, invokes, deletes what has not failed."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.ahead_seconds = 0
        self.dead_letter_url = self._create("orders-dlq")
        self.url = self._create(QUEUE)
        self.address = QueueAddress(QUEUE, self.url, self.dead_letter_url)
        self._last: list[dict[str, Any]] = []
        self.before_deleting: Callable[[], None] = lambda: None

    def _create(self, name: str) -> str:
        attributes = {"VisibilityTimeout": str(VISIBILITY_SECONDS)}
        answer = self.client.create_queue(QueueName=name, Attributes=attributes)
        return str(answer["QueueUrl"])

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_seconds)

    def send(self, body: str = BODY, **rest: Any) -> None:
        self.client.send_message(QueueUrl=self.url, MessageBody=body, **rest)

    def run(self, handler: Callable[[SQSRecord], None], client: Any = None) -> list[str]:
        """The message ids that were reported as failed, of at most ten that were visible."""
        event = event_of(self.receive(self.url))
        processor = RetryingProcessor(
            client or self.client, POLICY, lambda _record: self.address, self.now
        )
        response = process_partial_response(event, handler, processor)
        failed = [item["itemIdentifier"] for item in response["batchItemFailures"]]
        self.before_deleting()
        for record in event["Records"]:
            if record["messageId"] not in failed:
                self.client.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        return failed

    def receive(self, url: str) -> list[dict[str, Any]]:
        answer = self.client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        self._last = answer.get("Messages", [])
        return self._last

    def give_back(self, after_seconds: int) -> None:
        """As if the queue's visibility time-out ended then for what was received last."""
        for message in self._last:
            self.client.change_message_visibility(
                QueueUrl=self.url,
                ReceiptHandle=message["ReceiptHandle"],
                VisibilityTimeout=after_seconds,
            )

    def wait_for_return(self) -> None:
        """Until the hidden or delayed message must be visible again."""
        time.sleep(POLICY.wait_seconds + 0.1)

    def live(self) -> int:
        return self._count(self.url)

    def dead(self) -> int:
        return self._count(self.dead_letter_url)

    def _count(self, url: str) -> int:
        attributes = self.client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        counts = ("", "NotVisible", "Delayed")
        return sum(
            int(attributes["Attributes"][f"ApproximateNumberOfMessages{each}"]) for each in counts
        )


class Failing:
    """The real client, one of whose calls fails."""

    def __init__(self, client: Any, call: str, code: str) -> None:
        self._client = client
        self._call = call
        self._error = ClientError({"Error": {"Code": code}}, call)

    def __getattr__(self, name: str) -> Any:
        return self._fail if name == self._call else getattr(self._client, name)

    def _fail(self, **_request: Any) -> Any:
        raise self._error


class Log(logging.Handler):
    """The records that were logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(record.levelname, str(record.msg)) for record in self.records]

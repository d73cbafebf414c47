"""A day of outage, compressed: one live copy of each message, renewed, then dead with its reason.

The functions' own settings compress the time: a retry every second, a day of a few seconds.
"""

import time
from typing import Any

import pytest

from cdk.config import LOCAL
from cdk.stages import CONSUMER
from microbatch.messages import ExchangeStatusRequested, PaymentReceived, ReceiptRequested
from tests.fakes.lambda_event import delivered
from tests.integration.doors import ARN, Doors, sample, signed
from tests.unit.stub_server import StubServer

COMPRESSED = {
    "RETRY_WAIT_SECONDS": "1",
    "RETRY_DEADLINE_SECONDS": "6",
    "RENEW_AT_RECEIVES": "3",
}
NOBODY = "http://127.0.0.1:1"
GIVE_UP_SECONDS = 20


class Outage:
    """A queue with one message, tried as Lambda would until it is gone."""

    def __init__(self, doors: Doors, queue: str, body: str) -> None:
        self.doors, self.queue = doors, queue
        self.url = doors._urls[queue]
        self.tries = 0
        self.first_sent: set[str] = set()
        self.most_live = 0
        doors._settings |= COMPRESSED
        doors._sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def live(self) -> int:
        return self.doors.counts().get(self.queue, 0)

    def run(self, until_tries: int | None = None) -> None:
        """Receive, invoke, delete what did not fail; until no copy lives, or so many tries."""
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while self.live() and (until_tries is None or self.tries < until_tries):
            assert time.monotonic() < deadline, "it never ends"
            self.most_live = max(self.most_live, self.live())
            received = self.doors._receive(self.queue)
            if not received:
                time.sleep(0.1)
                continue
            self.tries += 1
            self._invoke(received)

    def _invoke(self, received: list[dict[str, Any]]) -> None:
        for message in received:
            attributes = message.get("MessageAttributes", {})
            self.first_sent |= {value["StringValue"] for value in attributes.values()}
        records = [delivered(message, ARN + LOCAL.prefix + self.queue) for message in received]
        answer = self.doors.invoke(CONSUMER[self.queue].name, {"Records": records})
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.doors._sqs.delete_message(
                    QueueUrl=self.url, ReceiptHandle=record["receiptHandle"]
                )


def ends_dead(doors: Doors, queue: str, body: str, reason: str) -> None:
    outage = Outage(doors, queue, body)
    outage.run()
    assert outage.most_live == 1, "one live copy at any time"
    assert outage.tries >= 5, "tried again and again"
    assert len(outage.first_sent) == 1, "renewed, and its age not forgotten"
    ((dead_body, dead_reason),) = doors.dead(queue)
    assert dead_body == body
    assert reason in dead_reason


def test_a_day_without_changenow(doors: Doors) -> None:
    doors._settings["CHANGENOW_URL"] = NOBODY
    body = signed("swap-monitor", sample(ExchangeStatusRequested))
    ends_dead(doors, "swap-monitor", body, "RetryLater")


def test_a_day_without_a_node(doors: Doors) -> None:
    doors.set_secret("ETHEREUM_RPC_URL", NOBODY)
    asked = ReceiptRequested(
        timestamp=int(time.time()),
        unique_id="AAAABBBBCCCC2222",
        wallet="0x" + "2c" * 20,
        tx_hash="0x" + "ab" * 32,
    )
    ends_dead(doors, "chain-requests", signed("chain-requests", asked), "RetryLater")


def test_a_day_without_the_database(doors_without_database: Doors) -> None:
    body = signed("payments", sample(PaymentReceived))
    ends_dead(doors_without_database, "payments", body, "database")


def test_an_outage_that_ends_in_time_loses_nothing_and_repeats_nothing(
    doors: Doors, outside: StubServer
) -> None:
    asked = sample(ExchangeStatusRequested)
    doors._settings["CHANGENOW_URL"] = NOBODY
    outage = Outage(doors, "swap-monitor", signed("swap-monitor", asked))
    outage.run(until_tries=4)
    doors._settings["CHANGENOW_URL"] = outside.url
    outage.run()
    assert doors.dead("swap-monitor") == []
    assert len(doors.waiting("swap-results")) == 1


def test_a_function_that_crashes_before_its_handler_ends_in_the_dead_letter_queue(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody decides then: SQS itself counts the receives and moves the message."""
    url, queue = doors._urls["swap-monitor"], "swap-monitor"
    dead_arn = ARN + LOCAL.prefix + f"{queue}-dlq"
    doors._sqs.set_queue_attributes(
        QueueUrl=url,
        Attributes={
            "VisibilityTimeout": "0",
            "RedrivePolicy": f'{{"deadLetterTargetArn":"{dead_arn}","maxReceiveCount":5}}',
        },
    )
    body = signed(queue, sample(ExchangeStatusRequested))
    doors._sqs.send_message(QueueUrl=url, MessageBody=body)
    received = 0
    for _ in range(20):
        received += len(doors._receive(queue))  # and the function dies: nothing is told to SQS
    assert received == 5
    (letter,) = doors._receive(f"{queue}-dlq")
    assert letter["Body"] == body
    assert doors.counts() == {f"{queue}-dlq": 1}

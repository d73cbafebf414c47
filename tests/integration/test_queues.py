"""Sending to SQS, on moto."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import microbatch
from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.queues import BATCH_BYTES_MAX, Entry, Queues

QUEUES = ("payments", "swap-create")


@pytest.fixture
def client(aws: None) -> Any:
    return boto3.client("sqs")


@pytest.fixture
def urls(client: Any) -> dict[str, str]:
    return {name: client.create_queue(QueueName=f"test-{name}")["QueueUrl"] for name in QUEUES}


@pytest.fixture
def queues(client: Any, urls: dict[str, str]) -> Queues:
    return Queues(client, urls)


class Recorded:
    """The real client; remembers its batches, and lets some of them fail."""

    def __init__(self, client: Any, failing_url: str = "", error: Exception | None = None) -> None:
        self.batches: list[tuple[str, list[dict[str, Any]]]] = []
        self._client = client
        self._failing_url = failing_url
        self._error = error

    def send_message_batch(self, **request: Any) -> Any:
        url, entries = request["QueueUrl"], request["Entries"]
        self.batches.append((url, entries))
        if url != self._failing_url:
            return self._client.send_message_batch(**request)
        if self._error:
            raise self._error
        sent = self._client.send_message_batch(QueueUrl=url, Entries=entries[1:])
        failed = {"Id": entries[0]["Id"], "SenderFault": False, "Code": "InternalError"}
        return sent | {"Failed": [failed]}


def received(client: Any, url: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while True:
        answer = client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        if not answer.get("Messages"):
            return messages
        messages += answer["Messages"]


def test_a_message_arrives_with_body_and_attributes(
    queues: Queues, client: Any, urls: dict[str, str]
) -> None:
    body = json.dumps({"token": "abc-_"})

    queues.send([Entry("payments", body, attributes={"reason": "because"})])

    (message,) = received(client, urls["payments"])
    assert message["Body"] == body
    assert message["MessageAttributes"]["reason"]["StringValue"] == "because"
    assert received(client, urls["swap-create"]) == []


def test_a_delayed_message_is_not_visible_yet(queues: Queues) -> None:
    queues.send([Entry("payments", "now"), Entry("payments", "later", delay_seconds=60)])

    assert queues.depth("payments") == {"visible": 1, "in_flight": 0, "delayed": 1}


def test_messages_go_in_batches_of_ten_by_queue(client: Any, urls: dict[str, str]) -> None:
    recorded = Recorded(client)
    entries = [Entry(QUEUES[number % 2], str(number)) for number in range(25)]

    Queues(recorded, urls).send(entries)

    sizes = [(url, len(batch)) for url, batch in recorded.batches]
    payments, creates = urls["payments"], urls["swap-create"]
    assert sizes == [(payments, 10), (payments, 3), (creates, 10), (creates, 2)]
    bodies = {message["Body"] for url in urls.values() for message in received(client, url)}
    assert bodies == {str(number) for number in range(25)}


def test_a_batch_stays_within_one_mebibyte(client: Any, urls: dict[str, str]) -> None:
    recorded = Recorded(client)
    size = BATCH_BYTES_MAX // 2 - 20
    attributes = {"reason": "x" * 30}

    Queues(recorded, urls).send([Entry("payments", "x" * size), Entry("payments", "y" * size)])
    Queues(recorded, urls).send([Entry("payments", "x" * size, 0, attributes)] * 2)

    assert [len(batch) for _, batch in recorded.batches] == [2, 1, 1]


def test_what_sqs_could_never_take_is_refused() -> None:
    Entry("payments", "x" * BATCH_BYTES_MAX, delay_seconds=900)

    with pytest.raises(ValueError, match="1048577 bytes"):
        Entry("payments", "x" * (BATCH_BYTES_MAX + 1))
    with pytest.raises(ValueError, match="901 s"):
        Entry("payments", "x", delay_seconds=901)
    with pytest.raises(ValueError, match="-1 s"):
        Entry("payments", "x", delay_seconds=-1)


def test_nothing_to_send_makes_no_call(client: Any, urls: dict[str, str]) -> None:
    recorded = Recorded(client)

    Queues(recorded, urls).send([])

    assert recorded.batches == []


def test_a_refused_entry_is_raised_after_all_were_tried(client: Any, urls: dict[str, str]) -> None:
    recorded = Recorded(client, failing_url=urls["payments"])
    entries = [Entry("payments", "a"), Entry("payments", "b"), Entry("swap-create", "c")]

    with pytest.raises(RetryLater, match=r"1 of 3 .*: payments \(InternalError\)"):
        Queues(recorded, urls).send(entries)

    assert [message["Body"] for message in received(client, urls["payments"])] == ["b"]
    assert [message["Body"] for message in received(client, urls["swap-create"])] == ["c"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ClientError({"Error": {"Code": "RequestThrottled"}}, "SendMessageBatch"), "Throttled"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "EndpointConnectionError"),
    ],
)
def test_a_failed_call_is_raised_after_all_were_tried(
    client: Any, urls: dict[str, str], error: Exception, code: str
) -> None:
    recorded = Recorded(client, failing_url=urls["payments"], error=error)
    entries = [Entry("payments", "a"), Entry("payments", "b"), Entry("swap-create", "c")]

    with pytest.raises(RetryLater, match=f"2 of 3 .*{code}"):
        Queues(recorded, urls).send(entries)

    assert [message["Body"] for message in received(client, urls["swap-create"])] == ["c"]


def test_a_queue_without_url_stops_before_anything_is_sent(
    queues: Queues, client: Any, urls: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="swap-quote"):
        queues.send([Entry("payments", "a"), Entry("swap-quote", "b")])

    assert received(client, urls["payments"]) == []


def test_the_depth_of_an_absent_queue_is_retried_later(client: Any, urls: dict[str, str]) -> None:
    absent = Queues(client, {"payments": urls["payments"] + "-absent"})

    with pytest.raises(RetryLater, match="depth of payments"):
        absent.depth("payments")


def test_sending_does_not_load_the_database_driver() -> None:
    program = (
        "import sys, microbatch.platform.queues, microbatch.platform.secrets;"
        "print(sorted({'psycopg2', 'boto3', 'requests', 'web3'} & set(sys.modules)))"
    )

    package = Path(microbatch.__path__[0])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.mark.parametrize("header", [TRACE, ""])
def test_the_trace_travels_with_a_message(client: Any, urls: dict[str, str], header: str) -> None:
    recorded = Recorded(client)  # moto takes the attribute of a batch, and forgets it

    Queues(recorded, urls, lambda: header).send([Entry("payments", "a", attributes={"n": "1"})])

    ((_, (entry,)),) = recorded.batches
    sent = entry.get("MessageSystemAttributes", {})
    assert sent.get("AWSTraceHeader", {}).get("StringValue", "") == header
    assert entry["MessageAttributes"]["n"]["StringValue"] == "1"
    assert len(client.receive_message(QueueUrl=urls["payments"])["Messages"]) == 1

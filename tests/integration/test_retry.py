"""What becomes of failed messages, through the real batch processor on moto's SQS.

Time is compressed: waits of one second, and a clock that stands as many seconds ahead as told.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator

import boto3
import pytest
from aws_lambda_powertools.utilities.batch import process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken, RetryLater
from microbatch.platform.observability import metrics
from microbatch.platform.retry import RetryingProcessor
from tests.integration.lambda_host import BODY, POLICY, Failing, Lambda, Log, event_of


@pytest.fixture
def host(aws: None) -> Lambda:
    return Lambda(boto3.client("sqs"))


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    logging.getLogger("microbatch").addHandler(log)
    yield log
    logging.getLogger("microbatch").removeHandler(log)


@pytest.fixture(autouse=True)
def _fresh_metrics() -> Iterator[None]:
    metrics.provider.clear_metrics()
    yield
    metrics.provider.clear_metrics()


def failing_with(error: Exception) -> Callable[[SQSRecord], None]:
    def handler(record: SQSRecord) -> None:
        raise error

    return handler


def succeed(record: SQSRecord) -> None:
    assert record.body


LATER = failing_with(RetryLater("node answers 503"))


def test_what_succeeds_is_acknowledged_and_only_what_failed_is_reported(host: Lambda) -> None:
    host.send("good")
    host.send("bad")

    def handler(record: SQSRecord) -> None:
        if record.body == "bad":
            raise RetryLater("not now")

    assert len(host.run(handler)) == 1

    host.wait_for_return()
    assert [message["Body"] for message in host.receive(host.url)] == ["bad"]


def test_a_whole_failing_batch_does_not_raise(host: Lambda) -> None:
    host.send("one")
    host.send("two")

    assert len(host.run(LATER)) == 2


def test_retry_later_hides_the_message_for_the_wait(host: Lambda, log: Log) -> None:
    host.send()

    assert len(host.run(LATER)) == 1

    assert host.receive(host.url) == []
    host.wait_for_return()
    assert host.run(succeed) == []
    assert (host.live(), host.dead()) == (0, 0)
    assert log.lines == [("INFO", "message_retried")]


def test_a_renewed_message_is_the_same_but_counts_from_one(host: Lambda) -> None:
    host.send(MessageAttributes={"kept": {"DataType": "String", "StringValue": "as it is"}})
    (sent_at,) = {each["Attributes"]["SentTimestamp"] for each in host.receive(host.url)}
    host.give_back(after_seconds=1)
    failures = []
    for _ in range(2):  # the look at it was the first receive
        host.wait_for_return()
        failures.append(len(host.run(LATER)))
        assert host.live() == 1

    assert failures == [1, 0]
    assert host.receive(host.url) == []
    host.wait_for_return()
    (copy,) = host.receive(host.url)
    assert copy["Body"] == BODY
    assert copy["Attributes"]["ApproximateReceiveCount"] == "1"
    assert int(copy["Attributes"]["SentTimestamp"]) > int(sent_at)
    assert copy["MessageAttributes"]["first_sent_at"]["StringValue"] == sent_at
    assert copy["MessageAttributes"]["kept"]["StringValue"] == "as it is"


def test_a_message_is_retried_renewed_and_dead_lettered_with_one_live_copy(host: Lambda) -> None:
    host.send()
    (sent_at,) = {each["Attributes"]["SentTimestamp"] for each in host.receive(host.url)}
    host.give_back(after_seconds=1)
    for _ in range(4):  # wait, renew, wait, wait; the look was the first receive
        host.wait_for_return()
        host.run(LATER)
        assert (host.live(), host.dead()) == (1, 0)

    host.ahead_seconds = POLICY.deadline_seconds
    host.wait_for_return()
    host.run(LATER)

    assert (host.live(), host.dead()) == (0, 1)
    (dead,) = host.receive(host.dead_letter_url)
    assert dead["Body"] == BODY
    assert dead["MessageAttributes"]["first_sent_at"]["StringValue"] == sent_at
    assert dead["MessageAttributes"]["reason"]["StringValue"] == "RetryLater: node answers 503"


def test_age_counts_from_the_first_sending_not_from_the_copys(host: Lambda) -> None:
    first_sent_ms = int((time.time() - POLICY.deadline_seconds - 5) * 1000)
    attribute = {"DataType": "Number", "StringValue": str(first_sent_ms)}
    host.send(MessageAttributes={"first_sent_at": attribute})

    host.run(LATER)

    assert (host.live(), host.dead()) == (0, 1)


@pytest.mark.parametrize("value", ["tomorrow", "99999999999999"])
def test_a_senseless_first_sending_time_prolongs_nothing(host: Lambda, value: str) -> None:
    attribute = {"DataType": "String", "StringValue": value}
    host.send(MessageAttributes={"first_sent_at": attribute})
    host.ahead_seconds = POLICY.deadline_seconds + 1

    host.run(LATER)

    assert (host.live(), host.dead()) == (0, 1)


def test_poison_is_dead_lettered_at_once_with_its_reason(host: Lambda, log: Log) -> None:
    host.send()

    assert host.run(failing_with(InvalidToken("signature does not match"))) == []

    assert host.live() == 0
    (dead,) = host.receive(host.dead_letter_url)
    assert dead["Body"] == BODY
    reason = dead["MessageAttributes"]["reason"]["StringValue"]
    assert reason == "InvalidToken: signature does not match"
    assert log.lines == [("WARNING", "message_dead_lettered")]


def test_a_reason_sqs_could_not_carry_is_made_fit(host: Lambda) -> None:
    host.send()

    host.run(failing_with(InvalidInput("name is \x00\ud800" + "x" * 5000)))

    (dead,) = host.receive(host.dead_letter_url)
    reason = dead["MessageAttributes"]["reason"]["StringValue"]
    assert reason.startswith("InvalidInput: name is \ufffd\ufffdxx")
    assert len(reason) == 1000


def test_a_crash_before_the_acknowledgement_duplicates_at_most(host: Lambda) -> None:
    host.send()
    poison = failing_with(InvalidInput("amount is negative"))

    def crash() -> None:
        raise KeyboardInterrupt

    host.before_deleting = crash
    with pytest.raises(KeyboardInterrupt):
        host.run(poison)
    assert (host.live(), host.dead()) == (1, 1)

    host.give_back(after_seconds=0)
    host.before_deleting = lambda: None
    host.run(poison)

    assert (host.live(), host.dead()) == (0, 2)
    assert {dead["Body"] for dead in host.receive(host.dead_letter_url)} == {BODY}


@pytest.mark.parametrize("code", ["RequestThrottled", "AWS.SimpleQueueService.NonExistentQueue"])
def test_what_cannot_reach_the_dead_letter_queue_stays(host: Lambda, log: Log, code: str) -> None:
    host.send()
    poison = failing_with(InvalidInput("amount is negative"))

    assert len(host.run(poison, Failing(host.client, "send_message", code))) == 1

    assert (host.live(), host.dead()) == (1, 0)
    assert log.lines[-1] == ("WARNING", "message_not_moved")
    host.wait_for_return()
    assert host.run(poison) == []
    assert (host.live(), host.dead()) == (0, 1)


def test_what_cannot_be_renewed_stays(host: Lambda) -> None:
    host.send()
    for _ in range(2):
        host.run(LATER)
        host.wait_for_return()

    failed = host.run(LATER, Failing(host.client, "send_message", "RequestThrottled"))

    assert len(failed) == 1
    assert host.live() == 1
    host.wait_for_return()
    assert host.run(succeed) == []
    assert host.live() == 0


def test_a_stale_receipt_leaves_the_message_to_the_queues_own_time_out(
    host: Lambda, log: Log
) -> None:
    host.send()
    stale = Failing(host.client, "change_message_visibility", "ReceiptHandleIsInvalid")

    assert len(host.run(LATER, stale)) == 1

    assert host.live() == 1
    assert ("WARNING", "message_not_hidden") in log.lines


def test_a_bug_is_retried_and_logged_as_an_error(host: Lambda, log: Log) -> None:
    host.send()

    assert len(host.run(failing_with(KeyError("rate")))) == 1

    assert log.lines == [("ERROR", "message_met_a_bug")]
    assert log.records[0].exc_info is not None
    host.wait_for_return()
    assert host.run(succeed) == []
    assert (host.live(), host.dead()) == (0, 0)


def test_a_configuration_error_waits_and_is_logged_as_an_error(host: Lambda, log: Log) -> None:
    host.send()

    assert len(host.run(failing_with(ConfigurationError("secret X is missing")))) == 1

    assert log.lines == [("ERROR", "message_met_a_configuration_error")]
    assert (host.live(), host.dead()) == (1, 0)


def test_a_message_of_an_unknown_queue_stays(host: Lambda, log: Log) -> None:
    host.send()
    (message,) = host.receive(host.url)
    event = event_of([message])
    processor = RetryingProcessor(host.client, POLICY, lambda record: {}[record.queue_url])

    response = process_partial_response(event, LATER, processor)

    assert response == {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
    assert log.lines[-1] == ("ERROR", "message_not_moved")


def test_one_processor_serves_many_invocations(host: Lambda) -> None:
    host.send()
    (message,) = host.receive(host.url)
    event = event_of([message])
    processor = RetryingProcessor(host.client, POLICY, lambda _record: host.address)

    failed = process_partial_response(event, LATER, processor)
    succeeded = process_partial_response(event, succeed, processor)

    assert len(failed["batchItemFailures"]) == 1
    assert succeeded == {"batchItemFailures": []}


def test_outcomes_are_counted(host: Lambda, capsys: pytest.CaptureFixture[str]) -> None:
    for body in ("good", "later", "poison"):
        host.send(body)

    def handler(record: SQSRecord) -> None:
        if record.body == "later":
            raise RetryLater("not now")
        if record.body == "poison":
            raise InvalidInput("amount is negative")

    host.run(handler)
    metrics.flush_metrics()
    in_stage, everywhere = (json.loads(line) for line in capsys.readouterr().out.splitlines())

    (written,) = in_stage["_aws"]["CloudWatchMetrics"]
    assert written["Dimensions"] == [["environment"], ["environment", "stage"]]
    outcomes = ("processed", "retried", "dead_lettered", "message_age_seconds")
    assert [len(in_stage[name]) for name in outcomes] == [1, 1, 1, 3]
    assert everywhere["failed_tries"] == [1.0], "poison is not tried again"

"""One payment through every hop: its lines by its ids, its numbers by their dimensions."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cdk.config import LOCAL
from cdk.stages import BY_NAME, CONSUMER
from microbatch import messages
from microbatch.messages import Message, Outgoing
from microbatch.platform.observability import logger
from tests.fakes.pipeline import Pipeline
from tests.infrastructure.counted import emitted
from tests.integration.doors import ARN, Doors, sample, signed
from tests.unit.stub_server import StubServer

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
# What these do is not done for one payment: a quote is for the market, or for a payout.
NOT_ON_THE_PATH = {"swap_quoter"}


def record_of(outgoing: Outgoing) -> dict[str, Any]:
    """What SQS would hand over."""
    return {
        "messageId": "00000000-0000-4000-8000-000000000001",
        "receiptHandle": "none",
        "body": signed(outgoing.queue, outgoing.message),
        "attributes": {
            "SentTimestamp": str(int(datetime.now(UTC).timestamp() * 1000)),
            "ApproximateReceiveCount": "1",
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN + LOCAL.prefix + outgoing.queue,
        "awsRegion": "eu-central-1",
    }


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a function says: Lambda's standard output."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def said(log: io.StringIO) -> list[dict[str, Any]]:
    """The lines since the last time."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    log.seek(0)
    log.truncate()
    return lines


def path_of_a_payment(pipeline: Pipeline) -> list[Outgoing]:
    """The messages from a payment's notification to its share, the first of each class."""
    pipeline.now -= timedelta(minutes=30)  # its polls let time pass, and a door knows today's
    pipeline.payment("7", "0.02")
    path: dict[type[Message], Outgoing] = {}
    checked = False
    while pipeline.queue or not checked:
        if not pipeline.queue:
            pipeline.check()
            checked = True
        outgoing = pipeline.queue.pop(0)
        pipeline.step(outgoing)
        path.setdefault(type(outgoing.message), outgoing)
    return list(path.values())


def test_one_payment_is_followed_by_its_ids_over_every_hop(
    doors: Doors,
    pipeline: Pipeline,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each message comes once more when all is over: its door says whose it is all the same."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    lines: list[dict[str, Any]] = []
    path = path_of_a_payment(pipeline)
    said(log)
    for outgoing in path:
        stage = CONSUMER[outgoing.queue].name
        doors.invoke(stage, {"Records": [record_of(outgoing)]})
        lines += [{**line, "stage": stage} for line in said(log)]

    (swap,) = pipeline.rows("SELECT swap_id, owner_id, cn_api_id FROM swaps")
    (payment,) = pipeline.rows("SELECT payment_id, state FROM payments")
    assert payment["state"] == "converted"
    its_own = (payment["payment_id"], swap["owner_id"], swap["swap_id"], swap["cn_api_id"])
    query = re.compile(f'"({"|".join(its_own)})"')  # as docs/operations.md has it
    found = [line for line in lines if query.search(json.dumps(line))]

    reading = {name for name, stage in BY_NAME.items() if stage.queues} - NOT_ON_THE_PATH
    assert {line["stage"] for line in found} == reading
    assert {line["xray_trace_id"] for line in found} == {"1-5759e988-bd862e3fe1be46a994272793"}
    for_many = {"payments_accumulated", "events_published"}
    each = [line for line in found if line["message"] not in for_many]
    assert all(line["message_id"] and line["message_type"] for line in each)


def test_a_payment_stored_with_others_is_named_and_counted_in_its_stage(
    doors: Doors, pipeline: Pipeline, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.payment("7", "0.02")
    (outgoing,) = pipeline.queue

    answer = doors.invoke("accumulator", {"Records": [record_of(outgoing)]})

    assert answer == {"batchItemFailures": []}
    (payment,) = pipeline.rows("SELECT payment_id, state FROM payments")
    named = [line for line in said(log) if payment["payment_id"] in line.get("payment_ids", ())]
    assert [line["message"] for line in named] == ["payments_accumulated"]
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (counted,) = [each for each in written if "processed" in each]
    assert (counted["stage"], counted["processed"]) == ("accumulator", [1])
    assert 0 <= counted["message_age_seconds"][0] < 60


def test_the_ids_of_one_message_are_not_said_of_the_next(doors: Doors, log: io.StringIO) -> None:
    first = sample(messages.ExchangeStatusRequested)
    forged = record_of(Outgoing("swap-monitor", first)) | {"body": "{}", "messageId": "second"}

    doors.invoke("swap_monitor", {"Records": [record_of(Outgoing("swap-monitor", first)), forged]})

    of_second = [line for line in said(log) if line.get("message_id") == "second"]
    assert of_second
    assert not [line for line in of_second if "swap_id" in line]


def test_what_a_door_counts_has_the_dimensions_that_are_read(
    doors: Doors, outside: StubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.__exit__(None, None, None)  # nobody answers for ChangeNOW any more
    asked = Outgoing("swap-monitor", sample(messages.ExchangeStatusRequested))

    doors.invoke("swap_monitor", {"Records": [record_of(asked)]})

    written: dict[tuple[str, frozenset[str]], list[float]] = {}
    for line in capsys.readouterr().out.splitlines():
        said = json.loads(line)
        for blob in said.get("_aws", {}).get("CloudWatchMetrics", []):
            assert said["environment"] == "local"
            for names in blob["Dimensions"]:
                for metric in blob["Metrics"]:
                    written[metric["Name"], frozenset(names)] = said[metric["Name"]]
            assert said.get("stage", "swap_monitor") == "swap_monitor"
    everywhere, in_stage = frozenset({"environment"}), frozenset({"environment", "stage"})
    assert written["retried", in_stage] == written["retried", everywhere] == [1]
    assert written["exchange_calls", everywhere] == written["exchange_failures", everywhere] == [1]
    assert written["failed_tries", everywhere] == [1]
    assert set(written) <= emitted()


def test_a_poll_that_asks_again_is_not_yet_and_no_failure(
    doors: Doors, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline.payment("7", "0.02")
    pipeline.step(pipeline.queue.pop(0))
    pipeline.check()
    while not isinstance(pipeline.queue[0].message, messages.ReceiptObserved):
        pipeline.step(pipeline.queue.pop(0))
    receipt = pipeline.queue.pop(0)
    capsys.readouterr()

    doors.invoke("hostpay_recorder", {"Records": [record_of(receipt)]})

    blobs = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    (blob,) = [each for each in blobs if "processed" in each]
    assert blob["not_yet"] == [1]
    assert "retried" not in blob

"""Every door that a queue triggers, with a good message: the next one is on the right queue."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse

from cdk.stages import CONSUMER
from microbatch import messages
from microbatch.messages import QUEUES, Outgoing
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import BUS, Doors, everything, sample, signed

OF_OBSERVATIONS = (messages.ChainObservationRequested, messages.ChainObserved)


def next_message(pipeline: Pipeline, kind: type[messages.Message]) -> Outgoing:
    """The first message of this class on the path of one payment; all before it are delivered."""
    if kind in (messages.RangeRequested, messages.RangeObserved, *OF_OBSERVATIONS):
        pipeline.now = pipeline.now.replace(microsecond=1)
        with pipeline.database.transaction() as tx:
            tx.execute("DELETE FROM observation_requests")
        pipeline.reconcile()
    else:
        pipeline.payment("7", "0.02")
        if kind is not messages.PaymentReceived:
            pipeline.step(pipeline.queue.pop(0))
            pipeline.check()
    if kind is messages.TransferLogsFound:
        question = until(pipeline, messages.TransferLogsRequested)
        pipeline.chain.mine(3)  # deep enough to be believed
        pipeline.step(question)
    return until(pipeline, kind)


def until(pipeline: Pipeline, kind: type[messages.Message]) -> Outgoing:
    """Deliver what is on its way, until a message of this class is next."""
    while type(pipeline.queue[0].message) is not kind:
        pipeline.step(pipeline.queue.pop(0))
    return pipeline.queue.pop(0)


NEXT: list[tuple[type[messages.Message], dict[str, type[messages.Message]]]] = [
    (messages.PaymentReceived, {"events": messages.EventOccurred}),
    (messages.RangeObserved, {}),
    (messages.ChainObserved, {}),
    (messages.ExchangeCreated, {"hostpay-batch": messages.BatchOrder}),
    (messages.BatchOrder, {"hostpay-status-check": messages.StatusCheckRequest}),
    (messages.StatusCheckResponse, {"hostpay-payment-execute": messages.PaymentExecutionRequest}),
    (messages.PaymentExecutionRequest, {"chain-requests": messages.PreflightRequested}),
    (messages.PreflightObserved, {"hostpay-payment-execute": messages.PaymentExecutionRequest}),
    (messages.BroadcastObserved, {"chain-requests": messages.ReceiptRequested}),
    (messages.ReceiptObserved, {"chain-requests": messages.ReceiptRequested}),
    (messages.PaymentExecutionResponse, {"swap-monitor": messages.ExchangeStatusRequested}),
    (messages.ExchangeStatusObserved, {"chain-requests": messages.TransferLogsRequested}),
    (messages.TransferLogsFound, {"microbatch-response": messages.BatchResult}),
    (messages.BatchResult, {"events": messages.EventOccurred}),
    (messages.RangeRequested, {"swap-results": messages.RangeObserved}),
    (messages.ExchangeRequested, {"swap-results": messages.ExchangeCreated}),
    (messages.ExchangeStatusRequested, {"swap-results": messages.ExchangeStatusObserved}),
    (messages.StatusCheckRequest, {"hostpay-status-response": messages.StatusCheckResponse}),
    (messages.PreflightRequested, {"chain-results": messages.PreflightObserved}),
    (messages.BroadcastRequested, {"chain-results": messages.BroadcastObserved}),
    (messages.ReceiptRequested, {"chain-results": messages.ReceiptObserved}),
    (messages.ChainObservationRequested, {"chain-results": messages.ChainObserved}),
    (messages.TransferLogsRequested, {"swap-results": messages.TransferLogsFound}),
]


@pytest.mark.parametrize(("kind", "expected"), NEXT)
def test_a_good_message_is_processed_and_the_next_is_sent(
    doors: Doors,
    pipeline: Pipeline,
    kind: type[messages.Message],
    expected: dict[str, type[messages.Message]],
) -> None:
    outgoing = next_message(pipeline, kind)

    assert doors.deliver(outgoing.queue, signed(outgoing.queue, outgoing.message)) == 0

    assert doors.counts() == dict.fromkeys(expected, 1)
    for queue, next_kind in expected.items():
        # a question that is asked again comes later, and cannot be received yet
        assert {type(message) for message in doors.waiting(queue)} <= {next_kind}
    assert broken_invariants(pipeline.database) == []


def test_every_queue_of_the_path_has_been_served() -> None:
    served = {kind for kind, _ in NEXT}
    unserved = {
        queue for queue, carrier in QUEUES.items() if not served.intersection(carrier.carries)
    }

    assert unserved == {"hostpay-trigger", "events"}  # each has a test of its own
    assert set(CONSUMER) == set(QUEUES)


def test_an_order_for_one_swap_reserves_its_transfer(doors: Doors, pipeline: Pipeline) -> None:
    order = next_message(pipeline, messages.BatchOrder).message
    (swap,) = pipeline.rows("SELECT swap_id FROM swaps")
    for_one = messages.HostPayOrder(
        swap["swap_id"], order.cn_api_id, "eth", "eth", order.from_amount, order.payin_address,
        order.timestamp,
    )  # fmt: skip

    assert doors.deliver("hostpay-trigger", signed("hostpay-trigger", for_one)) == 0

    assert doors.counts() == {"hostpay-status-check": 1}
    assert pipeline.rows("SELECT unique_id, state FROM transfers") == [
        {"unique_id": swap["swap_id"], "state": "requested"}
    ]


@pytest.fixture
def put(doors: Doors) -> Iterator[list[Any]]:
    """What EventBridge is asked to put on the bus, call by call."""
    del doors  # which makes the session
    calls: list[Any] = []
    session = boto3.DEFAULT_SESSION
    assert session is not None
    watch = (
        "provide-client-params.events.PutEvents",
        lambda params, **_: calls.append(params["Entries"]),
    )
    session.events.register(*watch)
    yield calls
    session.events.unregister(*watch)


def test_an_event_goes_to_the_bus(doors: Doors, put: list[Any]) -> None:
    event = sample(messages.EventOccurred)

    assert doors.deliver("events", signed("events", event)) == 0

    assert doors.counts() == {}
    ((entry,),) = put
    assert entry["EventBusName"] == BUS
    assert json.loads(entry["Detail"])["id"] == event.event_id


def test_events_go_together_and_one_that_is_forged_holds_nobody_up(
    doors: Doors, put: list[Any]
) -> None:
    events = [
        dataclasses.replace(sample(messages.EventOccurred), event_id=f"event {number}")
        for number in range(3)
    ]
    good = [signed("events", each) for each in events]

    assert doors.deliver("events", good[0], "forged", *good[1:]) == 0

    (entries,) = put
    ids = sorted(json.loads(entry["Detail"])["id"] for entry in entries)
    assert ids == ["event 0", "event 1", "event 2"]
    assert doors.counts() == {"events-dlq": 1}


@pytest.mark.parametrize("refuses", ["one of them", "all of them", "to answer"])
def test_what_the_bus_does_not_take_waits_and_is_not_asked_for_again_at_once(
    doors: Doors, put: list[Any], refuses: str
) -> None:
    taken, refused = {"EventId": "1"}, {"ErrorCode": "ThrottlingException"}
    entries = [taken, refused, taken] if refuses == "one of them" else [refused] * 3
    said = json.dumps({"FailedEntryCount": 1, "Entries": entries}).encode()
    status = 503 if refuses == "to answer" else 200
    events = [
        dataclasses.replace(sample(messages.EventOccurred), event_id=f"{n}") for n in range(3)
    ]

    with answering(status, b"{}" if status == 503 else said):
        failed = doors.deliver("events", *(signed("events", each) for each in events))

    assert failed == {"one of them": 1, "all of them": 3, "to answer": 3}[refuses]
    assert len(put) == 1
    assert doors.counts() == {"events": failed}


@contextmanager
def answering(status: int, body: bytes) -> Iterator[None]:
    """EventBridge says just this."""
    assert boto3.DEFAULT_SESSION is not None
    emitter = boto3.DEFAULT_SESSION.events

    def answer(request: Any, **_: Any) -> AWSResponse:
        response = AWSResponse(request.url, status, {}, None)
        response._content = body
        return response

    emitter.register_first("before-send.events.PutEvents", answer)
    yield
    emitter.unregister("before-send.events.PutEvents", answer)


def test_the_signer_commits_the_bytes_that_it_sends(doors: Doors, pipeline: Pipeline) -> None:
    pipeline.step(next_message(pipeline, messages.PaymentExecutionRequest))
    execution = until(pipeline, messages.PaymentExecutionRequest)

    assert doors.deliver(execution.queue, signed(execution.queue, execution.message)) == 0

    (sent,) = doors.waiting("chain-requests")
    (attempt,) = pipeline.rows("SELECT tx_hash, raw_transaction FROM transfer_attempts")
    assert isinstance(sent, messages.BroadcastRequested)
    assert attempt == {"tx_hash": sent.tx_hash, "raw_transaction": sent.raw_transaction}
    assert pipeline.rows("SELECT state FROM transfers") == [{"state": "signed"}]


def test_bytes_whose_commit_fails_are_never_sent(doors: Doors, pipeline: Pipeline) -> None:
    pipeline.step(next_message(pipeline, messages.PaymentExecutionRequest))
    execution = until(pipeline, messages.PaymentExecutionRequest)
    with pipeline.database.transaction() as tx:
        tx.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'the commit fails'; END $$;"
            "CREATE CONSTRAINT TRIGGER fails_at_commit AFTER INSERT ON transfer_attempts"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
        )

    assert doors.deliver(execution.queue, signed(execution.queue, execution.message)) == 1

    assert pipeline.rows("SELECT 1 FROM transfer_attempts") == []
    assert doors.counts() == {execution.queue: 1}, "only the message that comes again"


def test_a_repeated_batch_result_changes_nothing(doors: Doors, pipeline: Pipeline) -> None:
    result = next_message(pipeline, messages.BatchResult)
    body = signed(result.queue, result.message)
    assert doors.deliver(result.queue, body) == 0
    money = money_in(pipeline.database)

    assert doors.deliver(result.queue, body) == 0

    assert money_in(pipeline.database) == money
    (batch,) = pipeline.rows("SELECT state FROM batches")
    assert batch == {"state": "distributed"}


def money_in(database: Database) -> dict[str, list[Any]]:
    tables = ("payments", "transfers", "transfer_attempts", "wallets", "swaps")
    return {name: rows for name, rows in everything(database).items() if name in tables}

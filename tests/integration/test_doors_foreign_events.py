"""Every door with an event that is none of its own: refused whole, or not looked at."""

from collections.abc import Callable
from typing import Any

import pytest

from cdk.config import LOCAL
from cdk.stages import STAGES, Stage
from microbatch.errors import InvalidInput
from microbatch.messages import QUEUES
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import ARN, Doors, everything, sample, signed
from tests.unit.stub_server import StubServer

HIDDEN = "hidden-value"
FOREIGN: dict[str, Any] = {
    "nothing": {},
    "null": None,
    "a list": [HIDDEN],
    "text": HIDDEN,
    "a number": 7,
    "another's": {"source": "aws.events", "detail": {"hidden": HIDDEN}},
}
BY_QUEUE = [stage for stage in STAGES if stage.queues]
BY_WEBHOOK = [stage for stage in STAGES if stage.routes and stage.name != "health"]
LOOK_AT_NO_EVENT = {"threshold_check", "payout_scheduler", "reconciler", "migrator", "health"}


def named(stage: Stage) -> str:
    return stage.name


def record(stage: Stage, number: int) -> dict[str, Any]:
    """A good message of the stage, as SQS hands it over."""
    queue = stage.queues[0]
    return {
        "messageId": f"00000000-0000-4000-8000-{number:012}",
        "receiptHandle": HIDDEN,
        "body": signed(queue, sample(QUEUES[queue].carries[0])),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1800000000000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN + LOCAL.prefix + queue,
    }


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda good: {key: value for key, value in good.items() if key != name}


def having(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda good: good | {name: value}


# How the second record of two is spoiled, and what the error names.
SPOILT: dict[str, Callable[[dict[str, Any]], Any]] = {
    " is no object": lambda good: HIDDEN,
    ".messageId is missing": without("messageId"),
    ".receiptHandle is missing": without("receiptHandle"),
    ".body is missing": without("body"),
    ".body is missing, or no text": having("body", {"token": HIDDEN}),
    ".eventSourceARN is missing": without("eventSourceARN"),
    ".eventSourceARN is of no queue": having("eventSourceARN", ARN + LOCAL.prefix + "nobody-s"),
    ".attributes.ApproximateReceiveCount is missing": without("attributes"),
    ".attributes.SentTimestamp is missing": having(
        "attributes", {"ApproximateReceiveCount": "1", "SentTimestamp": HIDDEN}
    ),
}


def refusals(doors: Doors, stage: Stage, events: list[Any]) -> list[str]:
    """How each event is refused."""
    said = []
    for event in events:
        with pytest.raises(InvalidInput) as refused:
            doors.invoke(stage.name, event)
        assert HIDDEN not in str(refused.value)
        said.append(str(refused.value))
    return said


@pytest.mark.parametrize("stage", BY_QUEUE, ids=named)
def test_what_is_no_event_of_its_queue_is_refused_whole(
    doors: Doors, pipeline: Pipeline, outside: StubServer, stage: Stage
) -> None:
    before = everything(pipeline.database)
    no_records: list[Any] = [{"Records": wrong} for wrong in (None, {}, [], HIDDEN)]
    spoilt = [{"Records": [record(stage, 1), spoil(record(stage, 2))]} for spoil in SPOILT.values()]

    for said in refusals(doors, stage, [*FOREIGN.values(), *no_records]):
        assert said.startswith("Records is missing in the event, or no list of records")
    for said, wrong in zip(refusals(doors, stage, spoilt), SPOILT, strict=True):
        assert said.startswith(f"Records[1]{wrong}")

    assert everything(pipeline.database) == before
    assert (doors.counts(), outside.requests) == ({}, [])


@pytest.mark.parametrize("stage", BY_WEBHOOK, ids=named)
def test_what_is_no_request_of_its_route_is_refused(doors: Doors, stage: Stage) -> None:
    requests = [{"routeKey": route} for route in (None, [], "GET /health", "$default")]
    known = {"routeKey": stage.routes[0]}

    for said in refusals(doors, stage, [*FOREIGN.values(), *requests]):
        assert said == f"routeKey in the event is not one of {', '.join(sorted(stage.routes))}"
    odd = [known | {"body": {}}, known | {"headers": [HIDDEN]}]
    for said, name in zip(refusals(doors, stage, odd), ("body", "headers"), strict=True):
        assert said == f"{name} in the event is not what the HTTP API hands over"

    assert doors.counts() == {}
    assert doors.invoke(stage.name, known)["statusCode"] == 401  # nothing in it, nothing signed


@pytest.mark.parametrize("name", sorted(LOOK_AT_NO_EVENT))
def test_who_looks_at_no_event_does_its_own_work(doors: Doors, name: str) -> None:
    for event in FOREIGN.values():
        answer = doors.invoke(name, event)

        assert isinstance(answer, dict)
        assert HIDDEN not in str(answer)


def test_an_operator_is_told_what_a_request_is(doors: Doors) -> None:
    for event in FOREIGN.values():
        answer = doors.invoke("operations", event)

        assert answer["ok"] is False
        assert answer["error"].startswith(("a request is a JSON object", "act None is not known"))


def test_every_door_has_been_tried() -> None:
    tried = {*LOOK_AT_NO_EVENT, "operations", *map(named, BY_QUEUE), *map(named, BY_WEBHOOK)}

    assert tried == set(map(named, STAGES))

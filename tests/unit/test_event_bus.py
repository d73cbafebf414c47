"""Business events go to the bus together; what it refuses is left, and only that."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from cdk.stages import CONSUMER
from microbatch.errors import InvalidInput, RetryLater
from microbatch.messages import EventOccurred
from microbatch.operations.outbound import publish, publish_many
from microbatch.platform.bus import ENTRIES_MAX, EventBus

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Events:
    """boto3's client for EventBridge: it refuses these events, and may not answer at all."""

    def __init__(self, refuses: set[str] = frozenset(), *, silent: bool = False) -> None:  # type: ignore[assignment]
        self.calls: list[list[dict[str, Any]]] = []
        self._refuses, self._silent = refuses, silent

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.calls.append(Entries)
        if self._silent:
            raise ReadTimeoutError(endpoint_url="https://events")
        answers = [
            {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
            if entry["DetailType"] in self._refuses
            else {"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}
            for entry in Entries
        ]
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}


def event(name: str) -> EventOccurred:
    return EventOccurred(
        timestamp=1_800_000_000,
        event_id=f"id of {name}",
        name=name,
        version="1",
        occurred_at="2026-11-23T00:00:00+00:00",
        detail=b'{"payment_id": "5000000001"}',
    )


NAMED = {f"message {name}": event(name) for name in ("first", "second", "third")}


def test_all_go_with_one_call() -> None:
    client = Events()

    assert publish_many(NAMED, EventBus(client, "events"), NOW) == {}

    (entries,) = client.calls
    assert [entry["DetailType"] for entry in entries] == ["first", "second", "third"]


def test_what_is_refused_is_left_and_nothing_else() -> None:
    bus = EventBus(Events({"second"}), "events")

    assert publish_many(NAMED, bus, NOW) == {"message second": "ThrottlingException"}
    with pytest.raises(RetryLater, match="ThrottlingException"):
        publish(NAMED["message second"], bus, NOW)


def test_without_an_answer_nothing_is_done() -> None:
    bus = EventBus(Events(silent=True), "events")

    with pytest.raises(RetryLater, match="event bus"):
        publish_many(NAMED, bus, NOW)


def test_a_call_that_cannot_be_right_is_no_matter_of_time() -> None:
    """Each is then put by itself; the one that is too large goes where an operator finds it."""
    client, error = Events(), {"Error": {"Code": "ValidationException", "Message": "too large"}}

    def refuse(**_call: Any) -> Any:
        raise ClientError(error, "PutEvents")

    client.put_events = refuse  # type: ignore[method-assign]

    with pytest.raises(InvalidInput, match="ValidationException"):
        publish(NAMED["message first"], EventBus(client, "events"), NOW)


def test_an_answer_for_some_of_them_is_none() -> None:
    client = Events()
    client.put_events = lambda **_call: {"Entries": [{"EventId": "1"}]}  # type: ignore[method-assign]

    with pytest.raises(RetryLater, match="1 of 3"):
        publish_many(NAMED, EventBus(client, "events"), NOW)


def test_a_call_brings_no_more_than_go_at_once() -> None:
    assert CONSUMER["events"].batch_size <= ENTRIES_MAX

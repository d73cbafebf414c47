"""tests/events: each is an event that its function takes, as AWS would hand it over."""

import json
from typing import Any

import pytest

from cdk.layers import PROJECT
from cdk.stages import BY_NAME
from microbatch.platform.database import Database
from tests.integration.doors import Doors

EVENTS = {path.stem: path for path in (PROJECT / "tests" / "events").glob("*.json")}


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EVENTS[name].read_text(encoding="utf-8"))
    return found


def test_there_is_an_event_of_every_kind_of_trigger() -> None:
    stages = [BY_NAME[name] for name in EVENTS]

    assert any(stage.queues for stage in stages)
    assert {stage.name for stage in BY_NAME.values() if stage.routes or stage.schedule} <= {*EVENTS}
    assert "operations" in EVENTS


@pytest.mark.parametrize("name", ["payment_webhook", "chain_webhook", "health"])
def test_a_request_is_answered(doors: Doors, name: str) -> None:
    answer = doors.invoke(name, event(name))

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["status"] in {"accepted", "ok"}


@pytest.mark.parametrize("name", ["threshold_check", "payout_scheduler", "reconciler"])
def test_a_schedule_runs(doors: Doors, name: str) -> None:
    assert isinstance(doors.invoke(name, event(name)), dict)


def test_an_operator_is_answered(doors: Doors) -> None:
    assert doors.invoke("operations", event("operations"))["ok"] is True


def test_a_message_is_stored(doors: Doors, database: Database) -> None:
    assert doors.invoke("accumulator", event("accumulator")) == {"batchItemFailures": []}

    with database.transaction() as tx:
        assert tx.one("SELECT payment_id, client_id FROM payments") == {
            "payment_id": "4938475683",
            "client_id": "7",
        }

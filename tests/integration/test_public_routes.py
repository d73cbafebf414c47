"""Every route of the stage table, knocked at from the internet by whoever has no signature."""

import json
from typing import Any

import pytest

from cdk.stages import BY_NAME, STAGES
from microbatch.wiring.steps import BODY_CHARACTERS_MAX
from tests.integration.doors import Doors

UNSIGNED = "GET /health"
SIGNED = [(stage.name, route) for stage in STAGES for route in stage.routes if route != UNSIGNED]
FORGED = {
    "x-nowpayments-sig": "ab" * 64,
    "x-alchemy-signature": "ab" * 32,
    "webhook-id": "msg_1",
    "webhook-timestamp": "1795328912",
    "webhook-signature": "v1,YWJhYmFi",
}


def knock(doors: Doors, name: str, route: str, **fields: Any) -> tuple[int, str]:
    event = {"version": "2.0", "routeKey": route, "headers": {}, "body": "{}", **fields}
    answer = doors.invoke(name, event)
    return answer["statusCode"], answer["body"]


@pytest.mark.parametrize(("name", "route"), SIGNED)
@pytest.mark.parametrize("headers", [{}, FORGED, dict.fromkeys(FORGED, "")])
def test_no_route_takes_anything_without_a_good_signature(
    doors_without_database: Doors, name: str, route: str, headers: dict[str, str]
) -> None:
    doors = doors_without_database

    assert knock(doors, name, route, headers=headers)[0] == 401
    assert doors.counts() == {}


def test_the_edge_answers_every_signed_route() -> None:
    assert len(SIGNED) == 3
    assert {BY_NAME[name].zone for name, _ in SIGNED} == {"edge"}


@pytest.mark.parametrize(("name", "route"), SIGNED)
@pytest.mark.parametrize("encoded", [False, True])
def test_a_huge_body_is_refused_before_any_work(
    doors_without_database: Doors, name: str, route: str, encoded: bool
) -> None:
    doors = doors_without_database
    for secret in BY_NAME[name].all_secrets:
        doors.set_secret(secret, None)  # whoever read one would fail

    body = "x" * (BODY_CHARACTERS_MAX + 1)
    assert knock(doors, name, route, body=body, isBase64Encoded=encoded)[0] == 413
    assert doors.counts() == {}


def test_health_says_that_something_is_unwell_and_not_even_what(
    doors_without_database: Doors,
) -> None:
    status, body = knock(doors_without_database, "health", UNSIGNED)

    assert status == 503
    assert json.loads(body) == {"status": "unavailable"}

"""Scripted failures of the ChangeNOW simulator as a client meets them on the wire."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.integration.changenow_process import (
    PRIVATE,
    TIMEOUT,
    Simulator,
    fresh_address,
    order,
    running,
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with running() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def _nothing_scripted(simulator: Simulator) -> Iterator[None]:
    yield
    simulator.call("DELETE", "/_control/faults")


def test_a_creation_that_timed_out_exists_and_the_private_list_finds_it(
    simulator: Simulator,
) -> None:
    wallet = fresh_address()
    simulator.script(path="/v2/exchange", kind="timeout_after", seconds=3)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        simulator.call("POST", "/v2/exchange", json=order(wallet), timeout=1)

    listed = simulator.call("GET", f"/v2/exchanges?payoutAddress={wallet}", key=PRIVATE)
    assert listed["count"] == 1


@pytest.mark.parametrize("kind", ["timeout_before", "drop"])
def test_a_request_that_was_not_processed_creates_nothing(simulator: Simulator, kind: str) -> None:
    wallet = fresh_address()
    simulator.script(path="/v2/exchange", kind=kind, seconds=2)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        simulator.call("POST", "/v2/exchange", json=order(wallet), timeout=1)

    listed = simulator.call("GET", f"/v2/exchanges?payoutAddress={wallet}", key=PRIVATE)
    assert listed["count"] == 0


def test_a_truncated_answer_breaks_off(simulator: Simulator) -> None:
    simulator.script(path="/v2/exchange/currencies", kind="truncate")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        simulator.call("GET", "/v2/exchange/currencies")


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ({"kind": "status", "status": 503}, 503, "internal_error"),
        ({"kind": "status", "status": 429, "body": "slow down"}, 429, "slow down"),
        ({"kind": "html"}, 502, "<html>"),
        ({"kind": "empty"}, 200, ""),
        ({"kind": "error200"}, 200, '"error"'),
        ({"kind": "gated"}, 401, "Unauthorized"),
    ],
)
def test_scripted_answers_come_once(
    simulator: Simulator, fault: dict[str, Any], status: int, text: str
) -> None:
    path = "/v2/exchange/currencies"
    simulator.script(path=path, **fault)
    answer = requests.get(simulator.url + path, timeout=TIMEOUT)

    assert answer.status_code == status
    assert text in answer.text
    assert isinstance(simulator.call("GET", path), list)

"""The gate before a service: everything goes through it, or nothing does, in the way it is told."""

import threading
from collections.abc import Iterator

import pytest
import requests

from local.gate import CONTROL, Gate
from tests.unit.stub_server import StubServer, told

SECONDS = 5


@pytest.fixture
def service() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


@pytest.fixture
def gate(service: StubServer) -> Iterator[str]:
    gate = Gate(0, service.url)
    threading.Thread(target=gate.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{gate.server_address[1]}"
    gate.shutdown()
    gate.server_close()


def _post(gate: str) -> requests.Response:
    headers = {"X-Amz-Target": "AmazonSQS.SendMessage"}
    return requests.post(f"{gate}/queue?a=1", data=b"body", headers=headers, timeout=SECONDS)


def _close(gate: str, way: str) -> requests.Response:
    return requests.post(gate + CONTROL, json={"closed": way}, timeout=SECONDS)


def test_open_it_passes_everything_on_as_it_is(gate: str, service: StubServer) -> None:
    service.answer = lambda _: told({"MessageId": "1"}, status=201)

    answer = _post(gate)

    (request,) = service.requests
    assert (request.method, request.path, request.query) == ("POST", "/queue", {"a": "1"})
    assert (request.body, request.headers["x-amz-target"]) == (b"body", "AmazonSQS.SendMessage")
    assert (answer.status_code, answer.json()) == (201, {"MessageId": "1"})


def test_dropped_connections_reach_nobody(gate: str, service: StubServer) -> None:
    assert _close(gate, "drop").status_code == 200

    with pytest.raises(requests.ConnectionError):
        _post(gate)
    assert service.requests == []


def test_unavailable_is_503_and_reaches_nobody(gate: str, service: StubServer) -> None:
    _close(gate, "unavailable")

    assert _post(gate).status_code == 503
    assert service.requests == []


def test_opened_again_it_passes_on_and_says_what_it_refused(gate: str, service: StubServer) -> None:
    service.answer = lambda _: told({})
    _close(gate, "unavailable")
    _post(gate)

    state = requests.delete(gate + CONTROL, timeout=SECONDS).json()
    _post(gate)

    assert state == {"state": "open", "passed": 0, "refused": 1}
    assert len(service.requests) == 1


@pytest.mark.parametrize("order", ['{"closed": "half"}', "{}", "[]", "nonsense"])
def test_an_order_that_makes_no_sense_changes_nothing(gate: str, order: str) -> None:
    answer = requests.post(gate + CONTROL, data=order, timeout=SECONDS)

    assert answer.status_code == 400
    assert requests.get(gate + CONTROL, timeout=SECONDS).json()["state"] == "open"


def test_a_service_that_is_not_there_is_a_dropped_connection(gate: str) -> None:
    lonely = Gate(0, "http://127.0.0.1:9")
    threading.Thread(target=lonely.serve_forever, args=(0.01,), daemon=True).start()
    try:
        with pytest.raises(requests.ConnectionError):
            _post(f"http://127.0.0.1:{lonely.server_address[1]}")
    finally:
        lonely.shutdown()
        lonely.server_close()


@pytest.mark.parametrize("upstream", ["https://127.0.0.1:1", "http://127.0.0.1", "127.0.0.1:1"])
def test_it_stands_before_an_address_of_this_machine_only(upstream: str) -> None:
    with pytest.raises(ValueError, match="is not http://host:port"):
        Gate(0, upstream)

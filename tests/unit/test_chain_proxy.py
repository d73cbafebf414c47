"""The fault-injecting proxy in front of a stub: which calls go wrong, and how."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from local.chain_proxy import ERRORS, FOR_EVER, ChainProxy, Fault
from local.chain_proxy.errors import EVERYWHERE
from microbatch.vendors.ethereum.broadcast import BroadcastOutcome, classify_broadcast_error
from tests.unit.chain_proxy_client import (
    ACCOUNT,
    BLOCK_HASH,
    COUNT,
    PAYEE,
    RECEIPT,
    RESULTS,
    SEND,
    TIMEOUT,
    ask,
    call,
    node,
    post,
    raw,
    signed,
)
from tests.unit.stub_server import StubServer, told


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer(node) as stub:
        yield stub


@pytest.fixture
def proxy(stub: StubServer) -> Iterator[ChainProxy]:
    with ChainProxy(stub.url) as proxy:
        yield proxy


# --- passing --------------------------------------------------------------------------------------


def test_what_suffers_nothing_passes_byte_for_byte(stub: StubServer, proxy: ChainProxy) -> None:
    body = b'{"id": 7,\n "method":"eth_chainId", "jsonrpc":"2.0"}'
    answer = requests.post(proxy.url, data=body, timeout=TIMEOUT)

    assert answer.json() == {"jsonrpc": "2.0", "id": 7, "result": "0x1"}
    assert [request.body for request in stub.requests] == [body]


def test_what_is_no_json_is_the_nodes_to_judge(stub: StubServer, proxy: ChainProxy) -> None:
    stub.answer = lambda _request: told("parse error", 400)
    answer = requests.post(proxy.url, data=b"{", timeout=TIMEOUT)

    assert (answer.status_code, answer.text) == (400, "parse error")


def test_in_a_batch_each_call_has_its_own_fate(proxy: ChainProxy) -> None:
    proxy.fault("error", "eth_blockNumber", error="limit_exceeded")
    batch = [call("eth_chainId"), call("eth_blockNumber", call_id=2), call(COUNT, call_id=3)]
    answers = post(proxy, batch).json()

    assert [one["id"] for one in answers] == [1, 2, 3]
    assert [one.get("result") for one in answers] == ["0x1", None, "0xa"]
    assert answers[1]["error"] == {"code": -32005, "message": "limit exceeded"}


def test_a_spoilt_answer_spoils_the_batch_but_not_what_was_done(proxy: ChainProxy) -> None:
    proxy.fault("status", "eth_blockNumber", status=429)
    answer = post(proxy, [call("eth_chainId"), call("eth_blockNumber"), call(SEND, raw())])

    assert answer.status_code == 429
    assert [(one.forwarded, one.status) for one in proxy.calls()] == [(1, 429), (0, 429), (1, 429)]


def test_without_a_node_there_is_a_bad_gateway() -> None:
    with StubServer() as gone:
        pass
    with ChainProxy(gone.url) as proxy:
        assert post(proxy, call("eth_chainId")).status_code == 502


# --- which calls ----------------------------------------------------------------------------------


def test_skip_and_times_count_matching_calls_only(proxy: ChainProxy) -> None:
    fault = proxy.fault("null", RECEIPT, skip=1, times=2)
    seen = []
    for _ in range(4):
        ask(proxy, "eth_chainId")
        seen.append(ask(proxy, RECEIPT, BLOCK_HASH)["result"] is None)

    assert seen == [False, True, True, False]
    assert (fault.fired, proxy.pending()) == (2, [])


def test_predicates_look_into_parameters_and_signed_bytes(proxy: ChainProxy) -> None:
    proxy.fault("lower_count", address=PAYEE.lower(), tag="latest", n=9)
    proxy.fault("error", address=ACCOUNT.address, nonce=3, error="underpriced")
    proxy.fault("error", tx_hash="0x" + bytes(signed(4).hash).hex(), error="spammer")
    proxy.fault("result", "eth_getCode", when=lambda one: one.params[0] == PAYEE, result="0xef")

    assert ask(proxy, COUNT, ACCOUNT.address, "latest")["result"] == "0xa"
    assert ask(proxy, COUNT, PAYEE, "pending")["result"] == "0xa"
    assert ask(proxy, COUNT, PAYEE, "latest")["result"] == "0x1"
    assert "result" in ask(proxy, SEND, raw(2))
    assert ask(proxy, SEND, raw(3))["error"]["message"] == "transaction underpriced"
    assert ask(proxy, SEND, raw(4))["error"]["message"] == "spammer"
    assert ask(proxy, "eth_getCode", PAYEE)["result"] == "0xef"


def test_chance_is_the_same_for_the_same_seed(proxy: ChainProxy) -> None:
    def struck() -> list[bool]:
        proxy.clear()
        proxy.fault("wrong_chain_id", probability=0.5, seed=3, times=FOR_EVER)
        return [ask(proxy, "eth_chainId")["result"] == "0x5" for _ in range(20)]

    first = struck()

    assert struck() == first
    assert 0 < sum(first) < 20


@pytest.mark.parametrize(
    "said",
    [
        {"kind": "nonsense"},
        {"kind": "result"},
        {"kind": "error", "error": "nonsense"},
        {"kind": "error", "error": {"code": 1}},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "probability": 0},
        {"kind": "lower_count", "forwards": 0},
        {"kind": "status", "content": "xml"},
        {"kind": "duplicate", "shown": "both"},
    ],
)
def test_a_fault_without_sense_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        Fault(**said)


# --- how it goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "forwarded"), [("drop", 0), ("drop_answer", 1)])
def test_a_dropped_answer_is_forwarded_a_dropped_call_is_not(
    stub: StubServer, proxy: ChainProxy, kind: str, forwarded: int
) -> None:
    proxy.fault(kind, SEND)
    with pytest.raises(requests.ConnectionError):
        ask(proxy, SEND, raw())

    (made,) = proxy.calls()
    assert len(stub.requests) == made.forwarded == forwarded
    assert (made.fault, made.status, made.answer) == (kind, 0, None)
    assert (made.truth is not None) == bool(forwarded)
    assert proxy.transactions()[0].forwarded == forwarded


def test_every_error_comes_by_its_name_and_we_know_what_it_means(proxy: ChainProxy) -> None:
    for name, error in ERRORS.items():
        proxy.fault("error", error=name)
        outcome = classify_broadcast_error(error.message, error.code)

        assert ask(proxy, SEND, raw())["error"] == error.as_json()
        assert name in EVERYWHERE or outcome is not BroadcastOutcome.UNKNOWN, name
    assert {one.forwarded for one in proxy.calls()} == {0}


def test_an_error_can_come_after_the_node_has_the_bytes(proxy: ChainProxy) -> None:
    error = {"code": -32603, "message": "oops"}
    proxy.fault("error", error=error, forwards=1, status=400)
    answer = post(proxy, call(SEND, raw()))

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert (proxy.calls()[0].forwarded, proxy.calls()[0].truth["result"]) == (1, RESULTS[SEND])


@pytest.mark.parametrize(
    ("said", "status", "content_type", "text"),
    [
        ({}, 503, "application/json", '"code": 503'),
        ({"status": 429, "body": {"a": 1}}, 429, "application/json", '{"a": 1}'),
        ({"status": 402, "content": "text"}, 402, "text/plain; charset=utf-8", "Payment Required"),
        ({"status": 403, "content": "text", "body": "no"}, 403, "text/plain; charset=utf-8", "no"),
        ({"status": 502, "content": "html"}, 502, "text/html", "<h1>502 Bad Gateway</h1>"),
    ],
)
def test_a_status_comes_with_any_body(
    proxy: ChainProxy, said: dict[str, Any], status: int, content_type: str, text: str
) -> None:
    proxy.fault("status", **said, retry_after=3)
    answer = post(proxy, call("eth_chainId"))

    assert (answer.status_code, answer.headers["Content-Type"]) == (status, content_type)
    assert text in answer.text
    assert answer.headers["Retry-After"] == "3"
    assert proxy.calls()[0].forwarded == 0


def test_garbage_and_nothing_are_answered_with_200(proxy: ChainProxy) -> None:
    proxy.fault("garbage")
    proxy.fault("garbage", body="null")
    proxy.fault("empty")
    texts = [post(proxy, call("eth_chainId")).text for _ in range(3)]

    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(texts[0])
    assert texts[1:] == ["null", ""]


def test_a_truncated_answer_breaks_off(proxy: ChainProxy) -> None:
    proxy.fault("truncated")
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        post(proxy, call("eth_chainId"))
    assert proxy.calls()[0].answer == '{"jsonrpc": "2.0", "id'


def test_a_delay_is_before_the_node_or_after_it(stub: StubServer, proxy: ChainProxy) -> None:
    proxy.fault("delay", wait_seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        requests.post(proxy.url, json=call("eth_chainId"), timeout=0.1)
    assert not stub.requests
    proxy.fault("delay", hold_seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        requests.post(proxy.url, json=call("eth_chainId"), timeout=0.1)
    assert stub.requests

    deadline = time.monotonic() + 5
    while not all(one.done for one in proxy.calls()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [one.forwarded for one in proxy.calls()] == [1, 1]


def test_a_duplicate_sends_the_bytes_twice(stub: StubServer, proxy: ChainProxy) -> None:
    proxy.fault("duplicate")
    ask(proxy, SEND, raw())

    assert len({request.body for request in stub.requests}) == 1
    assert len(stub.requests) == proxy.transactions()[0].forwarded == 2
    assert proxy.transactions()[0].offered == 1

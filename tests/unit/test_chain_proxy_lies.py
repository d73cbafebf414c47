"""What the proxy says that is not so, what it keeps of it all, and its control surface."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local.chain_proxy import FOR_EVER, ChainProxy
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

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer(node) as stub:
        yield stub


@pytest.fixture
def proxy(stub: StubServer) -> Iterator[ChainProxy]:
    with ChainProxy(stub.url) as proxy:
        yield proxy


@pytest.mark.parametrize(
    ("kind", "method", "said", "result"),
    [
        ("null", RECEIPT, {}, None),
        ("null", "eth_chainId", {"method": "eth_chainId"}, None),
        ("wrong_chain_id", "eth_chainId", {}, "0x5"),
        ("wrong_chain_id", "eth_chainId", {"value": 137}, "0x89"),
        ("wrong_balance", "eth_getBalance", {}, "0x0"),
        ("wrong_balance", "eth_getBalance", {"value": 10**20}, hex(10**20)),
        ("lower_count", COUNT, {"n": 9}, "0x1"),
        ("lower_count", COUNT, {"n": 99}, "0x0"),
        ("higher_count", COUNT, {"n": 3}, "0xd"),
        ("stale_head", "eth_blockNumber", {"n": 16}, "0x54"),
        ("stale_head", "eth_blockNumber", {"block": 5}, "0x5"),
        ("stale_head", RECEIPT, {"block": 5}, None),
        ("wrong_hash", SEND, {"value": "0x12"}, "0x12"),
    ],
)
def test_a_lie_takes_the_place_of_the_truth(
    proxy: ChainProxy, kind: str, method: str, said: dict[str, Any], result: Any
) -> None:
    proxy.fault(kind, **said)

    assert ask(proxy, method, "0x00")["result"] == result
    assert proxy.calls()[0].truth["result"] == RESULTS[method]
    assert ask(proxy, method, "0x00")["result"] == RESULTS[method]


def test_a_receipt_is_moved_to_another_block(proxy: ChainProxy) -> None:
    proxy.fault("other_block")
    receipt = ask(proxy, RECEIPT, BLOCK_HASH)["result"]

    assert receipt["blockHash"] == receipt["logs"][0]["blockHash"] != BLOCK_HASH
    assert receipt["blockNumber"] == RESULTS[RECEIPT]["blockNumber"]


def test_a_false_success_has_the_right_hash_and_loses_the_bytes(
    stub: StubServer, proxy: ChainProxy
) -> None:
    proxy.fault("false_success")

    assert ask(proxy, SEND, raw())["result"] == "0x" + bytes(signed().hash).hex()
    assert not stub.requests


def test_a_stale_tag_asks_for_an_older_block(stub: StubServer, proxy: ChainProxy) -> None:
    proxy.fault("stale_tag", n=5, times=FOR_EVER)
    ask(proxy, COUNT, PAYEE, "finalized")
    ask(proxy, COUNT, PAYEE, "latest")

    said = [request.json() for request in stub.requests]
    assert [one["params"] for one in said if one["method"] == COUNT] == [
        [PAYEE, hex(0x62 - 5)],
        [PAYEE, "latest"],
    ]
    assert [one.params[1] for one in proxy.calls()] == ["finalized", "latest"]


def test_a_stale_head_answers_everything_from_there(stub: StubServer, proxy: ChainProxy) -> None:
    proxy.fault("stale_head", n=16, times=FOR_EVER)
    for tag in ("latest", "pending", "finalized", "earliest"):
        ask(proxy, COUNT, PAYEE, tag)

    said = [request.json() for request in stub.requests]
    asked = [one["params"][1] for one in said if one["method"] == COUNT]
    assert asked == ["0x54", "0x54", "0x54", "earliest"]


def test_a_tag_can_be_unheard_of(proxy: ChainProxy) -> None:
    proxy.fault("unsupported_tag", times=FOR_EVER)
    proxy.fault("unsupported_tag", tag="safe", error="tag_not_supported")

    assert ask(proxy, COUNT, PAYEE, "finalized")["error"]["code"] == -39001
    assert ask(proxy, COUNT, PAYEE, "safe")["error"]["code"] == -32602
    assert ask(proxy, COUNT, PAYEE, "latest")["result"] == "0xa"


def test_another_calls_answer_has_another_id(proxy: ChainProxy) -> None:
    proxy.fault("wrong_id")
    assert ask(proxy, "eth_chainId")["id"] != 1


def test_a_lie_without_anything_to_lie_about_waits(stub: StubServer, proxy: ChainProxy) -> None:
    fault = proxy.fault("other_block")
    stub.answer = lambda _request: told({"jsonrpc": "2.0", "id": 1, "result": None})
    assert ask(proxy, RECEIPT, BLOCK_HASH)["result"] is None
    assert (fault.fired, proxy.calls()[0].fault) == (0, "")

    stub.answer = node
    assert ask(proxy, RECEIPT, BLOCK_HASH)["result"]["blockHash"] != BLOCK_HASH
    assert (fault.fired, proxy.calls()[1].fault) == (1, "other_block")


# --- what is kept ---------------------------------------------------------------------------------


def test_every_transaction_is_kept_decoded(proxy: ChainProxy) -> None:
    legacy = ACCOUNT.sign_transaction(
        {"nonce": 8, "to": PAYEE, "value": 1, "gas": 21_000, "gasPrice": 9, "chainId": 1}
    )
    for text in (raw(7), raw(7), "0x" + bytes(legacy.raw_transaction).hex(), "0x02ff"):
        ask(proxy, SEND, text)

    first, second, third = proxy.transactions()
    assert (first.sender, first.nonce, first.to, first.value_wei) == (ACCOUNT.address, 7, PAYEE, 5)
    assert (first.max_fee_per_gas_wei, first.max_priority_fee_per_gas_wei) == (7, 2)
    assert (first.gas_limit, first.chain_id, first.kind, first.data) == (21_000, 1, 2, "0x")
    assert (first.tx_hash, first.raw) == ("0x" + bytes(signed(7).hash).hex(), raw(7))
    assert (first.offered, first.forwarded) == (2, 2)
    assert (second.sender, second.nonce, second.to) == (ACCOUNT.address, 8, PAYEE)
    assert (second.max_fee_per_gas_wei, second.chain_id, second.kind) == (9, 1, 0)
    assert third.sender == ""
    assert third.problem
    assert proxy.transactions(ACCOUNT.address.lower()) == [first, second]


def test_a_stopped_proxy_is_gone_and_comes_back_where_it_was(proxy: ChainProxy) -> None:
    url = proxy.url
    with requests.Session() as kept:
        kept.post(url, json=call("eth_chainId"), timeout=TIMEOUT)
        proxy.stop()
        with pytest.raises(requests.ConnectionError):
            kept.post(url, json=call("eth_chainId"), timeout=TIMEOUT)

    proxy.start()
    assert proxy.url == url
    assert ask(proxy, "eth_chainId")["result"] == "0x1"
    assert len(proxy.calls()) == 2


# --- from outside ---------------------------------------------------------------------------------


def control(proxy: ChainProxy, verb: str, path: str, said: Any = None) -> requests.Response:
    return requests.request(verb, f"{proxy.url}/_control/{path}", json=said, timeout=TIMEOUT)


def test_the_script_is_written_and_read_over_http(proxy: ChainProxy) -> None:
    faults = [
        {"kind": "null", "times": -1, "tx_hash": BLOCK_HASH},
        {"kind": "error", "method": "*", "error": "limit_exceeded", "skip": 2},
    ]
    assert control(proxy, "POST", "faults", faults).json() == {"numbers": [1, 2]}
    first, second = control(proxy, "GET", "faults").json()
    assert (first["kind"], first["method"], first["left"]) == ("null", RECEIPT, -1)
    assert (second["left"], second["skip"], second["fired"]) == (1, 2, 0)

    assert control(proxy, "DELETE", "faults/2").status_code == 200
    assert control(proxy, "DELETE", "faults/2").status_code == 404
    assert [one["number"] for one in proxy.pending()] == [1]
    control(proxy, "DELETE", "faults")
    assert control(proxy, "GET", "health").json()["faults"] == 0


@pytest.mark.parametrize("said", [{"kind": "moon"}, {"kind": "drop", "colour": 1}, {"times": 1}, 3])
def test_what_cannot_be_scripted_is_a_bad_request(proxy: ChainProxy, said: Any) -> None:
    answer = control(proxy, "POST", "faults", said)

    assert answer.status_code == 400
    assert answer.json()["error"]


def test_calls_and_transactions_are_read_over_http(proxy: ChainProxy) -> None:
    ask(proxy, "eth_chainId")
    proxy.fault("wrong_hash")
    ask(proxy, SEND, raw())

    (sent,) = control(proxy, "GET", f"calls?method={SEND}").json()
    assert (sent["number"], sent["fault"], sent["forwarded"]) == (2, "wrong_hash", 1)
    assert sent["truth"]["result"] == RESULTS[SEND] != sent["answer"]["result"]
    (seen,) = control(proxy, "GET", f"transactions?sender={ACCOUNT.address}").json()
    assert (seen["nonce"], seen["tx_hash"]) == (0, sent["tx_hash"])
    control(proxy, "DELETE", "calls")
    assert control(proxy, "GET", "calls").json() == []
    assert control(proxy, "GET", "nothing").status_code == 404
    assert post(proxy, {}, "/_control/nothing").status_code == 404


def test_it_runs_as_a_process(stub: StubServer) -> None:
    fault = '{"kind": "wrong_chain_id"}'
    command = [sys.executable, "-m", "local.chain_proxy", "--port", "0", "--upstream", stub.url]
    with subprocess.Popen(
        [*command, "--fault", fault], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            answer = requests.post(url, json=call("eth_chainId"), timeout=TIMEOUT).json()
        finally:
            process.terminate()
            ended = process.wait(timeout=10)

    assert (answer["result"], ended) == ("0x5", 0)

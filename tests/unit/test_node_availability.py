"""Which calls of a node count as answered: its availability is made of them."""

from contextlib import suppress

import pytest

from microbatch.errors import RetryLater
from microbatch.vendors.ethereum import rpc
from tests.unit.stub_server import Answer, told


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        (told({"jsonrpc": "2.0", "id": 0, "result": "0x5"}), True),
        (told({"error": {"code": 3, "message": "execution reverted"}}), True),
        (told({"error": {"code": -32603, "message": "execution reverted"}}), True),
        (told({"error": {"code": -32000, "message": "nonce too low"}}), True),
        (told({"error": {"code": 429, "message": "capacity"}}, 429), False),
        (Answer(503, "<html>", "text/html"), False),
        (Answer(200, '{"jsonrpc":"2.0","id":0,"resu'), False),
        (Answer(hang_up=True), False),
        (told({"error": {"code": -32603, "message": "Internal error"}}), False),
        (told({"error": {"code": -32002, "message": "request timed out"}}), False),
        (told({"error": {"code": -32005, "message": "rate exceeded"}}), False),
    ],
)
def test_whoever_counts_hears_of_each_call_whether_it_was_answered(stub, answer, answered):
    heard = []
    stub.answer = lambda _request: answer

    with suppress(RetryLater):
        rpc.Rpc(stub.url, heard=heard.append).call("eth_chainId")

    assert heard == [answered]


def test_of_several_calls_in_one_request_each_is_heard_of(stub):
    heard = []
    stub.answer = lambda _request: told(
        [
            {"id": 2, "error": {"code": -32603, "message": "Internal error"}},
            {"id": 0, "result": "0x5"},
            {"id": 1, "error": {"code": 3, "message": "execution reverted"}},
        ]
    )

    said = rpc.Rpc(stub.url, heard=heard.append).ask(*[("eth_call", number) for number in range(4)])

    assert heard == [True, True, False, False]
    assert said[0].result == "0x5"


def test_a_request_that_is_not_answered_is_that_many_calls_without_an_answer(stub):
    heard = []
    stub.answer = lambda _request: Answer(503)

    with suppress(RetryLater):
        rpc.Rpc(stub.url, heard=heard.append).ask(("eth_chainId",), ("eth_blockNumber",))

    assert heard == [False, False]

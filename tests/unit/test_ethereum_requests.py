"""Several calls in one request: each answer is read by itself, and belongs to its call."""

import pytest

from microbatch.errors import RetryLater
from tests.unit.stub_node import TX_HASH, WALLET, preflight
from tests.unit.stub_server import told

OF_A_PREFLIGHT = (
    *("eth_getBalance", "eth_getCode", "eth_estimateGas", "eth_chainId", "eth_feeHistory"),
    *(f"eth_getTransactionCount {tag}" for tag in ("latest", "pending", "finalized")),
)
UNREADABLE = {
    "an outage": {"error": {"code": -32603, "message": "Internal error"}},
    "a rate limit": {"error": {"code": -32005, "message": "rate exceeded"}},
    "null": {"result": None},
    "neither": {},
    "another's id": {"id": 99, "result": "0x5208"},
    "an id as text": {"id": "0", "result": "0x5208"},
    "no id": {"id": None, "result": "0x5208"},
    "an id that is true": {"id": True, "result": "0x5208"},
}


@pytest.mark.parametrize("method", OF_A_PREFLIGHT)
@pytest.mark.parametrize("said", UNREADABLE.values(), ids=UNREADABLE)
def test_one_call_that_is_not_answered_spoils_a_preflight(chain, node, method, said):
    chain.said[method] = said

    with pytest.raises(RetryLater):
        preflight(node)


def test_the_answers_of_one_request_may_come_in_any_order(stub, node, chain):
    in_order = stub.answer
    stub.answer = lambda request: told(in_order(request).json()[::-1])

    assert preflight(node).gas_estimate == 21_000
    assert preflight(node).latest_nonce == 7


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answers: answers[:-1],
        lambda answers: [*answers, answers[-1]],
        lambda answers: [*answers[:-1], None],
        lambda answers: {"error": {"code": 3, "message": "execution reverted"}},
        lambda answers: {"error": {"code": -39001, "message": "block not found"}},
        lambda answers: answers[-1],
    ],
    ids=["one less", "one twice", "one null", "a revert of all", "no block for all", "one alone"],
)
def test_answers_that_are_not_one_for_each_call_say_nothing(stub, node, chain, spoil):
    in_order = stub.answer
    stub.answer = lambda request: told(spoil(in_order(request).json()))

    with pytest.raises(RetryLater):
        preflight(node)
    with pytest.raises(RetryLater):
        node.receipt(wallet=WALLET, tx_hash=TX_HASH)


def test_a_receipt_is_looked_for_after_the_counts_were_answered(stub, chain, node):
    node.receipt(wallet=WALLET, tx_hash=TX_HASH)

    asked = [[call["method"] for call in _calls(request)] for request in stub.requests]
    assert asked == [
        ["eth_getTransactionCount", "eth_getTransactionCount"],
        ["eth_getTransactionReceipt", "eth_blockNumber"],
        ["eth_getBlockByNumber", "eth_getBlockByNumber"],  # the same node says both
    ]


def _calls(request):
    said = request.json()
    return said if isinstance(said, list) else [said]

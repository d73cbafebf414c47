"""What the node is asked before a transaction is signed, and when it is unwell."""

import pytest
import requests

from microbatch.errors import ConfigurationError, InvalidInput, RetryLater
from microbatch.vendors import ethereum
from microbatch.vendors.ethereum import BroadcastOutcome as Outcome
from microbatch.vendors.ethereum import Node, rpc
from tests.unit.stub_node import (
    FEES,
    PAYEE,
    QUESTIONS,
    TOKEN,
    TX_HASH,
    WALLET,
    preflight,
    word,
)
from tests.unit.stub_server import Answer, told

UNWELL = {
    "429": told({"error": {"code": 429, "message": "compute units per second capacity"}}, 429),
    "402": told({"code": 402, "message": "Payment Required"}, 402),
    "403": told({"error": {"code": -32600, "message": "Monthly capacity limit exceeded."}}, 403),
    "401": Answer(401, "Must be authenticated!"),
    "500": Answer(500),
    "503 with HTML": Answer(503, "<html>", "text/html"),
    "200 with HTML": Answer(200, "<html>", "text/html"),
    "200 empty": Answer(200),
    "200 truncated": Answer(200, '{"jsonrpc":"2.0","id":0,"resu'),
    "200 not UTF-8": Answer(200, b"\xff\xfe\x00"),
    "200 with a list": Answer(200, "[]"),
    "200 with null": Answer(200, "null"),
    "200 without result": told({"jsonrpc": "2.0", "id": 0}),
    "200 with error as text": told({"jsonrpc": "2.0", "id": 0, "error": "oops"}),
    "400 without an error": told({"message": "bad"}, 400),
    "rate limit under 200, with data": told(
        {"error": {"code": -32005, "message": "rate exceeded", "data": {"see": "https://x"}}}
    ),
    "rate limit under 200, data null": told(
        {"error": {"code": 429, "message": "Too Many Requests", "data": None}}
    ),
    "timed out": told({"error": {"code": -32002, "message": "request timed out"}}),
    "internal": told({"error": {"code": -32603, "message": "Internal error"}}),
    "no such method": told({"error": {"code": -32601, "message": "method not available"}}),
    "redirect": Answer(307),
    "no answer at all": Answer(hang_up=True),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("answer", UNWELL.values(), ids=UNWELL)
def test_an_unwell_node_is_asked_again_later_and_only_once_now(stub, node, ask, answer):
    stub.answer = lambda _request: answer

    with pytest.raises(RetryLater) as caught:
        ask(node)

    assert len(stub.requests) == 1
    assert "SECRETKEY" not in caught.value.reason
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
@pytest.mark.parametrize("result", [7, "0x", "0xzz", [], {}, "7", True, "0x" + "f" * 65], ids=repr)
def test_a_malformed_result_is_asked_again_later(stub, chain, node, ask, result):
    for name in chain.results:
        chain.results[name] = result
    chain.results["eth_sendRawTransaction"] = {"error": 1}

    if ask is QUESTIONS["broadcast"]:
        assert ask(node).outcome is Outcome.WRONG_HASH
        return
    with pytest.raises(RetryLater):
        ask(node)


def test_a_refused_connection_and_a_timeout_are_asked_again_later(stub, monkeypatch):
    monkeypatch.setattr(rpc, "TIMEOUT_SECONDS", 0.2)
    stub.answer = lambda _request: Answer(200, wait_seconds=0.5)
    with requests.Session() as session:
        slow, gone = Node(stub.url, session), Node("http://127.0.0.1:1/KEY", session)

        with pytest.raises(RetryLater, match="ReadTimeout"):
            preflight(slow)
        with pytest.raises(RetryLater, match="ConnectionError"):
            preflight(gone)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8545", "ws://127.0.0.1"])
def test_a_url_that_is_none_is_named_and_never_shown(url):
    with pytest.raises(ConfigurationError, match="ETHEREUM_RPC_URL") as caught:
        Node(url)

    assert not url or url not in str(caught.value)


def test_a_preflight_sees_all_that_a_signature_depends_on(stub, chain, node):
    assert preflight(node) == ethereum.Preflight(
        chain_id=1,
        fees=ethereum.Fees(head_number=100, base_fee_wei=10**9, priority_fee_wei=3 * 10**9),
        balance_wei=5 * 10**18,
        token_balance_units=None,
        latest_nonce=7,
        pending_nonce=8,
        finalized_nonce=5,
        gas_estimate=21_000,
        problem="",
    )
    assert len(chain.asked) == 8
    assert len(stub.requests) == 1
    estimate = dict(chain.asked)["eth_estimateGas"]
    call = {"from": WALLET.lower(), "to": PAYEE.lower(), "value": hex(10**18)}
    assert estimate == [call, "latest"]


def test_a_token_preflight_sees_the_token_balance_and_sends_the_data(chain, node):
    data = ethereum.erc20_transfer_data(PAYEE, 5)

    seen = preflight(node, to_address=TOKEN, value_wei=0, data=data, token=TOKEN)

    assert seen.token_balance_units == 7_000_000
    assert dict(chain.asked)["eth_estimateGas"][0]["data"] == "0x" + data.hex()


TO_PAYEE = {"to_address": TOKEN, "value_wei": 0, "token": TOKEN}


@pytest.mark.parametrize("listed", [True, False])
def test_the_token_is_asked_whether_the_payee_is_on_its_blacklist(chain, node, listed):
    chain.results["isBlackListed"] = word(int(listed))

    seen = preflight(node, data=ethereum.erc20_transfer_data(PAYEE, 5), **TO_PAYEE)

    assert seen.problem == ("payee_blacklisted" if listed else "")
    assert seen.gas_estimate == (0 if listed else 21_000)
    asked = [call[0]["data"] for method, call in chain.asked if method == "eth_call"]
    assert "0xe47d6060" + PAYEE[2:].lower().rjust(64, "0") in asked


def test_a_token_without_a_blacklist_blacklists_nobody(chain, node):
    chain.errors["isBlackListed"] = {"code": 3, "message": "execution reverted"}
    assert preflight(node, data=ethereum.erc20_transfer_data(PAYEE, 5), **TO_PAYEE).problem == ""

    chain.errors.clear()
    chain.results["isBlackListed"] = "0x"
    assert preflight(node, data=ethereum.erc20_transfer_data(PAYEE, 5), **TO_PAYEE).problem == ""


def test_a_node_that_does_not_answer_for_the_blacklist_is_asked_again(chain, node):
    chain.errors["isBlackListed"] = {"code": -32005, "message": "rate exceeded"}

    with pytest.raises(RetryLater):
        preflight(node, data=ethereum.erc20_transfer_data(PAYEE, 5), **TO_PAYEE)


@pytest.mark.parametrize(
    "data",
    [b"", bytes.fromhex("a9059cbb"), bytes.fromhex("095ea7b3") + bytes(64)],
    ids=["nothing", "cut", "approve"],
)
def test_a_token_is_asked_for_transfers_only(chain, node, data):
    with pytest.raises(InvalidInput, match="is not a call of transfer"):
        preflight(node, data=data, **TO_PAYEE)


ESTIMATES = {
    "a number": {"result": "0x5208"},
    "a revert": {"error": {"code": 3, "message": "execution reverted"}},
    "an outage": {"error": {"code": -32603, "message": "Internal error"}},
}


@pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES)
def test_of_a_wallet_with_code_no_estimate_counts(chain, node, estimate):
    chain.results["eth_getCode"] = "0xef0100" + "11" * 20
    chain.said["eth_estimateGas"] = estimate

    seen = preflight(node)

    assert (seen.gas_estimate, seen.problem) == (0, "wallet_has_code")


@pytest.mark.parametrize("estimate", ESTIMATES.values(), ids=ESTIMATES)
def test_with_a_balance_below_the_value_no_estimate_counts(chain, node, estimate):
    chain.said["eth_estimateGas"] = estimate

    seen = preflight(node, value_wei=5 * 10**18 + 1)

    assert (seen.gas_estimate, seen.problem) == (0, "insufficient_funds")


def test_a_balance_of_exactly_the_value_is_the_nodes_to_judge(chain, node):
    assert preflight(node, value_wei=5 * 10**18).gas_estimate == 21_000


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        ({"code": 3, "message": "execution reverted: no", "data": "0x"}, "reverted: execution"),
        ({"code": -32000, "message": "execution reverted"}, "reverted: execution"),
        ({"code": -32015, "message": "VM execution error."}, "reverted: VM"),
        ({"code": -32603, "message": "EVM error InvalidFEOpcode"}, "reverted: EVM"),
        ({"code": -32000, "message": "gas required exceeds allowance (0)"}, "reverted: gas"),
        ({"code": 3, "message": "execution reverted: " + "ж" * 300}, "reverted: execution"),
        ({"code": -32000, "message": "insufficient funds for transfer"}, "insufficient_funds"),
        ({"code": -32003, "message": "Insufficient funds for gas * price"}, "insufficient_funds"),
    ],
)
def test_an_estimate_refused_by_chain_rules_is_a_problem(chain, node, error, problem):
    chain.errors["eth_estimateGas"] = error

    seen = preflight(node)

    assert seen.gas_estimate == 0
    assert seen.problem.startswith(problem)
    assert len(seen.problem.encode()) <= 255


@pytest.mark.parametrize("data", [None, {"see": "https://x"}, "0x"])
def test_a_rate_limit_is_never_taken_for_a_revert(chain, node, data):
    chain.errors["eth_estimateGas"] = {"code": -32005, "message": "rate exceeded", "data": data}

    with pytest.raises(RetryLater):
        preflight(node)


@pytest.mark.parametrize(
    "error",
    [
        {"code": -39001, "message": "Unknown block"},
        {"code": -32000, "message": "finalized block not found"},
    ],
)
def test_without_a_finalized_block_nothing_is_signed_but_a_receipt_is_read(chain, node, error):
    for method in ("eth_getTransactionCount", "eth_getBlockByNumber"):
        chain.errors[f"{method} finalized"] = error

    with pytest.raises(RetryLater):
        preflight(node)
    seen = node.receipt(wallet=WALLET, tx_hash=TX_HASH)
    assert (seen.finalized_nonce, seen.finalized_number) == (0, 0)


def test_null_for_the_finalized_block_is_none(chain, node):
    chain.results["eth_getBlockByNumber finalized"] = None

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).finalized_number == 0


@pytest.mark.parametrize("method", ["eth_getTransactionCount", "eth_getBlockByNumber"])
def test_what_is_finalized_and_failed_otherwise_is_not_zero(chain, node, method):
    chain.errors[f"{method} finalized"] = {"code": -32000, "message": "busy"}

    with pytest.raises(RetryLater):
        node.receipt(wallet=WALLET, tx_hash=TX_HASH)


@pytest.mark.parametrize(
    ("rewards", "used", "tip"),
    [
        ([["0x1"], ["0x1"], ["0x1"]], [1, 1, 1], 1_000_000),
        ([["0x0"], ["0x0"], ["0x0"]], [0, 0, 0], 1_000_000),
        ([["0x5f5e100"], ["0xbebc200"], ["0x11e1a300"]], [0.1, 0.1, 0.1], 200_000_000),
        (None, [1, 1, 1], 1_000_000),
    ],
)
def test_the_tip_is_the_median_of_blocks_with_transactions(chain, node, rewards, used, tip):
    chain.results["eth_feeHistory"] = FEES | {"reward": rewards, "gasUsedRatio": used}

    assert preflight(node).fees.priority_fee_wei == tip


@pytest.mark.parametrize("name", ["wallet", "to_address", "token"])
@pytest.mark.parametrize("value", ["0x12", "vitalik.eth", TOKEN + "0"])
def test_a_question_about_no_address_is_refused(node, chain, name, value):
    with pytest.raises(InvalidInput, match=name):
        preflight(node, **{name: value})

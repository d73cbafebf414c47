import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import requests
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from eth_utils import keccak, to_checksum_address
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from microbatch.errors import ConfigurationError, InvalidInput, RetryLater
from microbatch.vendors import ethereum
from microbatch.vendors.ethereum import BroadcastOutcome as Outcome
from microbatch.vendors.ethereum import Node, rpc
from tests.unit.stub_server import Answer, Request, StubServer, told

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
FEED = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW_SECONDS = int(NOW.timestamp())
BLOCK_HASH = "0x" + "b1" * 32
TX_HASH = "0x" + "ab" * 32
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


# --- without a node ------------------------------------------------------------------------------


def sign(**changed: object) -> ethereum.Signed:
    transfer = {
        "chain_id": 1, "nonce": 7, "to": PAYEE, "value_wei": 10**18, "data": b"",
        "gas_limit": 21_000, "max_fee": 30 * 10**9, "max_priority_fee": 10**9,
    }  # fmt: skip
    return ethereum.sign_transfer(KEY, **{**transfer, **changed})


def test_a_signed_transfer_says_exactly_what_was_asked_and_recovers_to_the_wallet():
    signed = sign(data=b"\x01\x02")

    fields = TypedTransaction.from_bytes(HexBytes(signed.raw)).as_dict()
    assert {name: fields[name] for name in fields if name not in ("v", "r", "s")} == {
        "type": 2, "chainId": 1, "nonce": 7, "to": bytes.fromhex(PAYEE[2:]), "value": 10**18,
        "data": b"\x01\x02", "gas": 21_000, "maxFeePerGas": 30 * 10**9,
        "maxPriorityFeePerGas": 10**9, "accessList": (),
    }  # fmt: skip
    assert Account.recover_transaction(signed.raw) == WALLET == ethereum.address_of(KEY)
    assert signed.tx_hash == "0x" + keccak(signed.raw).hex()


def test_the_same_transfer_signs_to_the_same_bytes():
    assert sign() == sign()


@pytest.mark.parametrize(
    "changed",
    [
        {"to": PAYEE.lower()},
        {"to": PAYEE[:-1]},
        {"to": PAYEE[:-1] + "8"},
        {"max_priority_fee": 31 * 10**9},
        {"max_priority_fee": -1},
    ],
)
def test_a_transfer_that_cannot_be_right_is_not_signed(changed):
    with pytest.raises(InvalidInput):
        sign(**changed)


@pytest.mark.parametrize(
    "key", ["", "0x", KEY[2:], KEY[:-1], KEY + "0", KEY + "\n", "0x" + "0" * 64, "0x" + "f" * 64]
)
def test_a_key_that_is_none_is_never_shown(key):
    with pytest.raises(ConfigurationError, match="private key") as caught:
        ethereum.address_of(key)

    assert not key or key not in str(caught.value).replace("0x and 64", "")
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("address", "right"),
    [
        (PAYEE, True),
        (TOKEN, True),
        (TOKEN.lower(), False),
        (TOKEN.replace("dAC", "dac"), False),
        (TOKEN[:-1], False),
        (TOKEN + "0", False),
        (TOKEN[2:], False),
        (TOKEN + "\n", False),
        ("", False),
        ("vitalik.eth", False),
    ],
)
def test_an_address_counts_only_with_its_checksum(address, right):
    assert ethereum.is_checksummed(address) is right


@given(st.binary(min_size=20, max_size=20))
def test_every_address_has_one_checksummed_form(raw):
    assert ethereum.is_checksummed(to_checksum_address(raw))


@given(st.integers(1, 2**256 - 1))
def test_a_token_transfer_is_encoded_as_web3_encodes_it(amount):
    abi = [{
        "type": "function", "name": "transfer", "stateMutability": "nonpayable", "outputs": [],
        "inputs": [{"name": "to", "type": "address"}, {"name": "value", "type": "uint256"}],
    }]  # fmt: skip

    expected = Web3().eth.contract(abi=abi).encode_abi("transfer", [PAYEE, amount])

    assert "0x" + ethereum.erc20_transfer_data(PAYEE, amount).hex() == expected


@pytest.mark.parametrize(("to", "amount"), [("0x12", 1), (PAYEE, 0), (PAYEE, -1), (PAYEE, 2**256)])
def test_a_token_transfer_of_nothing_or_to_nobody_is_refused(to, amount):
    with pytest.raises(InvalidInput):
        ethereum.erc20_transfer_data(to, amount)


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        ("already known", Outcome.ALREADY_KNOWN),
        ("ALREADY_EXISTS: already known", Outcome.ALREADY_KNOWN),
        ("known transaction: 0xabc", Outcome.ALREADY_KNOWN),
        ("Known transaction", Outcome.ALREADY_KNOWN),
        ("INTERNAL_ERROR: existing tx with same hash", Outcome.ALREADY_KNOWN),
        ("existing txn with same hash", Outcome.ALREADY_KNOWN),
        ("AlreadyKnown", Outcome.ALREADY_KNOWN),
        ("transaction already imported", Outcome.ALREADY_KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Outcome.NONCE_TOO_LOW),
        ("INTERNAL_ERROR: nonce too low", Outcome.NONCE_TOO_LOW),
        ("OldNonce", Outcome.NONCE_TOO_LOW),
        ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", Outcome.NONCE_TOO_LOW),
        ("Transaction nonce is too low. Try incrementing the nonce.", Outcome.NONCE_TOO_LOW),
        ("nonce too high: tx nonce 9, gapped nonce 5", Outcome.NONCE_TOO_HIGH),
        ("NonceGap, Future nonce. Expected nonce: 5", Outcome.NONCE_TOO_HIGH),
        ("gapped-nonce tx from delegated accounts", Outcome.NONCE_TOO_HIGH),
        ("future transaction tries to replace pending", Outcome.NONCE_TOO_HIGH),
        ("replacement transaction underpriced", Outcome.REPLACEMENT_UNDERPRICED),
        ("INTERNAL_ERROR: could not replace existing tx", Outcome.REPLACEMENT_UNDERPRICED),
        ("ReplacementNotAllowed", Outcome.REPLACEMENT_UNDERPRICED),
        ("FeeTooLowToCompete", Outcome.REPLACEMENT_UNDERPRICED),
        ("OwnNonceAlreadyUsed", Outcome.REPLACEMENT_UNDERPRICED),
        ("transaction underpriced: gas tip cap 1, minimum needed 2", Outcome.UNDERPRICED),
        ("FeeTooLow, MaxFeePerGas too low", Outcome.UNDERPRICED),
        ("max fee per gas less than block base fee: address 0x", Outcome.UNDERPRICED),
        ("Gas price below configured minimum gas price", Outcome.UNDERPRICED),
        (
            "insufficient funds for gas * price + value: balance 1, tx cost 2, overshot 1",
            Outcome.INSUFFICIENT_FUNDS,
        ),
        ("insufficient funds for transfer", Outcome.INSUFFICIENT_FUNDS),
        ("InsufficientFunds, Account balance: 0, cumulative cost: 1", Outcome.INSUFFICIENT_FUNDS),
        ("Upfront cost exceeds account balance", Outcome.INSUFFICIENT_FUNDS),
        ("transaction would cause overdraft", Outcome.INSUFFICIENT_FUNDS),
        ("txpool is full", Outcome.POOL_FULL),
        ("pending sub-pool is full", Outcome.POOL_FULL),
        ("There are too many transactions in the queue.", Outcome.POOL_FULL),
        ("account limit exceeded", Outcome.POOL_FULL),
        (
            "in-flight transaction limit reached for delegated accounts",
            Outcome.DELEGATED_WALLET,
        ),
        ("address already reserved", Outcome.RESERVED),
        ("tx fee (1.10 ether) exceeds the configured cap (1.00 ether)", Outcome.FEE_CAP),
        ("Transaction fee cap exceeded", Outcome.FEE_CAP),
        ("intrinsic gas too low: gas 100, minimum needed 21000", Outcome.INTRINSIC_GAS),
        ("IntrinsicGas", Outcome.INTRINSIC_GAS),
        ("exceeds block gas limit", Outcome.GAS_LIMIT),
        ("transaction gas limit too high (cap: 16777216, tx: 20000000)", Outcome.GAS_LIMIT),
        ("Intrinsic gas exceeds gas limit", Outcome.GAS_LIMIT),
        ("invalid sender", Outcome.MALFORMED),
        ("invalid chain id for signer: have 1 want 5", Outcome.MALFORMED),
        ("only replay-protected (EIP-155) transactions allowed over RPC", Outcome.MALFORMED),
        ("rlp: expected List", Outcome.MALFORMED),
        ("unknown transaction type", Outcome.MALFORMED),
        ("transaction type not supported", Outcome.MALFORMED),
        ("max priority fee per gas higher than max fee per gas", Outcome.MALFORMED),
        ("Your app has exceeded its compute units per second capacity.", Outcome.BUSY),
        ("project ID request rate exceeded", Outcome.BUSY),
        ("daily request count exceeded, request rate limited", Outcome.BUSY),
        ("request timed out", Outcome.BUSY),
        ("node is syncing", Outcome.BUSY),
        ("Unable to complete request at this time.", Outcome.BUSY),
        ("something nobody has seen", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
    ],
)
def test_a_refusal_is_known_by_its_words_in_any_client(message, outcome):
    assert ethereum.classify_broadcast_error(message, -32000) is outcome


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (1, Outcome.NONCE_TOO_LOW),
        (2, Outcome.NONCE_TOO_HIGH),
        (809, Outcome.INSUFFICIENT_FUNDS),
        (1000, Outcome.ALREADY_KNOWN),
        (-38013, Outcome.INTRINSIC_GAS),
        (429, Outcome.BUSY),
        (-32005, Outcome.BUSY),
        (-32601, Outcome.BUSY),
        (-32603, Outcome.BUSY),
        (-32010, Outcome.UNKNOWN),
    ],
)
def test_without_known_words_the_code_decides(code, outcome):
    assert ethereum.classify_broadcast_error("?", code) is outcome


def test_words_outrank_the_code():
    assert ethereum.classify_broadcast_error("nonce too low", -32603) is Outcome.NONCE_TOO_LOW


# --- against a node ------------------------------------------------------------------------------


def word(*values: int) -> str:
    return "0x" + b"".join((value % 2**256).to_bytes(32) for value in values).hex()


def log(**changed: object) -> dict:
    return {
        "address": TOKEN.lower(), "logIndex": "0x3", "data": word(18_373_221), "removed": False,
        "topics": [TRANSFER, word(int(PAYEE, 16)), word(int(WALLET, 16))],
    } | changed  # fmt: skip


def receipt(**changed: object) -> dict:
    return {
        "transactionHash": TX_HASH, "status": "0x1", "blockNumber": "0x64",
        "blockHash": BLOCK_HASH, "gasUsed": "0x5208", "effectiveGasPrice": "0x77359400",
        "logs": [log()], "new": None,
    } | changed  # fmt: skip


FEES = {
    "oldestBlock": "0x62",
    "baseFeePerGas": ["0x1", "0x2", "0x3", "0x3b9aca00"],
    "gasUsedRatio": [0.5, 0, 0.9],
    "reward": [["0x77359400"], ["0x0"], ["0xb2d05e00"]],
}


class StubNode:
    """A node whose answers are a table: method, or method and last parameter, to result."""

    def __init__(self, stub: StubServer) -> None:
        self.results: dict[str, object] = {
            "eth_chainId": "0x1",
            "eth_blockNumber": "0x6e",
            "eth_feeHistory": FEES,
            "eth_getBalance": hex(5 * 10**18),
            "eth_getCode": "0x",
            "eth_estimateGas": "0x5208",
            "eth_getTransactionCount latest": "0x7",
            "eth_getTransactionCount pending": "0x8",
            "eth_getTransactionCount finalized": "0x5",
            "eth_getTransactionReceipt": receipt(),
            "eth_getBlockByNumber": {"hash": BLOCK_HASH},
            "balanceOf": word(7_000_000),
            "latestRoundData": word(9, 312_345_678_901, 0, NOW_SECONDS - 60, 9),
            "decimals": word(8),
        }
        self.errors: dict[str, dict] = {}
        self.asked: list[tuple[str, list]] = []
        stub.answer = self._answer

    def _answer(self, request: Request) -> Answer:
        call = request.json()
        method, params = call["method"], call["params"]
        self.asked.append((method, params))
        name = method
        if method == "eth_getTransactionCount":
            name = f"{method} {params[-1]}"
        if method == "eth_call":
            selectors = {"70a08231": "balanceOf", "feaf968c": "latestRoundData"}
            name = selectors.get(params[0]["data"][2:10], "decimals")
        envelope = {"jsonrpc": "2.0", "id": call["id"]}
        if name in self.errors:
            return told(envelope | {"error": self.errors[name]})
        result = self.results[name]
        return result if isinstance(result, Answer) else told(envelope | {"result": result})

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer() as server:
        yield server


@pytest.fixture
def chain(stub: StubServer) -> StubNode:
    return StubNode(stub)


@pytest.fixture
def node(stub: StubServer) -> Iterator[Node]:
    with requests.Session() as session:
        yield Node(stub.url + "/v2/SECRETKEY", session)


def preflight(node: Node, **changed: object) -> ethereum.Preflight:
    asked = {"wallet": WALLET, "to_address": PAYEE, "value_wei": 10**18, "data": b"", "token": ""}
    return node.preflight(**{**asked, **changed})


QUESTIONS: dict[str, Callable[[Node], object]] = {
    "preflight": preflight,
    "broadcast": lambda node: node.broadcast(sign().raw, sign().tx_hash),
    "receipt": lambda node: node.receipt(wallet=WALLET, tx_hash=TX_HASH),
    "transfer_logs": lambda node: node.transfer_logs(
        tx_hash=TX_HASH, token=TOKEN, to_address=WALLET
    ),
    "observe": lambda node: node.observe(wallet=WALLET, token=TOKEN, price_feed=FEED, now=NOW),
}

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


def test_a_preflight_sees_all_that_a_signature_depends_on(chain, node):
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
    estimate = dict(chain.asked)["eth_estimateGas"]
    assert estimate == [{"from": WALLET.lower(), "to": PAYEE.lower(), "value": hex(10**18)}]


def test_a_token_preflight_sees_the_token_balance_and_sends_the_data(chain, node):
    data = ethereum.erc20_transfer_data(PAYEE, 5)

    seen = preflight(node, to_address=TOKEN, value_wei=0, data=data, token=TOKEN)

    assert seen.token_balance_units == 7_000_000
    assert dict(chain.asked)["eth_estimateGas"][0]["data"] == "0x" + data.hex()


def test_a_wallet_with_code_is_a_problem_and_nothing_is_estimated(chain, node):
    chain.results["eth_getCode"] = "0xef0100" + "11" * 20

    seen = preflight(node)

    assert (seen.gas_estimate, seen.problem) == (0, "wallet_has_code")
    assert "eth_estimateGas" not in chain.methods


def test_a_balance_below_the_value_is_insufficient_without_asking_further(chain, node):
    seen = preflight(node, value_wei=5 * 10**18 + 1)

    assert (seen.gas_estimate, seen.problem) == (0, "insufficient_funds")
    assert "eth_estimateGas" not in chain.methods


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
    chain.errors["eth_getTransactionCount finalized"] = error

    with pytest.raises(RetryLater):
        preflight(node)
    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).finalized_nonce == 0


def test_a_finalized_count_that_failed_otherwise_is_not_zero(chain, node):
    chain.errors["eth_getTransactionCount finalized"] = {"code": -32000, "message": "busy"}

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


# --- broadcasting --------------------------------------------------------------------------------


def broadcast(node: Node) -> ethereum.Broadcast:
    return node.broadcast(sign().raw, sign().tx_hash)


def test_accepted_bytes_are_sent_once_as_they_are(chain, node):
    chain.results["eth_sendRawTransaction"] = sign().tx_hash

    assert broadcast(node).outcome is Outcome.ACCEPTED
    assert chain.asked == [("eth_sendRawTransaction", ["0x" + sign().raw.hex()])]


@pytest.mark.parametrize("result", ["0x" + "00" * 32, "", None, 7])
def test_another_hash_is_a_lie(chain, node, result):
    chain.results["eth_sendRawTransaction"] = result

    assert broadcast(node).outcome is Outcome.WRONG_HASH


def test_a_refusal_is_passed_on_with_its_words(chain, node):
    chain.errors["eth_sendRawTransaction"] = {
        "code": -32000,
        "message": "nonce too low: " + "9" * 300,
    }

    said = broadcast(node)

    assert said.outcome is Outcome.NONCE_TOO_LOW
    assert said.detail.startswith("-32000: nonce too low: 999")
    assert len(said.detail) == 255


def test_a_refusal_under_http_400_is_read(stub, node):
    stub.answer = lambda _request: told(
        {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "already known"}}, 400
    )

    assert broadcast(node).outcome is Outcome.ALREADY_KNOWN


@pytest.mark.parametrize("error", [{"code": -32000, "message": "eh?"}, {"code": 3}, {}])
def test_an_unknown_refusal_is_evidence_and_nothing_more(chain, node, error):
    chain.errors["eth_sendRawTransaction"] = error

    assert broadcast(node).outcome is Outcome.UNKNOWN


def test_bytes_of_another_hash_are_not_sent(node, chain):
    with pytest.raises(InvalidInput, match="hash"):
        node.broadcast(sign().raw, TX_HASH)

    assert not chain.asked


# --- receipts and logs ---------------------------------------------------------------------------


def test_a_receipt_comes_with_head_counts_and_the_canonical_hash(chain, node):
    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH.upper().replace("X", "x")) == (
        ethereum.Receipt(
            status="success",
            head_number=110,
            latest_nonce=7,
            finalized_nonce=5,
            block_number=100,
            block_hash=BLOCK_HASH,
            canonical_hash=BLOCK_HASH,
            gas_used=21_000,
            effective_gas_price_wei=2 * 10**9,
        )
    )
    assert chain.methods.index("eth_getTransactionReceipt") == 2  # the counts come first
    assert ("eth_getBlockByNumber", ["0x64", False]) in chain.asked


@pytest.mark.parametrize("found", [None, receipt(blockNumber=None)])
def test_no_receipt_or_one_without_a_block_is_absent(chain, node, found):
    chain.results["eth_getTransactionReceipt"] = found

    seen = node.receipt(wallet=WALLET, tx_hash=TX_HASH)

    assert (seen.status, seen.head_number, seen.latest_nonce, seen.block_hash) == (
        "absent", 110, 7, "",
    )  # fmt: skip


def test_a_reverted_receipt_says_so(chain, node):
    chain.results["eth_getTransactionReceipt"] = receipt(status="0x0")

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).status == "reverted"


@pytest.mark.parametrize(
    ("block", "canonical"), [({"hash": "0x" + "CC" * 32}, "0x" + "cc" * 32), (None, "")]
)
def test_a_reorganised_block_has_another_canonical_hash(chain, node, block, canonical):
    chain.results["eth_getBlockByNumber"] = block

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).canonical_hash == canonical


def test_indexing_in_progress_is_not_absence(chain, node):
    error = {"code": -32000, "message": "transaction indexing is in progress"}
    chain.errors["eth_getTransactionReceipt"] = error

    for question in ("receipt", "transfer_logs"):
        with pytest.raises(RetryLater):
            QUESTIONS[question](node)


@pytest.mark.parametrize(
    "changed",
    [
        {"transactionHash": BLOCK_HASH},
        {"status": None},
        {"status": "0x2"},
        {"blockHash": "0x"},
        {"blockNumber": "100"},
    ],
)
def test_a_receipt_that_cannot_be_right_is_asked_for_again(chain, node, changed):
    chain.results["eth_getTransactionReceipt"] = receipt(**changed)

    for question in ("receipt", "transfer_logs"):
        with pytest.raises(RetryLater):
            QUESTIONS[question](node)


def test_a_head_behind_the_receipt_is_at_least_the_receipts_block(chain, node):
    chain.results["eth_blockNumber"] = "0x63"

    assert node.receipt(wallet=WALLET, tx_hash=TX_HASH).head_number == 100


def test_only_transfers_of_the_token_to_us_are_found(chain, node):
    ours = log()
    chain.results["eth_getTransactionReceipt"] = receipt(
        logs=[
            ours,
            log(logIndex="0x4", address=FEED),
            log(logIndex="0x5", topics=[ours["topics"][0], *reversed(ours["topics"][1:])]),
            log(logIndex="0x6", topics=[TX_HASH, *ours["topics"][1:]]),
            log(logIndex="0x7", topics=ours["topics"][:2]),
            log(logIndex="0x8", topics=[]),
            log(logIndex="0x9", removed=True),
            log(logIndex="0xa", data=word(0)),
            log(logIndex="0xb", data=word(2**256 - 1), address=TOKEN),
        ]
    )

    found = node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)

    assert (found.status, found.block_number, found.head_number) == ("success", 100, 110)
    assert [(each.log_index, each.amount_units) for each in found.transfers] == [
        (3, 18_373_221),
        (11, 2**256 - 1),
    ]
    assert found.transfers[0].sender == PAYEE.lower()
    assert chain.methods == ["eth_getTransactionReceipt", "eth_blockNumber"]


@pytest.mark.parametrize("logs", [None, 7, [7], [{}], [log(data="0x")], [log(topics=[7, 7, 7])]])
def test_logs_that_cannot_be_read_are_asked_for_again(chain, node, logs):
    chain.results["eth_getTransactionReceipt"] = receipt(logs=logs)

    with pytest.raises(RetryLater):
        node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)


def test_an_absent_transaction_has_no_transfers(chain, node):
    chain.results["eth_getTransactionReceipt"] = None

    found = node.transfer_logs(tx_hash=TX_HASH, token=TOKEN, to_address=WALLET)

    assert (found.status, found.transfers) == ("absent", ())


@pytest.mark.parametrize("tx_hash", ["", "garbage", TX_HASH[:-1], TX_HASH[2:], TX_HASH + "\n"])
def test_a_hash_that_is_none_is_refused_unasked(chain, node, tx_hash):
    with pytest.raises(InvalidInput, match="tx_hash"):
        node.transfer_logs(tx_hash=tx_hash, token=TOKEN, to_address=WALLET)

    assert not chain.asked


# --- observations --------------------------------------------------------------------------------


def observe(node: Node) -> ethereum.Observation:
    return node.observe(wallet=WALLET, token=TOKEN, price_feed=FEED, now=NOW)


def test_an_observation_has_head_fees_balances_and_the_price(chain, node):
    seen = observe(node)

    assert (seen.chain_id, seen.fees.head_number, seen.fees.base_fee_wei) == (1, 100, 10**9)
    assert (seen.balance_wei, seen.token_balance_units) == (5 * 10**18, 7_000_000)
    assert seen.price == ethereum.Price("3123.45678901", NOW_SECONDS - 60)
    assert len(chain.asked) == 6


@pytest.mark.parametrize(
    "round_data",
    [
        word(9, 312_345_678_901, 0, NOW_SECONDS - 3901, 9),
        word(9, 312_345_678_901, 0, NOW_SECONDS + 3901, 9),
        word(9, 312_345_678_901, 0, 0, 9),
        word(9, 0, 0, NOW_SECONDS, 9),
        word(9, -1, 0, NOW_SECONDS, 9),
        word(9, 10**30, 0, NOW_SECONDS, 9),
        word(9, 312_345_678_901),
        "0x",
    ],
)
def test_a_stale_or_broken_feed_has_no_price(chain, node, round_data):
    chain.results["latestRoundData"] = round_data

    assert observe(node).price == ethereum.Price("", 0)


@pytest.mark.parametrize("decimals", ["0x", word(19), word(8, 8)])
def test_a_feed_with_odd_decimals_has_no_price(chain, node, decimals):
    chain.results["decimals"] = decimals

    assert observe(node).price.eth_usd == ""


@pytest.mark.parametrize(("decimals", "price"), [(0, "312345678901"), (18, "0.000000312345678901")])
def test_other_decimals_scale_exactly(chain, node, decimals, price):
    chain.results["decimals"] = word(decimals)

    assert observe(node).price.eth_usd == price


def test_a_reverting_feed_has_no_price_but_an_unwell_node_is_asked_again(chain, node):
    chain.errors["latestRoundData"] = {"code": 3, "message": "execution reverted"}
    assert observe(node).price.eth_usd == ""

    chain.errors["latestRoundData"] = {"code": 429, "message": "too many requests", "data": None}
    with pytest.raises(RetryLater):
        observe(node)


def test_a_token_that_is_no_contract_is_asked_for_again(chain, node):
    chain.results["balanceOf"] = "0x"

    with pytest.raises(RetryLater, match="no token"):
        observe(node)


def test_importing_the_module_does_not_import_web3():
    code = (
        "import sys, microbatch.hostpay.outbound, microbatch.vendors.ethereum;"
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] in"
        " ('web3','eth_account','eth_utils')]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", "import json;" + code],
        env={"PYTHONPATH": "layers/shared/python"},
        capture_output=True,
        check=True,
    )

    assert json.loads(done.stdout) == []

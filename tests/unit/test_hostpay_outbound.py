import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests
from eth_utils import keccak

from microbatch.errors import InvalidInput, InvalidToken, RetryLater
from microbatch.hostpay import outbound
from microbatch.messages import (
    BroadcastObserved,
    BroadcastRequested,
    ChainObservationRequested,
    ChainObserved,
    ExchangeStatusRequested,
    Outgoing,
    PreflightObserved,
    PreflightRequested,
    ReceiptObserved,
    ReceiptRequested,
    StatusCheckRequest,
    StatusCheckResponse,
    TransactionSighted,
    TransferLogsFound,
    TransferLogsRequested,
)
from microbatch.vendors.changenow import ChangeNow
from microbatch.vendors.ethereum import erc20_transfer_data
from tests.unit.stub_server import Answer, Request, StubServer, told, told_as_node

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
ASKED = SECONDS - 30
WALLET = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
TOKEN = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
FEED = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"
UNIQUE_ID = "H4G9ORQ1DLTHAQ04"
TX_HASH = "0x" + "ab" * 32
BLOCK_HASH = "0x" + "b1" * 32
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"


def word(*values: int) -> str:
    return "0x" + b"".join(value.to_bytes(32) for value in values).hex()


RESULTS: dict[str, object] = {
    "eth_chainId": "0x7a69",
    "eth_blockNumber": "0x6e",
    "eth_feeHistory": {
        "oldestBlock": "0x6e",
        "baseFeePerGas": ["0x1", "0x3b9aca00"],
        "gasUsedRatio": [0.5],
        "reward": [["0x77359400"]],
    },
    "eth_getBalance": hex(10**18),
    "eth_getCode": "0x",
    "eth_estimateGas": "0x5208",
    "eth_getTransactionCount": "0x7",
    "eth_getTransactionReceipt": {
        "transactionHash": TX_HASH, "status": "0x1", "blockNumber": "0x64",
        "blockHash": BLOCK_HASH, "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca00",
        "from": WALLET,
        "logs": [
            {
                "address": TOKEN.lower(), "logIndex": "0x3", "data": word(18_373_221),
                "topics": [TRANSFER, word(int(PAYEE, 16)), word(int(WALLET, 16))],
            }
        ],
    },
    "eth_getBlockByNumber": {"hash": BLOCK_HASH, "number": "0x62"},
}  # fmt: skip
VIEWS = {
    "70a08231": word(7_000_000),
    "feaf968c": word(9, 312_345_678_901, 0, SECONDS, 9),
    "313ce567": word(8),
    "e47d6060": word(0),
}


def answer_as_node(request: Request) -> Answer:
    return told_as_node(request.json(), result_of)


def result_of(method: str, params: list) -> object:
    if method == "eth_call":
        return VIEWS[params[0]["data"][2:10]]
    if method == "eth_sendRawTransaction":
        return "0x" + keccak(hexstr=params[0]).hex()
    return RESULTS[method]


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer(answer_as_node) as server:
        yield server


@pytest.fixture
def exchange(stub: StubServer) -> Iterator[ChangeNow]:
    with requests.Session() as session:
        yield ChangeNow(stub.url, "key", session)


def preflight_requested(**changed: object) -> PreflightRequested:
    fields = {
        "timestamp": ASKED, "unique_id": UNIQUE_ID, "wallet": WALLET, "to_address": PAYEE,
        "value_wei": str(10**17), "data": b"", "token": "",
    }  # fmt: skip
    return PreflightRequested(**{**fields, **changed})


def preflight_observed(**changed: object) -> PreflightObserved:
    fields = {
        "timestamp": SECONDS, "unique_id": UNIQUE_ID, "chain_id": 31337, "wallet": WALLET,
        "head_number": 110, "balance_wei": str(10**18), "token_balance_units": "",
        "latest_nonce": 7, "pending_nonce": 7, "finalized_nonce": 7,
        "base_fee_wei": "1000000000", "priority_fee_wei": "2000000000", "gas_estimate": 21_000,
    }  # fmt: skip
    return PreflightObserved(**{**fields, **changed})


def test_a_preflight_is_answered(node):
    sent = outbound.answer(preflight_requested(), node, NOW)

    assert sent == [Outgoing("chain-results", preflight_observed())]


def test_a_token_preflight_has_the_token_balance(node):
    request = preflight_requested(token=TOKEN, data=erc20_transfer_data(PAYEE, 5), value_wei="0")
    sent = outbound.answer(request, node, NOW)

    assert sent == [Outgoing("chain-results", preflight_observed(token_balance_units="7000000"))]


def test_a_preflight_with_a_problem_is_an_answer(node):
    sent = outbound.answer(preflight_requested(value_wei=str(2 * 10**18)), node, NOW)

    observed = preflight_observed(gas_estimate=0, problem="insufficient_funds")
    assert sent == [Outgoing("chain-results", observed)]


@pytest.mark.parametrize("value", ["", "-1", "1.0", "1e18", "²"])
def test_a_preflight_of_no_whole_wei_is_refused(node, value):
    with pytest.raises(InvalidInput, match="value_wei"):
        outbound.answer(preflight_requested(value_wei=value), node, NOW)


def test_a_broadcast_is_answered_with_its_outcome(node):
    raw = b"\x02signed"
    tx_hash = "0x" + keccak(raw).hex()
    request = BroadcastRequested(
        timestamp=ASKED, unique_id=UNIQUE_ID, tx_hash=tx_hash, raw_transaction=raw
    )

    sent = outbound.answer(request, node, NOW)

    observed = BroadcastObserved(
        timestamp=SECONDS, unique_id=UNIQUE_ID, tx_hash=tx_hash, outcome="accepted"
    )
    assert sent == [Outgoing("chain-results", observed)]


@pytest.mark.parametrize("unique_id", [UNIQUE_ID, ""])
def test_a_receipt_is_answered_whether_it_was_asked_for_or_hinted_at(node, unique_id):
    asked = {"timestamp": ASKED, "wallet": WALLET, "tx_hash": TX_HASH}
    hint = TransactionSighted(**asked)
    request = ReceiptRequested(unique_id=unique_id, **asked) if unique_id else hint

    sent = outbound.answer(request, node, NOW)

    observed = ReceiptObserved(
        timestamp=SECONDS,
        unique_id=unique_id,
        tx_hash=TX_HASH,
        status="success",
        block_number=100,
        block_hash=BLOCK_HASH,
        canonical_hash=BLOCK_HASH,
        gas_used=21_000,
        effective_gas_price_wei="1000000000",
        head_number=110,
        latest_nonce=7,
        finalized_nonce=7,
        sender=WALLET.lower(),
        finalized_number=98,
    )
    assert sent == [Outgoing("chain-results", observed)]


def test_an_observation_is_answered(node):
    request = ChainObservationRequested(
        timestamp=ASKED, wallet=WALLET, token=TOKEN, price_feed=FEED
    )

    sent = outbound.answer(request, node, NOW)

    observed = ChainObserved(
        timestamp=SECONDS,
        chain_id=31337,
        head_number=110,
        base_fee_wei="1000000000",
        priority_fee_wei="2000000000",
        wallet=WALLET,
        balance_wei=str(10**18),
        token_balance_units="7000000",
        eth_usd="3123.45678901",
        eth_usd_updated_at=SECONDS,
    )
    assert sent == [Outgoing("chain-results", observed)]


def test_transfer_logs_go_to_the_swap(node):
    request = TransferLogsRequested(
        timestamp=ASKED,
        swap_id="swap-1",
        cn_api_id="c2036055d1f776",
        token=TOKEN,
        to_address=WALLET,
        tx_hash=TX_HASH,
    )

    sent = outbound.answer(request, node, NOW)

    (found,) = (each.message for each in sent)
    assert sent[0].queue == "swap-results"
    assert isinstance(found, TransferLogsFound)
    assert (found.swap_id, found.status, found.block_number, found.head_number) == (
        "swap-1", "success", 100, 110,
    )  # fmt: skip
    assert json.loads(found.logs) == [
        {"log_index": 3, "from": PAYEE.lower(), "amount_units": "18373221"}
    ]


def test_a_message_that_is_no_chain_request_is_refused(node):
    stranger = ExchangeStatusRequested(timestamp=ASKED, swap_id="swap-1", cn_api_id="c2")

    with pytest.raises(InvalidToken):
        outbound.answer(stranger, node, NOW)


def test_an_unwell_node_leaves_the_message_for_later(stub, node):
    stub.answer = lambda _request: Answer(503)

    with pytest.raises(RetryLater):
        outbound.answer(preflight_requested(), node, NOW)


STATUS_CHECK = StatusCheckRequest(
    UNIQUE_ID, "ccb079fe70f827", "eth", "eth", 0.001269067, PAYEE, ASKED
)


def status_response(status: str, payin_address: str) -> list[Outgoing]:
    response = StatusCheckResponse(
        UNIQUE_ID, "ccb079fe70f827", status, "eth", "eth", 0.001269067, payin_address, SECONDS
    )
    return [Outgoing("hostpay-status-response", response)]


def test_a_status_check_tells_the_providers_own_payin_address(stub, exchange):
    body = {"id": "ccb079fe70f827", "status": "waiting", "payinAddress": WALLET}
    stub.answer = lambda _request: told(body)

    sent = outbound.ask_status(STATUS_CHECK, exchange, NOW)

    assert sent == status_response("waiting", WALLET)


def test_an_exchange_nobody_knows_has_no_payin_address(stub, exchange):
    stub.answer = lambda _request: Answer(404)

    assert outbound.ask_status(STATUS_CHECK, exchange, NOW) == status_response("not_found", "")


def test_a_status_check_at_an_unwell_exchange_is_left_for_later(stub, exchange):
    stub.answer = lambda _request: Answer(429)

    with pytest.raises(RetryLater):
        outbound.ask_status(STATUS_CHECK, exchange, NOW)

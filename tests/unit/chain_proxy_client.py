"""What the tests of the chain proxy share: a stub node, a client, signed bytes."""

from typing import Any

import requests
from eth_account import Account

from local.chain_proxy import ChainProxy
from tests.unit.stub_server import Answer, Request, told

SEND = "eth_sendRawTransaction"
COUNT = "eth_getTransactionCount"
RECEIPT = "eth_getTransactionReceipt"
ACCOUNT = Account.from_key("0x" + "11" * 32)
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
TIMEOUT = (3.05, 10)
BLOCK_HASH = "0x" + "ab" * 32
RESULTS: dict[str, Any] = {
    "eth_chainId": "0x1",
    "eth_blockNumber": "0x64",
    "eth_getBalance": "0xde0b6b3a7640000",
    COUNT: "0xa",
    RECEIPT: {"blockNumber": "0x60", "blockHash": BLOCK_HASH, "logs": [{"blockHash": BLOCK_HASH}]},
    "eth_getBlockByNumber": {"number": "0x62"},
    SEND: "0x" + "cd" * 32,
}


def node(request: Request) -> Answer:
    said = request.json()
    return told({"jsonrpc": "2.0", "id": said["id"], "result": RESULTS[said["method"]]})


def call(method: str, *params: Any, call_id: int = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": call_id, "method": method, "params": list(params)}


def post(proxy: ChainProxy, said: Any, path: str = "/v2/key") -> requests.Response:
    return requests.post(proxy.url + path, json=said, timeout=TIMEOUT)


def ask(proxy: ChainProxy, method: str, *params: Any) -> Any:
    response = post(proxy, call(method, *params))
    assert response.status_code == 200, response.text
    return response.json()


def signed(nonce: int = 0, **changed: Any) -> Any:
    fields = {"type": 2, "chainId": 1, "nonce": nonce, "to": PAYEE, "value": 5, "gas": 21_000}
    fees = {"maxFeePerGas": 7, "maxPriorityFeePerGas": 2}
    return ACCOUNT.sign_transaction({**fields, **fees, **changed})


def raw(nonce: int = 0) -> str:
    return "0x" + bytes(signed(nonce).raw_transaction).hex()

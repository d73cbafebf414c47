"""ChangeNOW and an Ethereum node behind one address: every question is answered, none refused."""

from typing import Any

from eth_utils import keccak

from tests.fakes.pipeline import TOKEN
from tests.unit.stub_server import Answer, Request, told, told_as_node

PAYIN = "0x52908400098527886E0F7030069857D2E4169EE7"
PAYER = "0x" + "77" * 20
EXCHANGE_ID = "ccb079fe70f827"
BLOCK_HASH = "0x" + "b1" * 32
TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
PAIR = {"fromCurrency": "eth", "fromNetwork": "eth", "toCurrency": "usdt", "toNetwork": "eth"}

RESULTS: dict[str, Any] = {
    "eth_chainId": "0x7a69",
    "eth_blockNumber": "0x6e",
    "eth_feeHistory": {
        "oldestBlock": "0x6e",
        "baseFeePerGas": ["0x1", "0x3b9aca00"],
        "gasUsedRatio": [0.5],
        "reward": [["0x77359400"]],
    },
    "eth_getBalance": hex(10**20),
    "eth_getCode": "0x",
    "eth_estimateGas": "0x5208",
    "eth_getTransactionCount": "0x7",
    "eth_getBlockByNumber": {"hash": BLOCK_HASH, "number": "0x64"},
}
VIEWS = {
    "70a08231": (7_000_000,),
    "feaf968c": (9, 200_000_000_000, 0, 1, 9),
    "313ce567": (8,),
    "e47d6060": (0,),
}


def answer_outside(request: Request) -> Answer:
    """What either of them says."""
    if request.path == "/":
        return told_as_node(request.json(), _node)
    return told(_exchange(request))


def _node(method: str, params: list[Any]) -> Any:
    if method == "eth_call":
        return _words(*VIEWS[params[0]["data"][2:10]])
    if method == "eth_sendRawTransaction":
        return "0x" + keccak(hexstr=params[0]).hex()
    if method == "eth_getTransactionReceipt":
        return _receipt(params[0])
    return RESULTS[method]


def _receipt(tx_hash: str) -> dict[str, Any]:
    """Mined at block 100, with one transfer of our token in it."""
    return {
        "transactionHash": tx_hash,
        "status": "0x1",
        "blockNumber": "0x64",
        "blockHash": BLOCK_HASH,
        "gasUsed": "0x5208",
        "effectiveGasPrice": "0x3b9aca00",
        "logs": [
            {
                "address": TOKEN,
                "logIndex": "0x0",
                "data": _words(18_373_221),
                "topics": [TRANSFER_TOPIC, _words(int(PAYER, 16)), _words(0)],
            }
        ],
    }


def _exchange(request: Request) -> dict[str, Any]:
    if request.path.endswith("/range"):
        return {**PAIR, "flow": "standard", "minAmount": 0.001, "maxAmount": None}
    if request.path.endswith("/estimated-amount"):
        return {**PAIR, "toAmount": 1980}
    if request.path.endswith("/by-id"):
        about = {"id": request.query["id"], "status": "waiting", "payinAddress": PAYIN}
        return {**PAIR, **about}
    asked = request.json()
    return {
        **PAIR,
        "id": EXCHANGE_ID,
        "payinAddress": PAYIN,
        "payoutAddress": asked["address"],
        "refundAddress": asked["refundAddress"],
        "fromAmount": asked["fromAmount"],
        "toAmount": "39.2",
    }


def _words(*values: int) -> str:
    return "0x" + b"".join(value.to_bytes(32) for value in values).hex()

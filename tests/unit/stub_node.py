"""An Ethereum node on loopback that answers what a test tells it to."""

from collections.abc import Callable
from datetime import UTC, datetime

from microbatch.vendors import ethereum
from microbatch.vendors.ethereum import Node
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


def sign(**changed: object) -> ethereum.Signed:
    transfer = {
        "chain_id": 1, "nonce": 7, "to": PAYEE, "value_wei": 10**18, "data": b"",
        "gas_limit": 21_000, "max_fee": 30 * 10**9, "max_priority_fee": 10**9,
    }  # fmt: skip
    return ethereum.sign_transfer(KEY, **{**transfer, **changed})


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


def _bytes(answer: Answer) -> bytes:
    return answer.body.encode() if isinstance(answer.body, str) else answer.body


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
            "eth_getBlockByNumber finalized": {"number": "0x62"},
            "balanceOf": word(7_000_000),
            "isBlackListed": word(0),
            "latestRoundData": word(9, 312_345_678_901, 0, NOW_SECONDS - 60, 9),
            "decimals": word(8),
        }
        self.errors: dict[str, dict] = {}
        self.said: dict[str, dict] = {}  # instead of result or error
        self.asked: list[tuple[str, list]] = []
        stub.answer = self._answer

    def _answer(self, request: Request) -> Answer:
        said = request.json()
        if isinstance(said, dict):
            return self._one(said)
        answers = [self._one(call) for call in said]
        whole = next((each for each in answers if each.status != 200 or each.hang_up), None)
        return whole or Answer(200, b"[" + b",".join(_bytes(each) for each in answers) + b"]")

    def _one(self, call: dict) -> Answer:
        method, params = call["method"], call["params"]
        self.asked.append((method, params))
        name = method
        if method == "eth_getTransactionCount":
            name = f"{method} {params[-1]}"
        if params[:1] == ["finalized"]:
            name = f"{method} finalized"
        if method == "eth_call":
            selectors = {
                "70a08231": "balanceOf",
                "feaf968c": "latestRoundData",
                "e47d6060": "isBlackListed",
            }
            name = selectors.get(params[0]["data"][2:10], "decimals")
        envelope = {"jsonrpc": "2.0", "id": call["id"]}
        if name in self.said:
            return told(envelope | self.said[name])
        if name in self.errors:
            return told(envelope | {"error": self.errors[name]})
        result = self.results[name]
        return result if isinstance(result, Answer) else told(envelope | {"result": result})

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


def preflight(node: Node, **changed: object) -> ethereum.Preflight:
    asked = {"wallet": WALLET, "to_address": PAYEE, "value_wei": 10**18, "data": b"", "token": ""}
    return node.preflight(**{**asked, **changed})


def broadcast(node: Node) -> ethereum.Broadcast:
    return node.broadcast(sign().raw, sign().tx_hash)


def observe(node: Node) -> ethereum.Observation:
    return node.observe(wallet=WALLET, token=TOKEN, price_feed=FEED, now=NOW)


QUESTIONS: dict[str, Callable[[Node], object]] = {
    "preflight": preflight,
    "broadcast": lambda node: node.broadcast(sign().raw, sign().tx_hash),
    "receipt": lambda node: node.receipt(wallet=WALLET, tx_hash=TX_HASH),
    "transfer_logs": lambda node: node.transfer_logs(
        tx_hash=TX_HASH, token=TOKEN, to_address=WALLET
    ),
    "observe": lambda node: node.observe(wallet=WALLET, token=TOKEN, price_feed=FEED, now=NOW),
}

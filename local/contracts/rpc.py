"""Plain JSON-RPC to the local Ethereum node, over web3's HTTP transport."""

import time
from typing import Any

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint

REQUEST_TIMEOUT_SECONDS = 10
RECEIPT_TIMEOUT_SECONDS = 60
RECEIPT_POLL_SECONDS = 0.05


class RpcError(Exception):
    """The node answered with an error, or what it mined was reverted."""


class Rpc:
    """One node; never retries by itself."""

    def __init__(self, url: str) -> None:
        session = requests.Session()
        session.trust_env = False  # the node is on this machine: no proxy leads to it
        self._provider = HTTPProvider(
            url,
            session=session,
            request_kwargs={"timeout": REQUEST_TIMEOUT_SECONDS},
            exception_retry_configuration=None,
        )

    def call(self, method: str, *params: Any) -> Any:
        """The result of one method; raises RpcError, or requests' exceptions without a node."""
        answer = self._provider.make_request(RPCEndpoint(method), list(params))
        if "error" in answer:
            raise RpcError(f"{method}: {answer['error']}")
        return answer.get("result")

    def send(self, transaction: dict[str, str]) -> str:
        """Hash of a transaction sent from an account whose key the node holds."""
        return str(self.call("eth_sendTransaction", transaction))

    def receipt(self, tx_hash: str) -> dict[str, Any] | None:
        """The receipt, or None while the transaction is not on the chain."""
        receipt: dict[str, Any] | None = self.call("eth_getTransactionReceipt", tx_hash)
        return receipt

    def mined(self, tx_hash: str) -> dict[str, Any]:
        """Wait for the receipt of a successful transaction; raises RpcError otherwise."""
        deadline = time.monotonic() + RECEIPT_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            receipt = self.receipt(tx_hash)
            if receipt is not None:
                if int(receipt["status"], 16) != 1:
                    raise RpcError(f"transaction {tx_hash} was reverted")
                return receipt
            time.sleep(RECEIPT_POLL_SECONDS)
        raise RpcError(f"transaction {tx_hash} was not mined in {RECEIPT_TIMEOUT_SECONDS} s")

    def block_number(self) -> int:
        """Number of the newest block."""
        return int(self.call("eth_blockNumber"), 16)

"""The ChangeNOW simulator as its own process on a real node, and a client for tests."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from eth_account import Account

from local.anvil import Anvil
from local.contracts import deploy
from local.contracts.rpc import Rpc

ROOT = Path(__file__).parents[2]
PAYER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"  # development account 2
KEY = "integration-key"
PRIVATE = "integration-private-key"
PATIENCE_SECONDS = 20
TIMEOUT = (3.05, 10)


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator and the node it stands on."""

    url: str
    rpc: Rpc
    rpc_url: str

    def call(self, method: str, path: str, key: str = KEY, **options: Any) -> Any:
        response = requests.request(
            method,
            self.url + path,
            headers={"x-changenow-api-key": key},
            timeout=options.pop("timeout", TIMEOUT),
            **options,
        )
        assert response.status_code == 200, response.text
        return response.json(parse_float=Decimal)

    def script(self, **fields: Any) -> None:
        self.call("POST", "/_control/faults", json=fields)

    def create(
        self, address: str, amount: str = "0.05", refund: str = PAYER, **changes: str
    ) -> Any:
        asked = {**order(address, amount, refund), **changes}
        return self.call("POST", "/v2/exchange", json=asked)

    def pay(self, to: str, amount: str) -> str:
        wei = int(Decimal(amount).scaleb(18))
        tx_hash = self.rpc.send({"from": PAYER, "to": to, "value": hex(wei)})
        self.rpc.mined(tx_hash)
        return tx_hash

    def pay_usdt(self, to: str, amount: str) -> str:
        units = int(Decimal(amount).scaleb(6))
        deploy.mint_usdt(self.rpc_url, PAYER, units)
        data = deploy.call_data("transfer(address,uint256)", to, units)
        tx_hash = self.rpc.send({"from": PAYER, "to": deploy.USDT_ADDRESS, "data": data})
        self.rpc.mined(tx_hash)
        return tx_hash

    def paid_abroad(self, exchange_id: str) -> list[Any]:
        payouts = self.call("GET", "/_control/payouts")["payouts"]
        return [payout for payout in payouts if payout["exchangeId"] == exchange_id]

    def status(self, exchange_id: str) -> Any:
        return self.call("GET", f"/v2/exchange/by-id?id={exchange_id}")

    def until(self, exchange_id: str, status: str) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            body = self.status(exchange_id)
            if body["status"] == status:
                return body
            time.sleep(0.1)
        raise AssertionError(f"still {body}")


def order(address: str, amount: str = "0.05", refund: str = PAYER) -> dict[str, str]:
    return {
        "fromCurrency": "eth",
        "fromNetwork": "eth",
        "toCurrency": "usdt",
        "toNetwork": "eth",
        "fromAmount": amount,
        "address": address,
        "refundAddress": refund,
        "flow": "standard",
        "type": "direct",
    }


def fresh_address() -> str:
    address: str = Account.create().address
    return address


@contextmanager
def running(*flags: str) -> Iterator[Simulator]:
    with Anvil(block_time=0) as node:
        deploy.deploy(node.url)
        command = [sys.executable, "-m", "local.changenow", "--port", "0", "--rpc-url", node.url]
        command += ["--usdt", deploy.USDT_ADDRESS, "--api-key", KEY, "--private-api-key", PRIVATE]
        command += ["--calls-per-second", "1000", "--calls-per-minute", "60000", "--quiet", *flags]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line.startswith("listening on "), line
                yield Simulator(line.split()[-1], Rpc(node.url), node.url)
            finally:
                process.terminate()
                ended = process.wait(timeout=10)
            assert ended == 0

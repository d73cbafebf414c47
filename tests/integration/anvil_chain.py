"""A node that makes a block only when told to, and wallets of their own on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_account import Account

from local.anvil import CHAIN_ID, Anvil
from local.contracts import deploy
from local.contracts.rpc import Rpc
from microbatch.vendors.ethereum import Signed
from microbatch.vendors.ethereum.key_signer import KeySigner

ETH = 10**18
GWEI = 10**9
PLAIN_GAS = 21_000
PAYEE = "0x52908400098527886E0F7030069857D2E4169EE7"
STRANGER = "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
USDT = deploy.USDT_ADDRESS
FEED = deploy.PRICE_FEED_ADDRESS


@dataclass(frozen=True)
class Wallet:
    """A key of its own for each test, so that tests share a chain without meeting."""

    signer: KeySigner

    @property
    def address(self) -> str:
        return self.signer.address

    def sign(self, value_wei: int = ETH, **changed: Any) -> Signed:
        fields = {
            "chain_id": CHAIN_ID,
            "nonce": 0,
            "to_address": PAYEE,
            "value_wei": value_wei,
            "data": b"",
            "gas_limit": PLAIN_GAS,
            "max_fee_per_gas_wei": 40 * GWEI,
            "max_priority_fee_per_gas_wei": GWEI,
        }
        return self.signer.sign(**{**fields, **changed})


@dataclass(frozen=True)
class Chain:
    """The node, as the tests' hand reaches into it."""

    rpc: Rpc
    url: str

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.rpc.call("evm_mine")

    def fund(self, address: str, wei: int) -> None:
        self.rpc.call("anvil_setBalance", address, hex(wei))

    def balance_wei(self, address: str) -> int:
        return int(self.rpc.call("eth_getBalance", address, "latest"), 16)

    def block(self, number: int | None = None) -> dict[str, Any]:
        tag = "latest" if number is None else hex(number)
        found: dict[str, Any] = self.rpc.call("eth_getBlockByNumber", tag, False)
        return found

    def offer(self, data: str, *, to: str = USDT, sender: str = deploy.DEPLOYER_ADDRESS) -> str:
        """A transaction of an account whose key the node holds; not mined yet."""
        return self.rpc.send({"from": sender, "to": to, "data": data})

    def wallet(self, wei: int = 10 * ETH) -> Wallet:
        account = Account.create()
        wallet = Wallet(KeySigner("0x" + bytes(account.key).hex()))
        self.fund(wallet.address, wei)
        return wallet


@contextmanager
def running() -> Iterator[Chain]:
    with Anvil(block_time=0) as anvil:
        deploy.deploy(anvil.url)
        chain = Chain(Rpc(anvil.url), anvil.url)
        chain.rpc.call("evm_setAutomine", False)
        chain.mine(3)  # so that the finalized block is one of ours
        yield chain

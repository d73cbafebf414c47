"""Deploys the local contracts from the node's first development account, at known addresses."""

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from local.contracts.rpc import Rpc, RpcError

DEPLOYER_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # development account 0
USDT_ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"  # its nonce 0
PRICE_FEED_ADDRESS = "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"  # its nonce 1
DEFAULT_ETH_USD = Decimal(2000)
FEED_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where the contracts stand."""

    usdt_address: str
    price_feed_address: str


def artifact(name: str) -> dict[str, Any]:
    """The compiled contract `usdt` or `price_feed`: abi, bytecode, compiler, source hash."""
    path = Path(__file__).with_name(f"{name}.json")
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def call_data(signature: str, *values: Any) -> str:
    """Hex call data of a function given by its signature, `transfer(address,uint256)`."""
    types = [name for name in signature[signature.index("(") + 1 : -1].split(",") if name]
    return "0x" + (keccak(text=signature)[:4] + encode(types, values)).hex()


def deploy(rpc_url: str, *, eth_usd: Decimal = DEFAULT_ETH_USD) -> Contracts:
    """Deploy both contracts, or find them deployed; raises RpcError if an address differs."""
    rpc = Rpc(rpc_url)
    answer = encode(["int256"], [feed_answer(eth_usd)])
    _deploy_at(rpc, USDT_ADDRESS, artifact("usdt")["bytecode"])
    _deploy_at(rpc, PRICE_FEED_ADDRESS, artifact("price_feed")["bytecode"] + answer.hex())
    return Contracts(USDT_ADDRESS, PRICE_FEED_ADDRESS)


def feed_answer(eth_usd: Decimal) -> int:
    """A price in dollars as the feed's integer."""
    return int(eth_usd.scaleb(FEED_DECIMALS))


def mint_usdt(rpc_url: str, to: str, units: int, *, usdt: str = USDT_ADDRESS) -> str:
    """Mint micro-USDT to an address and wait until it is mined; returns the transaction hash."""
    return _owner_call(rpc_url, usdt, call_data("mint(address,uint256)", to, units))


def set_price(rpc_url: str, eth_usd: Decimal, *, feed: str = PRICE_FEED_ADDRESS) -> str:
    """Set the feed's answer; returns the transaction hash."""
    return _owner_call(rpc_url, feed, call_data("setAnswer(int256)", feed_answer(eth_usd)))


def set_price_time(rpc_url: str, updated_at: int, *, feed: str = PRICE_FEED_ADDRESS) -> str:
    """Override the feed's updatedAt (0: the block's time again); returns the transaction hash."""
    return _owner_call(rpc_url, feed, call_data("setUpdatedAt(uint256)", updated_at))


def usdt_balance(rpc_url: str, holder: str, *, usdt: str = USDT_ADDRESS) -> int:
    """Micro-USDT an address holds."""
    data = call_data("balanceOf(address)", holder)
    return int(Rpc(rpc_url).call("eth_call", {"to": usdt, "data": data}, "latest"), 16)


def _deploy_at(rpc: Rpc, address: str, bytecode: str) -> None:
    if rpc.call("eth_getCode", address, "latest") != "0x":
        return
    receipt = rpc.mined(rpc.send({"from": DEPLOYER_ADDRESS, "data": bytecode}))
    came_out = to_checksum_address(receipt["contractAddress"])
    if came_out != address:
        raise RpcError(f"deployed at {came_out}, not {address}: is this a fresh chain?")


def _owner_call(rpc_url: str, contract: str, data: str) -> str:
    rpc = Rpc(rpc_url)
    tx_hash = rpc.send({"from": DEPLOYER_ADDRESS, "to": contract, "data": data})
    rpc.mined(tx_hash)
    return tx_hash

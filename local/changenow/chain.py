"""The chain as the exchange service sees it: deposits found in blocks, payouts made."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from local.changenow.currencies import ETH, USDT, Currency
from local.contracts.deploy import call_data
from local.contracts.rpc import Rpc, RpcError

TREASURY_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"  # development account 1
TRANSFER_TOPIC = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
REORG_BLOCKS_MAX = 128  # deeper reorganisations are not followed
BLOCKS_PER_SCAN_MAX = 500


@dataclass(frozen=True, slots=True)
class Deposit:
    """Value that arrived at one of our addresses."""

    key: str  # unique on the chain
    tx_hash: str
    address: str  # checksummed
    currency: Currency
    amount: Decimal
    block_number: int


class Chain:
    """One node, one treasury account whose key the node holds. Used by one thread only."""

    def __init__(self, rpc_url: str, usdt_address: str) -> None:
        self._rpc = Rpc(rpc_url)
        self._usdt = usdt_address
        self._head = self._rpc.block_number()
        self._hashes: dict[int, str] = {}  # of the blocks scanned last
        self._next_block = self._head + 1  # what came before us belongs to nobody

    @property
    def head(self) -> int:
        """Number of the newest block scanned."""
        return self._head

    @property
    def head_hash(self) -> str:
        """Hash of the newest block scanned; empty before the first."""
        return self._hashes.get(self._head, "")

    def new_deposits(self, addresses: Collection[str]) -> list[Deposit]:
        """Deposits to the addresses in blocks not seen so far; follows reorganisations."""
        newest = self._rpc.block_number()
        self._step_back(newest)
        last = min(newest, self._next_block + BLOCKS_PER_SCAN_MAX - 1)
        deposits: list[Deposit] = []
        for number in range(self._next_block, last + 1):
            block = self._rpc.call("eth_getBlockByNumber", hex(number), True)
            if block is None:
                break
            deposits += self._ether_in(block, addresses) + self._usdt_in(block, addresses)
            self._hashes[number] = block["hash"]
            self._hashes.pop(number - REORG_BLOCKS_MAX, None)
            self._next_block = number + 1
        self._head = self._next_block - 1
        return deposits

    def depth(self, tx_hash: str) -> int | None:
        """Blocks from a successful transaction to the head, its own included; 0 pending."""
        receipt = self._rpc.receipt(tx_hash)
        if receipt is None:
            return None if self._rpc.call("eth_getTransactionByHash", tx_hash) is None else 0
        if int(receipt["status"], 16) != 1:
            return None
        return max(self._rpc.block_number() - int(receipt["blockNumber"], 16) + 1, 1)

    def pay(self, currency: Currency, to: str, amount: Decimal) -> str:
        """Send from the treasury; returns the transaction hash, mined or not."""
        units = currency.units(amount)
        transaction = {"from": TREASURY_ADDRESS, "to": to, "value": hex(units)}
        if currency.token:
            data = call_data("transfer(address,uint256)", to, units)
            transaction = {"from": TREASURY_ADDRESS, "to": self._usdt, "data": data}
        # The node would mine what reverts; asked for its gas first, it refuses.
        return self._rpc.send(
            {**transaction, "gas": self._rpc.call("eth_estimateGas", transaction)}
        )

    def feed_price(self, feed_address: str) -> Decimal:
        """The ETH/USD feed's answer; raises RpcError when it is not positive."""
        call = {"to": feed_address, "data": call_data("latestRoundData()")}
        answer = bytes.fromhex(self._rpc.call("eth_call", call, "latest")[2:])
        price = int.from_bytes(answer[32:64], "big", signed=True)
        if price <= 0:
            raise RpcError(f"the price feed answers {price}")
        return Decimal(price).scaleb(-8)

    def _step_back(self, newest: int) -> None:
        """Forget scanned blocks that are no longer on the chain."""
        number = min(self._next_block - 1, newest)
        while number in self._hashes:
            block = self._rpc.call("eth_getBlockByNumber", hex(number), False)
            if block is not None and block["hash"] == self._hashes[number]:
                break
            number -= 1
        for gone in range(number + 1, self._next_block):
            self._hashes.pop(gone, None)
        self._next_block = number + 1

    def _ether_in(self, block: dict[str, Any], addresses: Collection[str]) -> list[Deposit]:
        deposits = []
        for transaction in block["transactions"]:
            value = int(transaction["value"], 16)
            if transaction["to"] is None or value == 0:
                continue
            to = to_checksum_address(transaction["to"])
            if to not in addresses:
                continue
            tx_hash = transaction["hash"]
            receipt = self._rpc.receipt(tx_hash)
            if receipt is None or int(receipt["status"], 16) != 1:
                continue
            number = int(block["number"], 16)
            deposits.append(Deposit(tx_hash, tx_hash, to, ETH, ETH.from_units(value), number))
        return deposits

    def _usdt_in(self, block: dict[str, Any], addresses: Collection[str]) -> list[Deposit]:
        query = {"address": self._usdt, "topics": [TRANSFER_TOPIC], "blockHash": block["hash"]}
        deposits = []
        for log in self._rpc.call("eth_getLogs", query):
            to = to_checksum_address("0x" + log["topics"][2][-40:])
            if to not in addresses:
                continue
            tx_hash, units = log["transactionHash"], int(log["data"], 16)
            key = f"{tx_hash}/{int(log['logIndex'], 16)}"
            number = int(block["number"], 16)
            deposits.append(Deposit(key, tx_hash, to, USDT, USDT.from_units(units), number))
        return deposits

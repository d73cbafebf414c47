"""A node: JSON-RPC answers about the chain, as far as this node has come."""

from dataclasses import dataclass
from typing import Any

from tests.simulation.chain.ledger import GENESIS, GWEI, Chain
from tests.simulation.chain.transactions import Mined, Transaction, decoded
from tests.simulation.seams import UnknownEffect
from tests.simulation.settings import CHAIN_ID, FEED, TOKEN

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
PRICE_DECIMALS = 8
TIP_WEI = GWEI // 2
REPLACEMENT_PERCENT = 110


class Refusal(Exception):
    """The node's own error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass
class Node:
    """One node behind one URL."""

    chain: Chain
    price_usd: Any  # () -> (price in 10^-8 dollars, its time in Unix seconds)
    behind: int = 0  # blocks

    @property
    def head(self) -> int:
        """The newest block this node knows."""
        return self.chain.head - self.behind

    def answer(self, method: str, params: list[Any]) -> Any:
        """The result of one call. Raises Refusal."""
        handler = getattr(self, f"_{method}", None)
        if handler is None:
            raise UnknownEffect(f"the node is asked for {method}, which passes no seam")
        return handler(*params)

    def _eth_chainId(self) -> str:
        return hex(CHAIN_ID)

    def _eth_blockNumber(self) -> str:
        return hex(self.head)

    def _eth_getBalance(self, address: str, tag: str) -> str:
        return hex(max(0, self.chain.wei(address.lower(), self._number(tag))))

    def _eth_getCode(self, _address: str, _tag: str) -> str:
        return "0x"

    def _eth_estimateGas(self, call: dict[str, str], tag: str) -> str:
        sender, to = call["from"].lower(), call["to"].lower()
        data = bytes.fromhex(call.get("data", "0x")[2:])
        value_wei = int(call["value"], 16)
        if self.chain.wei(sender, self._number(tag)) < value_wei:
            raise Refusal(-32000, "insufficient funds for transfer")
        if self.chain.reverts(sender, to, value_wei, data):
            raise Refusal(3, "execution reverted")
        return hex(self.chain.gas_of(to, data))

    def _eth_getTransactionCount(self, wallet: str, tag: str) -> str:
        wallet = wallet.lower()
        count = self.chain.count(wallet, self._number(tag))
        if tag == "pending":
            while self.chain.waiting_on(wallet, count):
                count += 1
        return hex(count)

    def _eth_feeHistory(self, blocks: str, _tag: str, _percentiles: list[int]) -> Any:
        count = int(blocks, 16)
        oldest = self.head - count + 1
        fees = [self.chain.base_fee_wei(oldest + each) for each in range(count + 1)]
        return {
            "oldestBlock": hex(oldest),
            "baseFeePerGas": [hex(fee) for fee in fees],
            "gasUsedRatio": [0.5] * count,
            "reward": [[hex(TIP_WEI)]] * count,
        }

    def _eth_call(self, call: dict[str, str], _tag: str) -> str:
        to, data = call["to"].lower(), call["data"]
        selector, argument = data[:10], "0x" + data[-40:]
        if to == FEED and selector == "0xfeaf968c":
            price, updated_at = self.price_usd()
            return _words(9, price, updated_at, updated_at, 9)
        if to == FEED and selector == "0x313ce567":
            return _words(PRICE_DECIMALS)
        if to == TOKEN and selector == "0x70a08231":
            return _words(self.chain.units(argument, self.head))
        if to == TOKEN and selector == "0xe47d6060":
            return _words(int(argument in self.chain.blacklisted))
        raise UnknownEffect(f"{selector} of {to} is called, which passes no seam")

    def _eth_getTransactionReceipt(self, tx_hash: str) -> Any:
        mined = self._mined(tx_hash)
        return None if mined is None else self.receipt_of(mined)

    def receipt_of(self, mined: Mined) -> dict[str, Any]:
        """The receipt of what was mined."""
        return {
            "transactionHash": mined.sent.tx_hash,
            "status": hex(mined.succeeded),
            "blockNumber": hex(mined.number),
            "blockHash": mined.block_hash,
            "from": mined.sent.sender,
            "gasUsed": hex(mined.gas_used),
            "effectiveGasPrice": hex(mined.price_wei),
            "logs": _logs(mined),
        }

    def _eth_getTransactionByHash(self, tx_hash: str) -> Any:
        mined = self._mined(tx_hash)
        return None if mined is None else _as_json(mined.sent)

    def _eth_getBlockByNumber(self, tag: str, full: bool) -> Any:
        number = self._number(tag)
        if number > self.head:
            return None
        inside = [each.sent for each in self.chain.mined.values() if each.number == number]
        return {
            "number": hex(number),
            "hash": self.chain.block_hash(number),
            "transactions": [_as_json(each) if full else each.tx_hash for each in inside],
        }

    def _eth_sendRawTransaction(self, raw: str) -> str:
        sent = decoded(bytes.fromhex(raw[2:]))
        self._check(sent)
        if sent.tx_hash not in self.chain.pool:
            self.chain.offer(sent)
        return sent.tx_hash

    def _check(self, sent: Transaction) -> None:
        """The rules of a pool. Raises Refusal."""
        chain = self.chain
        if sent.chain_id != CHAIN_ID:
            raise Refusal(-32000, "invalid chain id for signer")
        if sent.tx_hash in chain.pool:
            raise Refusal(-32000, "already known")
        if sent.nonce < chain.count(sent.sender):
            raise Refusal(-32000, f"nonce too low: next nonce {chain.count(sent.sender)}")
        if sent.gas_limit < min(chain.gas_of("", sent.data), 21_000):
            raise Refusal(-32000, "intrinsic gas too low")
        if chain.wei(sent.sender) < sent.value_wei + sent.gas_limit * sent.max_fee_wei:
            raise Refusal(-32000, "insufficient funds for gas * price + value")
        known = chain.waiting_on(sent.sender, sent.nonce)
        if known is not None and not _outbids(sent, known.sent):
            raise Refusal(-32000, "replacement transaction underpriced")

    def _number(self, tag: str) -> int:
        if tag in ("latest", "pending"):
            return self.head
        if tag == "finalized":
            return max(GENESIS - 100, min(self.chain.finalized, self.head))
        return int(tag, 16)

    def _mined(self, tx_hash: str) -> Mined | None:
        mined = self.chain.mined.get(tx_hash)
        return mined if mined is not None and mined.number <= self.head else None


def _outbids(sent: Transaction, known: Transaction) -> bool:
    return (
        sent.max_fee_wei * 100 >= known.max_fee_wei * REPLACEMENT_PERCENT
        and sent.tip_wei * 100 >= known.tip_wei * REPLACEMENT_PERCENT
    )


def _logs(mined: Mined) -> list[dict[str, Any]]:
    if not mined.succeeded or mined.sent.to != TOKEN:
        return []
    sender = _words(int(mined.sent.sender, 16))
    return [
        {
            "address": TOKEN,
            "logIndex": hex(number),
            "data": _words(units),
            "topics": [TRANSFER_TOPIC, sender, _words(int(payee, 16))],
        }
        for number, (payee, units) in enumerate(mined.sent.token_transfers)
    ]


def _as_json(sent: Transaction) -> dict[str, Any]:
    return {
        "hash": sent.tx_hash,
        "from": sent.sender,
        "to": sent.to,
        "value": hex(sent.value_wei),
        "nonce": hex(max(sent.nonce, 0)),
    }


def _words(*values: int) -> str:
    return "0x" + b"".join(value.to_bytes(32) for value in values).hex()

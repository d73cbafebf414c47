"""Raw transactions, decoded: what the bytes say, whatever anybody claims about them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

SEND_RAW = "eth_sendRawTransaction"
FIRST_LEGACY_BYTE = 0xC0  # below it stands a type
FIRST_PROTECTED_V = 35  # EIP-155


@dataclass(slots=True, kw_only=True)
class RawTransaction:
    """One transaction as its bytes have it; `problem` says why it could not be decoded.

    `offered` counts how often a client gave the bytes, `forwarded` how often the node got them.
    """

    tx_hash: str  # 0x and lower-case digits
    raw: str
    sender: str = ""  # checksummed
    nonce: int = -1
    to: str = ""  # checksummed; "" creates a contract
    value_wei: int = 0
    data: str = "0x"
    gas_limit: int = 0
    max_fee_per_gas_wei: int = 0  # a legacy transaction's gas price stands in both fields
    max_priority_fee_per_gas_wei: int = 0
    chain_id: int | None = None
    kind: int = 0  # of EIP-2718; 0: legacy
    problem: str = ""
    offered: int = 0
    forwarded: int = 0

    def copy(self) -> "RawTransaction":
        """As it is now."""
        return replace(self)

    def as_json(self) -> dict[str, Any]:
        """All fields; amounts are exact integers."""
        return asdict(self)


def decode(params: object) -> RawTransaction | None:
    """The transaction in the parameters of eth_sendRawTransaction; None when there are no bytes."""
    if not isinstance(params, Sequence) or not params or not isinstance(params[0], str):
        return None
    try:
        raw = bytes.fromhex(params[0].removeprefix("0x"))
    except ValueError:
        return None
    bare = RawTransaction(tx_hash="0x" + keccak(raw).hex(), raw="0x" + raw.hex())
    try:
        typed = raw[0] < FIRST_LEGACY_BYTE
        fields = _typed(raw) if typed else _legacy(raw)
        return replace(bare, sender=Account.recover_transaction(raw), **fields)
    except Exception as error:  # no common class for bad bytes
        return replace(bare, problem=f"{type(error).__name__}: {error}")


def _typed(raw: bytes) -> dict[str, Any]:
    said: Mapping[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    price_wei = said.get("gasPrice", 0)
    return {
        "nonce": said["nonce"],
        "to": _address(said["to"]),
        "value_wei": said["value"],
        "data": "0x" + bytes(said["data"]).hex(),
        "gas_limit": said["gas"],
        "max_fee_per_gas_wei": said.get("maxFeePerGas", price_wei),
        "max_priority_fee_per_gas_wei": said.get("maxPriorityFeePerGas", price_wei),
        "chain_id": said["chainId"],
        "kind": raw[0],
    }


def _legacy(raw: bytes) -> dict[str, Any]:
    nonce, price, gas, to, value, data, v, _r, _s = rlp.decode(raw)
    price_wei, v_number = int.from_bytes(price), int.from_bytes(v)
    protected = v_number >= FIRST_PROTECTED_V
    return {
        "nonce": int.from_bytes(nonce),
        "to": _address(to),
        "value_wei": int.from_bytes(value),
        "data": "0x" + data.hex(),
        "gas_limit": int.from_bytes(gas),
        "max_fee_per_gas_wei": price_wei,
        "max_priority_fee_per_gas_wei": price_wei,
        "chain_id": (v_number - FIRST_PROTECTED_V) // 2 if protected else None,
    }


def _address(octets: bytes) -> str:
    return str(to_checksum_address(octets)) if octets else ""

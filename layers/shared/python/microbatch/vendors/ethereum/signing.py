"""Addresses, token calls and signed transactions: all that needs no node."""

import re
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

from microbatch.errors import ConfigurationError, InvalidInput
from microbatch.vendors.wire import ETHEREUM_ADDRESS

TRANSACTION_TYPE = 2  # EIP-1559
TRANSFER_SELECTOR = bytes.fromhex("a9059cbb")
UINT256_BITS = 256
PRIVATE_KEY = re.compile(r"0x[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction, ready to be sent any number of times."""

    raw: bytes
    tx_hash: str  # 0x and 64 lower-case hex digits


class Transfer(TypedDict):
    """What a transaction says; fees in wei per gas."""

    chain_id: int
    nonce: int
    to: str
    value_wei: int
    data: bytes
    gas_limit: int
    max_fee: int
    max_priority_fee: int


def is_checksummed(address: str) -> bool:
    """Whether this is an Ethereum address written as EIP-55 wants it."""
    from eth_utils.address import to_checksum_address  # noqa: PLC0415 - not every function has it

    return bool(ETHEREUM_ADDRESS.fullmatch(address)) and to_checksum_address(address) == address


def may_be_paid(address: str) -> bool:
    """Whether an address can be meant: EIP-55 when it is of mixed case, else a plain one."""
    plain = address in (address.lower(), "0x" + address[2:].upper())
    return plain or is_checksummed(address)


def address_of(private_key: str) -> str:
    """The checksummed address of a key. Raises ConfigurationError, never showing the key."""
    from eth_account import Account  # noqa: PLC0415 - not every function has it

    if PRIVATE_KEY.fullmatch(private_key):
        try:
            return str(Account.from_key(private_key).address)
        except Exception:  # noqa: S110 - whatever its type, its text can hold the key
            pass
    raise ConfigurationError(
        "HOST_WALLET_PRIVATE_KEY is not 0x and 64 hex digits of a valid private key"
    )


def erc20_transfer_data(to: str, amount_units: int) -> bytes:
    """The call transfer(to, amount) of an ERC-20 token. Raises InvalidInput."""
    if not ETHEREUM_ADDRESS.fullmatch(to):
        raise InvalidInput(f"to {to!r} is not an Ethereum address")
    if not 0 < amount_units < 1 << UINT256_BITS:
        raise InvalidInput(f"amount_units {amount_units} is not between 1 and 2**256 - 1")
    return TRANSFER_SELECTOR + bytes.fromhex(to[2:]).rjust(32, b"\0") + amount_units.to_bytes(32)


def unsigned_transfer(**fields: Unpack[Transfer]) -> dict[str, Any]:
    """One EIP-1559 transaction as eth-account wants it. Raises InvalidInput."""
    to, max_fee, max_priority_fee = fields["to"], fields["max_fee"], fields["max_priority_fee"]
    if not is_checksummed(to):
        raise InvalidInput(f"to {to!r} is not a checksummed address")
    if not 0 <= max_priority_fee <= max_fee:
        raise InvalidInput(f"max_priority_fee {max_priority_fee} is above max_fee {max_fee}")
    return {
        "type": TRANSACTION_TYPE,
        "chainId": fields["chain_id"],
        "nonce": fields["nonce"],
        "to": to,
        "value": fields["value_wei"],
        "data": fields["data"],
        "gas": fields["gas_limit"],
        "maxFeePerGas": max_fee,
        "maxPriorityFeePerGas": max_priority_fee,
        "accessList": [],
    }


def sign_transfer(private_key: str, **fields: Unpack[Transfer]) -> Signed:
    """One EIP-1559 transaction, signed; the same arguments give the same bytes.

    Raises InvalidInput, ConfigurationError.
    """
    from eth_account import Account  # noqa: PLC0415 - not every function has it

    transaction = unsigned_transfer(**fields)
    sender = address_of(private_key)
    signed = Account.sign_transaction(transaction, private_key)
    raw = bytes(signed.raw_transaction)
    if Account.recover_transaction(raw) != sender:
        raise ConfigurationError("the signature does not recover to the wallet's address")
    return Signed(raw, "0x" + bytes(signed.hash).hex())

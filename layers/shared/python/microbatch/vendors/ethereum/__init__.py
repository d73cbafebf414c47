"""Ethereum: reading and broadcasting through one node, and signing without any.

web3 and its kin are imported where they are used: a ledger function must not pay for them.
"""

from microbatch.vendors.ethereum.answers import (
    Broadcast,
    Observation,
    Preflight,
    Receipt,
    TransferLogs,
    ValueReceived,
)
from microbatch.vendors.ethereum.broadcast import BroadcastOutcome, classify_broadcast_error
from microbatch.vendors.ethereum.feed import Price
from microbatch.vendors.ethereum.fees import Fees
from microbatch.vendors.ethereum.node import Node
from microbatch.vendors.ethereum.receipts import TokenTransfer
from microbatch.vendors.ethereum.signing import (
    Signed,
    address_of,
    erc20_transfer_data,
    is_checksummed,
    sign_transfer,
)

__all__ = [
    "Broadcast",
    "BroadcastOutcome",
    "Fees",
    "Node",
    "Observation",
    "Preflight",
    "Price",
    "Receipt",
    "Signed",
    "TokenTransfer",
    "TransferLogs",
    "ValueReceived",
    "address_of",
    "classify_broadcast_error",
    "erc20_transfer_data",
    "is_checksummed",
    "sign_transfer",
]

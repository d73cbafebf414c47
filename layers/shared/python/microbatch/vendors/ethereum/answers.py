"""What one node says, in our types."""

from dataclasses import dataclass

from microbatch.vendors.ethereum.broadcast import BroadcastOutcome
from microbatch.vendors.ethereum.feed import Price
from microbatch.vendors.ethereum.fees import Fees
from microbatch.vendors.ethereum.receipts import TokenTransfer


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """All that a signature depends on; gas_estimate 0 when `problem` says why there is none."""

    chain_id: int
    fees: Fees
    balance_wei: int
    token_balance_units: int | None
    latest_nonce: int
    pending_nonce: int
    finalized_nonce: int
    gas_estimate: int
    problem: str


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What the node said to the bytes, and in which words."""

    outcome: BroadcastOutcome
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the node knows of a transaction: "success", "reverted" or "absent"."""

    status: str
    head_number: int
    latest_nonce: int
    finalized_nonce: int
    block_number: int = 0
    block_hash: str = ""
    canonical_hash: str = ""
    finalized_number: int = 0  # of the block, as whoever named canonical_hash has it
    gas_used: int = 0
    effective_gas_price_wei: int = 0
    sender: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLogs:
    """The token transfers to us in one transaction; status as in Receipt."""

    status: str
    head_number: int
    block_number: int = 0
    block_hash: str = ""
    transfers: tuple[TokenTransfer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Head, fees, the wallet's balances and ETH/USD."""

    chain_id: int
    fees: Fees
    balance_wei: int
    token_balance_units: int
    price: Price


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueReceived:
    """The ETH that a transaction carried to us; status as in Receipt."""

    status: str
    head_number: int
    block_number: int = 0
    block_hash: str = ""
    amount_wei: int = 0

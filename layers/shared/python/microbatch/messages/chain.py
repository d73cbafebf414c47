"""What travels to and from the Ethereum node: under CHAIN_SIGNING_KEY."""

from dataclasses import dataclass
from typing import ClassVar

from microbatch.codec import OwnMessage
from microbatch.messages.fields import Count, Octets, Seconds, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightRequested(OwnMessage):
    """Look before signing: hostpay_signer → chain_gateway."""

    TYPE: ClassVar[int] = 30

    timestamp: Seconds
    unique_id: Text
    wallet: Text
    to_address: Text  # of the transaction: the payee, or the token's contract
    value_wei: Text
    data: Octets
    token: Text = ""  # the token whose balance matters; "" when ETH is paid


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightObserved(OwnMessage):
    """What the node says now: chain_gateway → hostpay_recorder."""

    TYPE: ClassVar[int] = 31

    timestamp: Seconds
    unique_id: Text
    chain_id: Count
    wallet: Text
    head_number: Count
    balance_wei: Text
    token_balance_units: Text  # "" when no token was asked for
    latest_nonce: Count
    pending_nonce: Count
    finalized_nonce: Count
    base_fee_wei: Text
    priority_fee_wei: Text
    gas_estimate: Count  # 0 when `problem` says why there is none
    problem: Text = ""  # "reverted: …", "insufficient_funds", "wallet_has_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastRequested(OwnMessage):
    """Send these bytes: hostpay_signer, hostpay_recorder → chain_gateway."""

    TYPE: ClassVar[int] = 32

    timestamp: Seconds
    unique_id: Text
    tx_hash: Text
    raw_transaction: Octets


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastObserved(OwnMessage):
    """What the node said to the bytes; evidence, never a verdict: chain_gateway → recorder."""

    TYPE: ClassVar[int] = 33

    timestamp: Seconds
    unique_id: Text
    tx_hash: Text
    outcome: Text  # vendors.ethereum.BroadcastOutcome
    detail: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRequested(OwnMessage):
    """Look for this transaction's receipt once: hostpay_recorder → chain_gateway."""

    TYPE: ClassVar[int] = 34

    timestamp: Seconds
    unique_id: Text
    wallet: Text
    tx_hash: Text  # of the newest bytes
    other_hashes: Octets = b""  # of all others on the same nonce, as text, separated by spaces


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptObserved(OwnMessage):
    """What the node knows of this transaction now: chain_gateway → hostpay_recorder."""

    TYPE: ClassVar[int] = 35

    timestamp: Seconds
    unique_id: Text  # "" in answer to a TransactionSighted: the hash tells whose it is
    tx_hash: Text
    status: Text  # "success", "reverted" or "absent" (unknown to the node; proves nothing)
    block_number: Count
    block_hash: Text
    canonical_hash: Text  # the hash the node has now at block_number; "" when absent
    gas_used: Count
    effective_gas_price_wei: Text
    head_number: Count
    latest_nonce: Count
    finalized_nonce: Count
    sender: Text = ""  # who sent the transaction; "" when absent
    finalized_number: Count = 0  # of the block, as the node that named canonical_hash has it


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainObservationRequested(OwnMessage):
    """Ask for head, fees, the wallet's balances and ETH/USD: reconciler → chain_gateway."""

    TYPE: ClassVar[int] = 36

    timestamp: Seconds
    wallet: Text
    token: Text
    price_feed: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainObserved(OwnMessage):
    """Head, fees, balances and ETH/USD now: chain_gateway → hostpay_recorder."""

    TYPE: ClassVar[int] = 37

    timestamp: Seconds
    chain_id: Count
    head_number: Count
    base_fee_wei: Text
    priority_fee_wei: Text
    wallet: Text
    balance_wei: Text
    token_balance_units: Text
    eth_usd: Text  # decimal text; "" when the feed's answer is not usable
    eth_usd_updated_at: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLogsRequested(OwnMessage):
    """Read the token transfers to us in this transaction: orchestrator → chain_gateway."""

    TYPE: ClassVar[int] = 38

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    token: Text
    to_address: Text
    tx_hash: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(OwnMessage):
    """Read the ETH that came back to us in this transaction: orchestrator → chain_gateway."""

    TYPE: ClassVar[int] = 39

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    to_address: Text
    tx_hash: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionSighted(OwnMessage):
    """Somebody says that this transaction moved something of ours: chain_webhook → chain_gateway.

    A hint, whose receipt is looked for once; the answer alone counts.
    """

    TYPE: ClassVar[int] = 40

    timestamp: Seconds
    wallet: Text
    tx_hash: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceSearchRequested(OwnMessage):
    """Find the transaction that consumed a finalized nonce: hostpay_recorder → chain_gateway."""

    TYPE: ClassVar[int] = 41

    timestamp: Seconds
    unique_id: Text
    wallet: Text
    nonce: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class NonceFound(OwnMessage):
    """The transaction that consumed a nonce, by finalized evidence: chain_gateway → recorder."""

    TYPE: ClassVar[int] = 42

    timestamp: Seconds
    unique_id: Text
    wallet: Text
    nonce: Count
    tx_hash: Text  # "" when the node cannot say (not finalized, or its old state is gone)
    block_number: Count

"""Valid rows of every table, written without the product's own code; a test spoils one column."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from microbatch.platform.database import Transaction

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ETH = 10**18
BATCH = "6f1c2f0e-0000-4000-8000-000000000001"
OTHER_BATCH = "6f1c2f0e-0000-4000-8000-000000000002"
PAYOUT = "6f1c2f0e-0000-4000-8000-000000000003"
SWAP = "AAAABBBBCCCC2222"
WALLET = "0x" + "2c" * 20
PAYEE = "0x" + "52" * 20
TX_HASH = "0x" + "ab" * 32
OTHER_TX_HASH = "0x" + "cd" * 32

ROWS: dict[str, dict[str, Any]] = {
    "clients": {
        "client_id": "7", "wallet_address": PAYEE, "payout_currency": "usdt",
        "payout_network": "eth", "payout_strategy": "threshold", "payout_threshold_usd": 50,
        "address_state": "verified", "created_at": NOW,
    },
    "batches": {
        "batch_id": BATCH, "state": "claimed", "state_since": NOW, "created_at": NOW,
        "opened_for": "threshold", "payments_count": 1, "claimed_wei": 97, "claimed_usd": 20,
        "threshold_usd": 20, "eth_usd": 2000,
    },
    "payments": {
        "payment_id": "1", "source": "nowpayments", "client_id": "7", "state": "pending",
        "credited_as": "pending", "state_since": NOW, "received_at": NOW, "received_wei": 100,
        "fee_percent": 3, "fee_wei": 3, "net_wei": 97, "net_usd": Decimal("0.5"),
        "net_usd_from": "observation", "paid_at": "", "fingerprint": b"f" * 32,
        "notification": b"{}",
    },
    "held_payments": {
        "payment_id": "1", "source": "nowpayments", "client_id": "7", "reason": "conflict",
        "detail": "why", "received_amount": "1", "received_currency": "eth",
        "received_network": "eth", "invoice_usd": "", "order_id": "", "parent_payment_id": "",
        "paid_at": "", "fingerprint": b"f" * 32, "notification": b"{}", "state": "held",
        "held_at": NOW,
    },
    "pauses": {"part": "hostpay"},
    "discarded_letters": {
        "discarded_at": NOW, "queue": "payments", "message_id": "m1", "body_sha256": "ab" * 32,
        "body": "{}", "problem": "bad", "reason": "InvalidToken", "who": "me", "why": "because",
    },
    "threshold_checks": {
        "at": NOW, "decision": "wait", "reason": "below_threshold", "payments_count": 0,
        "claimed_wei": 0, "claimed_usd": 0, "threshold_usd": 20,
    },
    "operator_acts": {"at": NOW, "who": "me", "why": "because", "act": "x", "subject": "y"},
    "swaps": {
        "swap_id": SWAP, "context": "batch", "owner_id": BATCH, "generation": 1,
        "state": "requested", "state_since": NOW, "created_at": NOW, "from_currency": "eth",
        "from_network": "eth", "from_amount_units": 97, "value_usd": 20, "to_currency": "usdt",
        "to_network": "eth", "payout_address": WALLET, "refund_address": WALLET,
    },
    "payouts": {
        "payout_id": PAYOUT, "unique_id": "PAYOUT2222222222", "context": "threshold",
        "kind": "exchange", "client_id": "7", "state": "claimed", "state_since": NOW,
        "created_at": NOW, "payments_count": 1, "from_currency": "usdt", "amount_units": 18,
        "value_usd": 18, "to_currency": "xmr", "to_network": "xmr", "to_address": "4x",
        "to_extra_id": "", "retry_seconds": 3600,
    },
    "exchanges": {
        "cn_api_id": "cn1", "swap_id": SWAP, "payin_address": PAYEE, "is_current": True,
        "recorded_at": NOW,
    },
    "token_receipts": {
        "tx_hash": TX_HASH, "log_index": 0, "swap_id": SWAP, "from_address": PAYEE,
        "amount_units": 18, "block_number": 1, "block_hash": TX_HASH, "recorded_at": NOW,
    },
    "wallets": {
        "address": WALLET, "chain_id": 1, "first_nonce": 7, "next_nonce": 8, "status": "active",
        "adopted_at": NOW,
    },
    "transfers": {
        "unique_id": SWAP, "context": "batch", "kind": "exchange", "swap_id": SWAP,
        "cn_api_id": "cn1", "wallet": WALLET, "chain_id": 1, "currency": "eth", "network": "eth",
        "to_address": PAYEE, "amount_units": 97, "state": "requested", "state_since": NOW,
        "created_at": NOW,
    },
    "transfer_nonces": {
        "wallet": WALLET, "chain_id": 1, "nonce": 7, "unique_id": SWAP, "is_live": True,
    },
    "transfer_attempts": {
        "unique_id": SWAP, "wallet": WALLET, "chain_id": 1, "nonce": 7, "attempt_no": 1,
        "kind": "pay", "state": "prepared", "state_since": NOW, "created_at": NOW,
        "to_address": PAYEE, "value_wei": 97, "data": b"", "gas_limit": 21_000,
        "max_fee_per_gas_wei": 22, "max_priority_fee_per_gas_wei": 2, "raw_transaction": b"raw",
        "tx_hash": TX_HASH,
    },
}  # fmt: skip

# What a row needs to be in any state at all: with these, only the state itself can be wrong.
COMPLETE: dict[str, dict[str, Any]] = {
    "batches": {"received_microusdt": 18, "reason": "because"},
    "swaps": {
        "cn_api_id": "cn1", "payin_address": PAYEE, "received_units": 18, "refunded_units": 97,
        "refund_hash": TX_HASH, "reason": "because",
    },
    "payouts": {"delivered_hash": "ab", "delivered": 1, "reason": "because"},
    "transfers": {
        "approved_at": NOW, "signed_at": NOW, "nonce": 7, "tx_hash": TX_HASH, "block_number": 1,
        "block_hash": TX_HASH, "reason": "because",
    },
    "transfer_attempts": {},
    "held_payments": {"decided_at": NOW, "decided_by": "me", "decided_why": "because"},
}  # fmt: skip


def insert(tx: Transaction, table: str, **changed: Any) -> None:
    """One row of a table, valid but for what is changed."""
    row = ROWS[table] | changed
    columns = ", ".join(row)
    values = ", ".join(f"%({column})s" for column in row)
    tx.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", **row)


def insert_signed_transfer(tx: Transaction) -> None:
    """A signed transfer with its swap, wallet, nonce and bytes."""
    insert(tx, "swaps")
    insert(tx, "wallets")
    insert(tx, "transfers", **COMPLETE["transfers"], state="signed")
    insert(tx, "transfer_nonces")
    insert(tx, "transfer_attempts")

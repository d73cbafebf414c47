"""A row of every table in every state that is not final, with the rows that belong to it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from microbatch.operations.lifetimes import LIFETIMES
from microbatch.platform.database import Transaction
from tests.integration.rows import (
    BATCH,
    COMPLETE,
    NOW,
    PAYEE,
    PAYOUT,
    SWAP,
    TX_HASH,
    WALLET,
    insert,
)

LATER = NOW + timedelta(minutes=20)
SIGNED = ("signed", "broadcast", "mined", "confirmed")

# What a batch, a swap and a transfer are while one of them is in a state.
SWAP_OF_BATCH = {
    "claimed": "requested",
    "exchange_created": "created",
    "pay_ordered": "created",
    "paid": "paid",
    "finished": "finished",
    "parked": "parked",
}
BATCH_OF_SWAP = {"requested": "claimed", "quoted": "claimed", "created": "pay_ordered",
                 "paid": "paid", "parked": "parked"}  # fmt: skip


def stand(tx: Transaction, entity: str, state: str) -> str:
    """Put a row of this table into this state; what a person would ask about it with."""
    insert(tx, "clients")
    tx.execute("SET CONSTRAINTS ALL DEFERRED")
    return _STAND[entity](tx, state)


def _payments(tx: Transaction, state: str) -> str:
    more: dict[str, Any] = {}
    if state == "swapping":
        _batch(tx, "pay_ordered")
        more = {"batch_id": BATCH}
    elif state == "in_payout":
        _payout(tx, "claimed")
        more = {"payout_id": PAYOUT, "share_microusdt": 18}
    elif state == "converted":
        _batch(tx, "finished")
        more = {"batch_id": BATCH, "share_microusdt": 18}
    elif state == "parked":
        more = {"park_reason": "exchange_expired", "attempts": 5}
    insert(tx, "payments", payment_id="4900000001", state=state, **more)
    return "4900000001"


def _held(tx: Transaction, state: str) -> str:
    reason = "client_paused" if state == "paused" else "unknown_client"
    decided = {
        "state": "rejected", "decided_at": NOW, "decided_by": "me", "decided_why": "because",
    }  # fmt: skip
    more = decided if state == "untold" else {}
    insert(tx, "held_payments", payment_id="4900000002", reason=reason, announced_state=reason,
           **more)  # fmt: skip
    return "4900000002"


def _batch(tx: Transaction, state: str) -> str:
    untold = state == "untold"
    insert(tx, "batches", **COMPLETE["batches"], state="distributed" if untold else state,
           announced_state="claimed")  # fmt: skip
    if not untold:
        _swap(tx, SWAP_OF_BATCH[state], batch=None)
    return BATCH


def _swap(tx: Transaction, state: str, batch: str | None = "") -> str:
    if batch is not None:
        insert(tx, "batches", **COMPLETE["batches"], state=BATCH_OF_SWAP[state])
    known = state not in ("requested", "quoted")
    columns = {**COMPLETE["swaps"], "provider_status": "exchanging"} if known else {}
    insert(tx, "swaps", **columns, state=state)
    return SWAP


def _transfer(tx: Transaction, state: str) -> str:
    insert(tx, "batches", **COMPLETE["batches"], state="pay_ordered")
    insert(tx, "swaps", **COMPLETE["swaps"], state="created")
    insert(tx, "wallets")
    signed = state in SIGNED
    columns = COMPLETE["transfers"] if signed or state == "parked" else {"approved_at": NOW}
    columns = {**columns, "nonce": 7 if signed else None}
    insert(tx, "transfers", **columns, state=state)
    if signed:
        insert(tx, "transfer_nonces")
        insert(tx, "transfer_attempts", state="prepared" if state == "signed" else "sent")
    return SWAP


def _attempt(tx: Transaction, state: str) -> str:
    _transfer(tx, "signed" if state == "prepared" else "broadcast")
    if state == "ordered":
        insert(tx, "transfer_attempts", attempt_no=2, state="ordered", raw_transaction=None,
               tx_hash=None, max_fee_per_gas_wei=25)  # fmt: skip
    return TX_HASH


def _payout(tx: Transaction, state: str) -> str:
    columns = dict(COMPLETE["payouts"])
    if state == "claimed":
        columns = {"kind": "direct", "to_currency": "usdt", "to_network": "eth",
                   "to_address": PAYEE}  # fmt: skip
    over = "completed" if state == "untold" else state
    insert(tx, "payouts", **columns, state=over)
    if state in ("paid", "parked"):
        swap_state = "paid" if state == "paid" else "parked"
        insert(tx, "swaps", **COMPLETE["swaps"], swap_id="PAYOUT2222222222", context="threshold",
               owner_id=PAYOUT, state=swap_state)  # fmt: skip
    return PAYOUT


def _client(tx: Transaction, state: str) -> str:
    changes = {
        "unverified": "address_state = 'unverified', asked_at = NULL",
        "refused": "address_state = 'refused', address_reason = 'No'",
        "waiting": f"payout_wait_reason = 'gas_too_dear', payout_waits_since = '{NOW}'",
    }
    tx.execute(f"UPDATE clients SET {changes[state]}")
    return "7"


def _change(tx: Transaction, state: str) -> str:
    tx.execute(
        "INSERT INTO address_changes (client_id, changed_at, matures_at, who, why, before, after)"
        " VALUES ('7', %(now)s, %(now)s, 'me', 'because', '{}', '{}')",
        now=NOW,
    )
    tx.execute("UPDATE clients SET payout_wait_reason = 'address_changed_lately',"
               " payout_waits_since = %(now)s", now=NOW)  # fmt: skip
    return "7"


def _wallet(tx: Transaction, state: str) -> str:
    insert(
        tx, "wallets", status=state, reason="nonces_are_not_ours: the chain has 9, we gave out 8"
    )
    return WALLET


def _observation(tx: Transaction, state: str) -> str:
    tx.execute(
        "INSERT INTO observations (name, value, observed_at) VALUES ('eth_usd', 2000, %(at)s)",
        at=NOW,
    )
    return "eth_usd"


_STAND: dict[str, Callable[[Transaction, str], str]] = {
    "payments": _payments,
    "held_payments": _held,
    "batches": _batch,
    "swaps": _swap,
    "transfers": _transfer,
    "transfer_attempts": _attempt,
    "payouts": _payout,
    "clients": _client,
    "address_changes": _change,
    "wallets": _wallet,
    "observations": _observation,
}

STATES = [(each.entity, each.state) for each in LIFETIMES]

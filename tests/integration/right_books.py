"""Books in which something of every kind has happened, all of it right; for whoever spoils them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from microbatch.platform.database import Database, Transaction
from tests.integration.rows import (
    BATCH,
    COMPLETE,
    OTHER_BATCH,
    PAYEE,
    WALLET,
    insert,
)

TOKEN = "0x" + "55" * 20
MIXED = "0x" + "aB" * 20
OTHER_WALLET = "0x" + "77" * 20
REFUNDED, OPEN = (f"6f1c2f0e-0000-4000-8000-00000000000{n}" for n in (4, 5))
TO_XMR, AT_ONCE, LOST, REROUTED, DUE, ORDERED = (
    f"6f1c2f0e-0000-4000-8000-00000000001{n}" for n in range(6)
)
TABLES = ("payments", "batches", "swaps", "payouts", "transfers", "transfer_attempts",
          "transfer_nonces", "token_receipts", "wallets", "held_payments")  # fmt: skip
NOTHING = {"received_wei": 0, "fee_wei": 0, "net_wei": 0}
USDT = {"currency": "usdt", "token": TOKEN, "context": "threshold"}
TO_CLIENT = {"context": "instant", "kind": "direct", "from_currency": "eth", "amount_units": 97}


@contextmanager
def right_books(database: Database) -> Iterator[Transaction]:
    """In a schema whose guards are away, so that anything can be written; nothing of it stays."""
    with database.transaction() as tx, tx.savepoint() as point:
        _unguard(tx)
        insert(tx, "clients")
        _wallets(tx)
        _a_distributed_batch(tx)
        _other_batches(tx)
        _payouts_by_exchange(tx)
        _payouts_at_once(tx)
        _parked(tx)
        _held(tx)
        yield tx
        point.rollback()


def _unguard(tx: Transaction) -> None:
    tx.execute("SET LOCAL session_replication_role = replica")
    for row in tx.all(
        "SELECT conrelid::regclass::text AS of, conname FROM pg_constraint"
        " WHERE contype = 'c' AND conrelid::regclass::text = ANY(%(tables)s)",
        tables=list(TABLES),
    ):
        tx.execute(f"ALTER TABLE {row['of']} DROP CONSTRAINT {row['conname']}")
    tx.execute("ALTER TABLE transfer_nonces DROP CONSTRAINT transfer_nonces_pkey CASCADE")
    tx.execute("DROP INDEX one_live_transfer_per_exchange")


def _wallets(tx: Transaction) -> None:
    """One that pays, another, the first on another chain, and one that is new."""
    insert(tx, "wallets", next_nonce=12)
    insert(tx, "wallets", address=OTHER_WALLET, first_nonce=3, next_nonce=4)
    insert(tx, "transfer_nonces", wallet=OTHER_WALLET, nonce=3, unique_id="x", is_live=False)
    insert(tx, "wallets", chain_id=2, first_nonce=0, next_nonce=1)
    insert(tx, "transfer_nonces", chain_id=2, nonce=0, unique_id="y", is_live=False)
    insert(tx, "wallets", address="0x" + "88" * 20, first_nonce=5, next_nonce=5)


def _a_distributed_batch(tx: Transaction) -> None:
    """43 units over two payments of 97 wei; paid on nonce 7 by the second of four attempts."""
    insert(tx, "batches", state="distributed", payments_count=2, claimed_wei=194,
           received_microusdt=43)  # fmt: skip
    for payment_id, share in (("1", 21), ("2", 22)):
        insert(tx, "payments", payment_id=payment_id, state="converted", batch_id=BATCH,
               share_microusdt=share)  # fmt: skip
    insert(tx, "swaps", state="finished", cn_api_id="cn1", payin_address=PAYEE,
           from_amount_units=194, received_units=43)  # fmt: skip
    insert(tx, "token_receipts", amount_units=40)
    insert(tx, "token_receipts", amount_units=3, log_index=1)
    insert(tx, "transfers", state="settled", amount_units=194, nonce=7, tx_hash=_hash(2))
    insert(tx, "transfer_nonces")
    _attempt(tx, 1, 20, 10, state="superseded")
    _attempt(tx, 2, 22, 11, state="mined")
    _attempt(tx, 3, 1000, 999, state="superseded", raw_transaction=None)  # given up unsigned
    _attempt(tx, 4, 25, 13, state="superseded", kind="cancel", to_address=WALLET, value_wei=0)


def _attempt(tx: Transaction, number: int, cap: int, tip: int, **changed: Any) -> None:
    insert(tx, "transfer_attempts", **{
        "value_wei": 194, "tx_hash": _hash(number), "attempt_no": number,
        "max_fee_per_gas_wei": cap, "max_priority_fee_per_gas_wei": tip, **changed,
    })  # fmt: skip


def _other_batches(tx: Transaction) -> None:
    """One released before it was paid; one of which 90 wei of 97 came back; one just opened."""
    insert(tx, "batches", batch_id=OTHER_BATCH, state="released", reason="x")
    insert(tx, "payments", payment_id="3")
    insert(tx, "swaps", swap_id="RELEASED", owner_id=OTHER_BATCH, state="failed", reason="x")
    insert(tx, "transfers", unique_id="RELEASED", swap_id="RELEASED", cn_api_id="cn2",
           state="rejected", reason="x")  # fmt: skip
    insert(tx, "batches", batch_id=REFUNDED, state="released", reason="refunded")
    insert(tx, "payments", payment_id="4", refund_loss_wei=7)
    insert(tx, "swaps", swap_id="REFUNDED", owner_id=REFUNDED, state="refunded", cn_api_id="cn3",
           payin_address=PAYEE, refunded_units=90)  # fmt: skip
    _pays(tx, "REFUNDED", 8, 97, cn_api_id="cn3")
    insert(tx, "batches", batch_id=OPEN)
    insert(tx, "payments", payment_id="8", state="swapping", batch_id=OPEN)
    insert(tx, "swaps", swap_id="OPEN", owner_id=OPEN)


def _payouts_by_exchange(tx: Transaction) -> None:
    """18 units abroad; 20 of which 18 came back; 5 that are due."""
    insert(tx, "payouts", payout_id=TO_XMR, unique_id="TOXMR", state="completed", delivered=1,
           delivered_hash="ab")  # fmt: skip
    insert(tx, "payments", payment_id="5", state="paid", payout_id=TO_XMR, share_microusdt=20,
           payout_loss_microusdt=2, **NOTHING)  # fmt: skip
    _exchange(tx, "TOXMR", TO_XMR, 18, state="finished", cn_api_id="cn4")
    _pays(tx, "TOXMR", 9, 18, cn_api_id="cn4", **USDT)
    insert(tx, "payouts", payout_id=LOST, unique_id="LOST", state="released", reason="refunded",
           amount_units=20, refunded_units=18)  # fmt: skip
    _exchange(tx, "LOST", LOST, 20, state="refunded", cn_api_id="cn5", refunded_units=18)
    for log_index, units in enumerate((15, 3)):
        insert(tx, "token_receipts", swap_id="LOST", tx_hash=_hash(99), log_index=log_index,
               amount_units=units)  # fmt: skip
    _pays(tx, "LOST", 11, 20, cn_api_id="cn5", **USDT)
    insert(tx, "payouts", payout_id=DUE, unique_id="DUE", amount_units=5)
    insert(tx, "payments", payment_id="11", state="in_payout", payout_id=DUE, share_microusdt=5,
           **NOTHING)  # fmt: skip
    _exchange(tx, "DUE", DUE, 5, state="quoted")


def _exchange(tx: Transaction, swap_id: str, owner_id: str, units: int, **changed: Any) -> None:
    insert(tx, "swaps", swap_id=swap_id, context="threshold", owner_id=owner_id,
           from_currency="usdt", from_amount_units=units, to_currency="xmr", to_network="xmr",
           payin_address=PAYEE, **changed)  # fmt: skip


def _payouts_at_once(tx: Transaction) -> None:
    """One that was paid, one that is ordered, one too small for it, one that waits."""
    insert(tx, "payouts", payout_id=AT_ONCE, unique_id="ATONCE", state="completed",
           to_address=MIXED, **TO_CLIENT)  # fmt: skip
    insert(tx, "payments", payment_id="6", state="paid", payout_id=AT_ONCE)
    _pays(tx, "ATONCE", 10, 97, kind="direct", swap_id=None, cn_api_id=None, context="instant",
          to_address=MIXED)  # fmt: skip
    insert(tx, "payouts", payout_id=ORDERED, unique_id="ORDERED", **TO_CLIENT)
    insert(tx, "payments", payment_id="9", state="in_payout", payout_id=ORDERED)
    insert(tx, "payouts", payout_id=REROUTED, unique_id="REROUTED", state="rerouted", reason="x",
           **{**TO_CLIENT, "kind": "exchange"})  # fmt: skip
    insert(tx, "payments", payment_id="7", state="waiting_instant")


def _parked(tx: Transaction) -> None:
    insert(tx, "payments", payment_id="10", state="parked", park_reason="x")
    insert(tx, "payments", payment_id="12", state="parked", park_reason="x", share_microusdt=3,
           **NOTHING)  # fmt: skip


def _held(tx: Transaction) -> None:
    """One that waits for a person, and one that a person has accepted."""
    insert(tx, "held_payments", payment_id="13")
    accepted = {"payment_id": "14", "fingerprint": b"g" * 32}
    insert(tx, "held_payments", **accepted, **COMPLETE["held_payments"], state="accepted")
    insert(tx, "payments", **accepted)


def _pays(tx: Transaction, unique_id: str, nonce: int, units: int, **changed: Any) -> None:
    """A settled transfer with its nonce and bytes."""
    token = changed.get("token")
    insert(tx, "transfers", **{
        "unique_id": unique_id, "swap_id": unique_id, "state": "settled", "nonce": nonce,
        "amount_units": units, "tx_hash": _hash(nonce), **changed,
    })  # fmt: skip
    insert(tx, "transfer_nonces", nonce=nonce, unique_id=unique_id)
    data = bytes.fromhex("a9059cbb" + PAYEE[2:].rjust(64, "0") + f"{units:064x}")
    to_client = {"value_wei": units, "to_address": changed.get("to_address", PAYEE).lower()}
    called = {"to_address": token, "value_wei": 0, "data": data}
    insert(tx, "transfer_attempts", unique_id=unique_id, nonce=nonce, tx_hash=_hash(nonce),
           state="mined", **(called if token else to_client))  # fmt: skip


def _hash(number: int) -> str:
    return f"0x{number:064x}"

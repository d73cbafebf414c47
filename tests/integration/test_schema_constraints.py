"""Whatever the code does, the database refuses rows that cannot be right."""

from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from microbatch.platform.database import Database, Transaction
from tests.integration.rows import (
    BATCH,
    COMPLETE,
    NOW,
    OTHER_BATCH,
    OTHER_TX_HASH,
    PAYEE,
    SWAP,
    TX_HASH,
    WALLET,
    insert,
    insert_signed_transfer,
)

Given = Callable[[Transaction], None]
OTHER = "DDDDEEEEFFFF3333"


def nothing(_tx: Transaction) -> None:
    """An empty database."""


def payment(tx: Transaction) -> None:
    insert(tx, "clients")
    insert(tx, "batches")
    insert(tx, "payments")


def batch(tx: Transaction) -> None:
    insert(tx, "clients")
    insert(tx, "batches")


def swap(tx: Transaction) -> None:
    insert(tx, "swaps")


def without_pauses(tx: Transaction) -> None:
    tx.execute("DELETE FROM pauses")


def exchange(tx: Transaction) -> None:
    insert(tx, "swaps", cn_api_id="cn1", payin_address=PAYEE)
    insert(tx, "exchanges")
    insert(tx, "token_receipts")


def transfer(tx: Transaction) -> None:
    insert(tx, "swaps")
    insert(tx, "swaps", swap_id=OTHER, owner_id=OTHER_BATCH)
    insert(tx, "transfers")


def signed(tx: Transaction) -> None:
    insert_signed_transfer(tx)
    insert(tx, "swaps", swap_id=OTHER, owner_id=OTHER_BATCH)
    insert(tx, "transfers", unique_id=OTHER, swap_id=OTHER, cn_api_id="cn2")


IN_BATCH = {"batch_id": BATCH, "state": "swapping"}
MINED = {**COMPLETE["transfers"], "state": "mined"}
BAD: list[tuple[str, Given, str, dict[str, Any]]] = [
    ("fee_and_net_are_all", batch, "payments", {"fee_wei": 4}),
    ("fee_and_net_are_all", batch, "payments", {"net_wei": 98}),
    ("payments_received_wei_check", batch, "payments", {"received_wei": 0, "fee_wei": 0,
                                                        "net_wei": 0}),
    ("payments_fee_wei_check", batch, "payments", {"fee_wei": -1, "net_wei": 101}),
    ("payments_convertible_wei_check", batch, "payments", {"fee_wei": 101, "net_wei": -1}),
    ("payments_convertible_wei_check", batch, "payments", {"refund_loss_wei": 98}),
    ("payments_fee_percent_check", batch, "payments", {"fee_percent": 101}),
    ("payments_state_check", batch, "payments", {"state": "lost"}),
    ("payments_credited_as_check", batch, "payments", {"credited_as": "swapping"}),
    ("payments_client_id_fkey", batch, "payments", {"client_id": "8"}),
    ("payments_payment_id_check", batch, "payments", {"payment_id": ""}),
    ("payments_fingerprint_check", batch, "payments", {"fingerprint": b"f" * 31}),
    ("payments_share_microusdt_check", batch, "payments",
     {**IN_BATCH, "state": "converted", "share_microusdt": -1}),
    ("valued_or_not", batch, "payments", {"net_usd": None}),
    ("valued_or_not", batch, "payments", {"net_usd_from": "nothing"}),
    ("batch_while_converting", batch, "payments", {"state": "swapping"}),
    ("batch_while_converting", batch, "payments", {"state": "converted", "share_microusdt": 1}),
    ("no_batch_while_waiting", batch, "payments", {"batch_id": BATCH}),
    ("no_batch_while_waiting", batch, "payments", {"batch_id": BATCH, "state": "held"}),
    ("share_when_converted", batch, "payments", {**IN_BATCH, "state": "converted"}),
    ("no_share_before", batch, "payments", {"share_microusdt": 1}),
    ("no_share_before", batch, "payments", {**IN_BATCH, "share_microusdt": 1}),
    ("reason_when_parked", batch, "payments", {"state": "parked"}),
    ("reason_when_parked", batch, "payments", {"park_reason": "why"}),
    ("payments_pkey", payment, "payments", {"fingerprint": b"g" * 32}),
    ("held_payments_payment_id_fingerprint_key", lambda tx: insert(tx, "held_payments"),
     "held_payments", {"reason": "malformed"}),
    ("held_payments_reason_check", nothing, "held_payments", {"reason": "no idea"}),
    ("decided_when_decided", nothing, "held_payments",
     {"state": "rejected", "decided_by": "me", "decided_why": "x"}),
    ("decided_when_decided", nothing, "held_payments", {"decided_at": NOW}),
    ("decided_by_somebody_for_a_reason", nothing, "held_payments",
     {"state": "rejected", "decided_at": NOW, "decided_by": "me"}),
    ("decided_by_somebody_for_a_reason", nothing, "held_payments", {"decided_why": "x"}),
    ("named_when_accepted", nothing, "held_payments", {"named_wei": 1}),
    ("pauses_part_check", nothing, "pauses", {"part": "everything"}),
    ("pauses_pkey", nothing, "pauses", {}),
    ("paused_by_somebody_for_a_reason", without_pauses, "pauses", {"paused_at": NOW}),
    ("paused_by_somebody_for_a_reason", without_pauses, "pauses", {"who": "me", "why": "x"}),
    ("nothing_left_when_written_off", batch, "payments", {"state": "written_off"}),
    ("block_when_mined", swap, "transfers",
     {**COMPLETE["transfers"], "state": "failed", "block_hash": None}),
    ("a_payment_is_kept", nothing, "discarded_letters", {"body": None}),
    ("discarded_letters_body_sha256_check", nothing, "discarded_letters", {"body_sha256": "x"}),
    ("discarded_letters_queue_message_id_key", lambda tx: insert(tx, "discarded_letters"),
     "discarded_letters", {"body": "other"}),
    ("batches_payments_count_check", nothing, "batches", {"payments_count": 0}),
    ("batches_claimed_wei_check", nothing, "batches", {"claimed_wei": 0}),
    ("batches_eth_usd_check", nothing, "batches", {"eth_usd": 0}),
    ("batches_received_microusdt_check", nothing, "batches", {"received_microusdt": 0}),
    ("received_when_finished", nothing, "batches", {"state": "finished"}),
    ("received_when_finished", nothing, "batches", {"state": "distributed"}),
    ("reason_when_given_up", nothing, "batches", {"state": "released"}),
    ("reason_when_given_up", nothing, "batches", {"state": "parked"}),
    ("batch_when_open", nothing, "threshold_checks", {"decision": "open"}),
    ("batch_when_open", batch, "threshold_checks", {"batch_id": BATCH}),
    ("operator_acts_who_check", nothing, "operator_acts", {"who": ""}),
    ("operator_acts_why_check", nothing, "operator_acts", {"why": ""}),
    ("one_live_swap_per_owner", swap, "swaps", {"swap_id": OTHER, "generation": 2}),
    ("swaps_context_owner_id_generation_key", lambda tx: insert(tx, "swaps", state="failed",
     reason="x"), "swaps", {"swap_id": OTHER}),
    ("swaps_cn_api_id_key", exchange, "swaps",
     {"swap_id": OTHER, "owner_id": OTHER_BATCH, "cn_api_id": "cn1"}),
    ("swaps_swap_id_check", nothing, "swaps", {"swap_id": "a" * 16}),
    ("swaps_from_amount_units_check", nothing, "swaps", {"from_amount_units": 0}),
    ("exchange_when_created", nothing, "swaps", {"state": "created"}),
    ("exchange_when_created", nothing, "swaps", {"state": "created", "cn_api_id": "cn1"}),
    ("received_when_finished", nothing, "swaps",
     {"state": "finished", "cn_api_id": "cn1", "payin_address": PAYEE}),
    ("refund_when_refunded", nothing, "swaps",
     {"state": "refunded", "cn_api_id": "cn1", "payin_address": PAYEE}),
    ("reason_when_ended", nothing, "swaps", {"state": "failed"}),
    ("reason_when_ended", nothing, "swaps", {"state": "parked"}),
    ("one_current_exchange", exchange, "exchanges", {"cn_api_id": "cn2"}),
    ("exchanges_pkey", exchange, "exchanges", {"is_current": False}),
    ("token_receipts_pkey", exchange, "token_receipts", {"amount_units": 19}),
    ("token_receipts_amount_units_check", exchange, "token_receipts",
     {"log_index": 1, "amount_units": 0}),
    ("token_receipts_tx_hash_check", exchange, "token_receipts", {"tx_hash": "0x" + "AB" * 32}),
    ("one_live_transfer_per_exchange", transfer, "transfers",
     {"unique_id": OTHER, "swap_id": OTHER}),
    ("one_live_transfer_per_swap", transfer, "transfers",
     {"unique_id": OTHER, "cn_api_id": "cn2"}),
    ("transfers_unique_id_check", swap, "transfers", {"unique_id": "short"}),
    ("transfers_amount_units_check", swap, "transfers", {"amount_units": 0}),
    ("exchange_has_swap", swap, "transfers", {"swap_id": None}),
    ("exchange_has_swap", swap, "transfers", {"kind": "direct"}),
    ("approved_when_approved", swap, "transfers", {"state": "approved"}),
    ("no_nonce_before", swap, "transfers", {"nonce": 7}),
    ("nonce_when_signed", swap, "transfers", {"state": "signed"}),
    ("nonce_when_signed", swap, "transfers", {"state": "signed", "nonce": 7}),
    ("block_when_mined", swap, "transfers", {**MINED, "block_hash": None}),
    ("block_when_mined", swap, "transfers", {**MINED, "tx_hash": None}),
    ("reason_when_ended", swap, "transfers", {"state": "parked"}),
    ("reason_when_ended", swap, "transfers", {"state": "rejected"}),
    ("nonce_goes_up", nothing, "wallets", {"next_nonce": 6}),
    ("wallets_address_check", nothing, "wallets",
     {"address": "0xA0Ee7A142d267C1f36714E4a8F75612F20a79720"}),
    ("wallets_first_nonce_check", nothing, "wallets", {"first_nonce": -1}),
    ("reason_when_frozen", nothing, "wallets", {"status": "frozen"}),
    ("transfer_nonces_pkey", signed, "transfer_nonces", {"unique_id": OTHER}),
    ("one_live_nonce_per_transfer", signed, "transfer_nonces", {"nonce": 8}),
    ("transfer_nonces_wallet_chain_id_fkey", signed, "transfer_nonces",
     {"unique_id": OTHER, "nonce": 8, "chain_id": 5}),
    ("transfer_attempts_tx_hash_key", signed, "transfer_attempts", {"attempt_no": 2}),
    ("transfer_attempts_unique_id_attempt_no_key", signed, "transfer_attempts",
     {"tx_hash": OTHER_TX_HASH}),
    ("bytes_when_prepared", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": None, "raw_transaction": None}),
    ("no_bytes_when_ordered", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": OTHER_TX_HASH, "state": "ordered"}),
    ("bytes_with_hash", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": None, "state": "superseded"}),
    ("tip_within_fee", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": OTHER_TX_HASH, "max_priority_fee_per_gas_wei": 23}),
    ("cancel_pays_nothing", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": OTHER_TX_HASH, "kind": "cancel", "to_address": WALLET}),
    ("cancel_pays_its_wallet", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": OTHER_TX_HASH, "kind": "cancel", "value_wei": 0}),
    ("order_repeats_what_was_signed", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": None, "raw_transaction": None, "state": "ordered",
      "value_wei": 98}),
    ("transfer_attempts_gas_limit_check", signed, "transfer_attempts",
     {"attempt_no": 2, "tx_hash": OTHER_TX_HASH, "gas_limit": 20_999}),
]  # fmt: skip


@pytest.mark.parametrize(("constraint", "given", "table", "spoiled"), BAD)
def test_a_row_that_cannot_be_right_is_refused(
    module_database: Database, constraint: str, given: Given, table: str, spoiled: dict[str, Any]
) -> None:
    with module_database.transaction() as tx, tx.savepoint() as point:
        given(tx)
        with pytest.raises(psycopg2.IntegrityError) as refused, tx.savepoint():
            insert(tx, table, **spoiled)
        point.rollback()

    assert refused.value.diag.constraint_name == constraint


def test_an_attempt_uses_no_other_transfers_nonce(database: Database) -> None:
    with database.transaction() as tx:
        signed(tx)
        with pytest.raises(psycopg2.errors.ForeignKeyViolation), tx.savepoint():
            insert(tx, "transfer_attempts", unique_id=OTHER, tx_hash=OTHER_TX_HASH)


def test_a_payment_names_a_batch_that_exists_when_it_is_committed(database: Database) -> None:
    with database.transaction() as tx:
        insert(tx, "clients")

    with pytest.raises(psycopg2.errors.ForeignKeyViolation), database.transaction() as tx:
        insert(tx, "payments", **IN_BATCH)


def test_an_ended_swap_and_its_rejected_transfer_make_room_for_the_next(
    database: Database,
) -> None:
    with database.transaction() as tx:
        insert(tx, "swaps", state="failed", reason="refused")
        insert(tx, "transfers", state="rejected", reason="refused")
        insert(tx, "swaps", swap_id=OTHER, generation=2)
        insert(tx, "transfers", unique_id=OTHER, swap_id=OTHER, cn_api_id="cn2")

        assert len(tx.all("SELECT unique_id FROM transfers")) == 2


def test_a_refunding_transaction_counts_for_one_swap(database: Database) -> None:
    refunded = COMPLETE["swaps"] | {"state": "refunded", "refund_hash": TX_HASH}
    with database.transaction() as tx:
        insert(tx, "swaps", **refunded)
        other = {"swap_id": OTHER, "owner_id": OTHER_BATCH, "cn_api_id": "cn2"}
        with pytest.raises(psycopg2.errors.UniqueViolation), tx.savepoint():
            insert(tx, "swaps", **refunded | other)


def test_what_the_cases_are_built_on_is_itself_valid(database: Database) -> None:
    with database.transaction() as tx:
        payment(tx)
        for state in ("created", "paid", "finished"):
            with tx.savepoint() as point:
                insert(tx, "swaps", **COMPLETE["swaps"] | {"state": state})
                point.rollback()
        signed(tx)
        insert(tx, "transfer_attempts", attempt_no=2, tx_hash=OTHER_TX_HASH)
        assert tx.one(
            "SELECT count(*) AS n FROM transfer_attempts WHERE unique_id = %(id)s", id=SWAP
        ) == {"n": 2}

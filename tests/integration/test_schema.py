"""The states in the database are the models' states, and nothing moves off its table."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import psycopg2
import pytest

from microbatch.conversion import model as conversion
from microbatch.hostpay import attempt_store
from microbatch.hostpay import model as hostpay
from microbatch.intake import model as intake
from microbatch.payout import model as payout
from microbatch.platform.database import Database, Transaction
from microbatch.swap import model as swap
from tests.integration.rows import (
    BATCH,
    COMPLETE,
    NOW,
    OTHER_BATCH,
    OTHER_TX_HASH,
    PAYEE,
    PAYOUT,
    SWAP,
    WALLET,
    insert,
)
from tests.integration.rows import insert_signed_transfer as signed_transfer

Edges = dict[str, frozenset[str]]
MODELS: dict[str, Edges] = {
    "batches": conversion.EDGES,
    "swaps": swap.EDGES,
    "payouts": payout.EDGES,
    "transfers": hostpay.EDGES,
    "transfer_attempts": hostpay.ATTEMPT_EDGES,
    "held_payments": intake.HELD_EDGES,
}
FIRST_STATES = {
    "batches": {"claimed"},
    "swaps": {"requested"},
    "payouts": {"claimed"},
    "transfers": {"requested"},
    "transfer_attempts": {"ordered"},
    "held_payments": {"held"},
}
WITHOUT_NONCE = {"requested", "approved", "rejected"}


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction whose work nobody keeps."""
    with module_database.transaction() as tx, tx.savepoint() as point:
        yield tx
        point.rollback()


def stored_edges(tx: Transaction, table: str) -> set[tuple[str, str]]:
    rows = tx.all("SELECT from_state, to_state FROM state_edges WHERE entity = %(t)s", t=table)
    return {(row["from_state"], row["to_state"]) for row in rows}


def checked_states(tx: Transaction, table: str) -> set[str]:
    row = tx.one(
        "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE conrelid = %(table)s::regclass AND conname = %(name)s",
        table=table,
        name=f"{table}_state_check",
    )
    assert row is not None
    return set(re.findall(r"'([a-z_]+)'", row["definition"]))


@pytest.mark.parametrize("table", MODELS)
def test_the_schema_has_the_models_edges(tx: Transaction, table: str) -> None:
    edges = MODELS[table]

    assert stored_edges(tx, table) == {(one, to) for one in edges for to in edges[one]}
    assert checked_states(tx, table) == set(edges)


def test_there_are_no_other_edges(tx: Transaction) -> None:
    rows = tx.all("SELECT DISTINCT entity FROM state_edges")

    assert {row["entity"] for row in rows} >= set(MODELS)


@pytest.mark.parametrize("table", MODELS)
def test_every_state_can_be_reached(tx: Transaction, table: str) -> None:
    reached, edges = set(FIRST_STATES[table]), stored_edges(tx, table)
    while more := {to for one, to in edges if one in reached} - reached:
        reached |= more

    assert reached == checked_states(tx, table)


def insert_in(tx: Transaction, table: str, state: str, to_state: str) -> None:
    """A row that lacks nothing but an edge."""
    row: dict[str, Any] = COMPLETE[table] | {"state": state}
    if table == "transfers":
        if state in WITHOUT_NONCE or (state == "parked" and to_state in WITHOUT_NONCE):
            row |= {"nonce": None}
        insert(tx, "swaps")
    if table == "payouts":
        insert(tx, "clients")
    if table == "held_payments" and state == "held":
        row |= dict.fromkeys(COMPLETE[table])
    if table == "transfer_attempts":
        insert(tx, "swaps")
        insert(tx, "wallets")
        insert(tx, "transfers")
        insert(tx, "transfer_nonces")
        if state == "ordered":  # after the one that it repeats
            insert(tx, table)
            row |= {"attempt_no": 2, "raw_transaction": None, "tx_hash": None}
    insert(tx, table, **row)


def move(tx: Transaction, table: str, state: str, to_state: str) -> None:
    also = ""
    if table == "transfers":
        also = ", nonce = NULL" if to_state in WITHOUT_NONCE else ", nonce = 7"
    if table == "transfer_attempts" and "ordered" in (state, to_state):
        bare = to_state == "ordered"
        also = ", raw_transaction = " + ("NULL" if bare else "'raw'")
        also += ", tx_hash = " + ("NULL" if bare else f"'{OTHER_TX_HASH}'")
        also += f" WHERE attempt_no = (SELECT max(attempt_no) FROM {table})"
    if table == "held_payments":
        also = ", decided_at = now(), decided_by = 'me', decided_why = 'because'"
    tx.execute(f"UPDATE {table} SET state = %(state)s{also}", state=to_state)


@pytest.mark.parametrize("table", MODELS)
def test_a_row_moves_along_an_edge_and_along_nothing_else(tx: Transaction, table: str) -> None:
    edges = MODELS[table]
    for state, to_state in product(edges, edges):
        if state == to_state:
            continue
        with tx.savepoint() as point:
            insert_in(tx, table, state, to_state)
            if to_state in edges[state]:
                move(tx, table, state, to_state)
            else:
                with pytest.raises(psycopg2.errors.CheckViolation) as refused, tx.savepoint():
                    move(tx, table, state, to_state)
                assert refused.value.diag.constraint_name == "state_edges", (state, to_state)
            point.rollback()


@pytest.mark.parametrize(
    "change",
    [
        f"to_address = '{WALLET}'",
        "amount_units = amount_units + 1",
        f"wallet = '{PAYEE}'",
        "chain_id = 5",
        f"token = '{PAYEE}'",
        "cn_api_id = 'cn2'",
        "nonce = NULL",
        "nonce = NULL, state = 'parked', reason = 'x'",
    ],
)
def test_what_a_transfer_pays_never_changes_and_its_nonce_is_never_lost(
    tx: Transaction, change: str
) -> None:
    signed_transfer(tx)

    with pytest.raises(psycopg2.errors.CheckViolation), tx.savepoint():
        tx.execute(f"UPDATE transfers SET {change}")


@pytest.mark.parametrize(
    "change",
    [
        "raw_transaction = 'other'",
        "raw_transaction = NULL, tx_hash = NULL",
        f"tx_hash = '{OTHER_TX_HASH}'",
        "nonce = 8",
        f"to_address = '{WALLET}'",
        "value_wei = value_wei + 1",
        "data = 'x'",
    ],
)
def test_what_an_attempt_signed_never_changes(tx: Transaction, change: str) -> None:
    signed_transfer(tx)

    with pytest.raises(psycopg2.errors.CheckViolation), tx.savepoint():
        tx.execute(f"UPDATE transfer_attempts SET {change}")


@pytest.mark.parametrize("table", ["transfer_attempts", "transfer_nonces", "transfers", "wallets"])
def test_signed_bytes_their_nonce_and_their_transfer_are_never_deleted(
    tx: Transaction, table: str
) -> None:
    signed_transfer(tx)

    with pytest.raises(psycopg2.IntegrityError), tx.savepoint():
        tx.execute(f"DELETE FROM {table}")


def test_an_attempts_notes_may_change(tx: Transaction) -> None:
    signed_transfer(tx)

    attempt_store.note_broadcast(tx, "0x" + "ab" * 32, "accepted", NOW)

    assert tx.one("SELECT state, sends, last_outcome FROM transfer_attempts") == {
        "state": "sent",
        "sends": 1,
        "last_outcome": "accepted",
    }


def test_a_nonce_is_never_given_twice_even_when_the_books_were_set_back(tx: Transaction) -> None:
    signed_transfer(tx)
    tx.execute("UPDATE wallets SET next_nonce = 7")

    with pytest.raises(psycopg2.errors.UniqueViolation), tx.savepoint():
        tx.execute(
            "INSERT INTO transfer_nonces VALUES (%(w)s, 1, 7, %(id)s, false)", w=WALLET, id=SWAP
        )


@pytest.mark.parametrize(
    "change",
    [
        "amount_units = 17",
        "payments_count = 2",
        "to_address = 'elsewhere'",
        "to_extra_id = '1'",
        "client_id = '8'",
        "unique_id = 'OTHER22222222222'",
    ],
)
def test_what_a_payout_pays_never_changes(tx: Transaction, change: str) -> None:
    insert(tx, "clients")
    insert(tx, "clients", client_id="8")
    insert(tx, "payouts")

    with pytest.raises(psycopg2.errors.CheckViolation, match="may not change"), tx.savepoint():
        tx.execute(f"UPDATE payouts SET {change}")


@pytest.mark.parametrize(
    ("share", "owner", "payout", "agrees"),
    [
        (18, "7", {}, True),
        (18, "7", {"amount_units": 19}, False),
        (18, "7", {"amount_units": 17}, False),
        (18, "7", {"payments_count": 2}, False),
        (18, "8", {}, False),
    ],
)
def test_a_payout_is_exactly_its_clients_payments_when_it_is_committed(
    tx: Transaction, share: int, owner: str, payout: dict[str, Any], agrees: bool
) -> None:
    insert(tx, "clients")
    insert(tx, "clients", client_id="8")
    insert(tx, "batches")
    insert(
        tx,
        "payments",
        client_id=owner,
        state="in_payout",
        batch_id=BATCH,
        share_microusdt=share,
        payout_id=PAYOUT,
    )
    insert(tx, "payouts", **payout)

    if agrees:
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return
    with pytest.raises(psycopg2.errors.CheckViolation, match="come to"), tx.savepoint():
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_client_has_one_threshold_payout_at_a_time(tx: Transaction) -> None:
    insert(tx, "clients")
    insert(tx, "payouts")
    other = {"payout_id": OTHER_BATCH, "unique_id": "OTHER22222222222"}

    with pytest.raises(psycopg2.errors.UniqueViolation), tx.savepoint():
        insert(tx, "payouts", **other)
    tx.execute("UPDATE payouts SET state = 'released', reason = 'x'")
    insert(tx, "payouts", **other)

"""The database keeps the zones apart: each logs in as itself and writes what is its business."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from psycopg2 import errors

from microbatch.platform.database import Database, Transaction
from microbatch.platform.migration import ROLES
from tests.fakes.logins import login
from tests.integration.rows import OTHER_TX_HASH, PAYEE, WALLET, insert, insert_signed_transfer
from tests.integration.statements import columns_set, written

ZONES = ("ledger", "vault")
OWNERS_OWN = {("INSERT", "schema_migrations")}
SIGNED_ONLY_BY_VAULT = {
    "transfer_attempts": {"raw_transaction", "tx_hash"},
    "transfers": {"nonce", "signed_at"},
    "wallets": {"first_nonce", "next_nonce", "address", "chain_id"},
    "transfer_nonces": {"wallet", "chain_id", "nonce", "unique_id", "is_live"},
}
VAULT_WRITES = {
    *("transfer_attempts", "transfer_nonces", "wallets", "transfers"),
    "payouts",  # parked with its transfer
    "clients",  # payout_looked_at, so that it may lock the row it looks at
}


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction of the owner, whose work nobody keeps."""
    with module_database.transaction() as tx, tx.savepoint() as point:
        yield tx
        point.rollback()


@contextmanager
def acting(tx: Transaction, zone: str) -> Iterator[None]:
    """With the rights of a zone, then again with the owner's."""
    with tx.savepoint():
        tx.execute(f"SET LOCAL ROLE microbatch_{zone}")
        yield
        tx.execute("RESET ROLE")


def refused(tx: Transaction, zone: str, act: Callable[[], object]) -> None:
    with pytest.raises(errors.InsufficientPrivilege), acting(tx, zone):
        act()


def tables(tx: Transaction) -> set[str]:
    rows = tx.all("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                  " AND relkind IN ('r', 'p', 'v', 'm')")  # fmt: skip
    return {row["relname"] for row in rows}


def may(tx: Transaction, zone: str, privilege: str, table: str) -> set[str]:
    """The columns of a table on which a zone has a privilege."""
    rows = tx.all(
        "SELECT attname FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0"
        " AND NOT attisdropped AND has_column_privilege(%(role)s, attrelid, attnum, %(what)s)",
        role=f"microbatch_{zone}",
        table=table,
        what=privilege,
    )
    return {row["attname"] for row in rows}


# --- who may write what ---------------------------------------------------------------------------


def test_every_table_is_granted_to_the_ledger_by_the_migration_that_makes_it(
    tx: Transaction,
) -> None:
    for table in tables(tx):
        assert may(tx, "ledger", "SELECT", table), f"grant {table} to microbatch_ledger"


def test_a_table_that_nobody_granted_is_noticed(tx: Transaction) -> None:
    tx.execute("CREATE TABLE forgotten (id integer)")

    assert "forgotten" in tables(tx)
    assert not may(tx, "ledger", "SELECT", "forgotten")
    refused(tx, "ledger", lambda: tx.all("SELECT id FROM forgotten"))


def test_every_statement_of_the_product_is_some_zones_business(tx: Transaction) -> None:
    statements = written() - OWNERS_OWN

    assert len(statements) > 25
    for privilege, table in sorted(statements):
        if privilege == "DELETE":
            granted = tx.one(
                "SELECT has_table_privilege('microbatch_ledger', %(table)s, 'DELETE') AS granted",
                table=table,
            )
            assert granted == {"granted": True}, table
        else:
            assert any(may(tx, zone, privilege, table) for zone in ZONES), (privilege, table)


def test_every_column_that_a_statement_sets_is_some_zones_to_set(tx: Transaction) -> None:
    found = columns_set()
    missing = {
        (table, column)
        for table, column in found
        if not any(column in may(tx, zone, "UPDATE", table) for zone in ZONES)
    }

    assert len(found) > 60
    assert not missing


def test_no_zone_may_write_what_no_statement_writes(tx: Transaction) -> None:
    statements = written()

    for table in tables(tx):
        for privilege in ("INSERT", "UPDATE"):
            for zone in ZONES:
                if (privilege, table) not in statements:
                    assert not may(tx, zone, privilege, table), (zone, privilege, table)


@pytest.mark.parametrize("table", sorted(SIGNED_ONLY_BY_VAULT))
def test_only_the_vault_writes_what_a_signature_consists_of(tx: Transaction, table: str) -> None:
    for privilege in ("INSERT", "UPDATE"):
        assert not may(tx, "ledger", privilege, table) & SIGNED_ONLY_BY_VAULT[table]
    assert may(tx, "vault", "INSERT", table) or table == "transfers"


def test_the_vault_writes_nothing_but_signatures_and_why_there_is_none(tx: Transaction) -> None:
    writes = {
        table
        for table in tables(tx)
        if may(tx, "vault", "INSERT", table) | may(tx, "vault", "UPDATE", table)
    }

    assert writes == VAULT_WRITES
    assert not may(tx, "vault", "INSERT", "transfers")
    assert may(tx, "vault", "UPDATE", "clients") == {"payout_looked_at"}
    assert may(tx, "vault", "UPDATE", "payouts") == {"state", "state_since", "asked_at", "reason"}


def test_the_ledger_orders_an_attempt_and_cannot_make_one(tx: Transaction) -> None:
    insert_signed_transfer(tx)
    ordered = {"attempt_no": 2, "state": "ordered"}
    columns = may(tx, "ledger", "INSERT", "transfer_attempts")

    refused(tx, "ledger", lambda: insert(tx, "transfer_attempts", attempt_no=2))
    bytes_given = "UPDATE transfer_attempts SET raw_transaction = 'x', tx_hash = %(tx_hash)s"
    refused(tx, "ledger", lambda: tx.execute(bytes_given, tx_hash=OTHER_TX_HASH))
    with acting(tx, "ledger"):
        names = ", ".join(sorted(columns - set(ordered)))
        tx.execute(
            f"INSERT INTO transfer_attempts ({names}, attempt_no, state)"
            f" SELECT {names}, 2, 'ordered' FROM transfer_attempts"
        )
    assert tx.one("SELECT count(*) AS n FROM transfer_attempts WHERE state = 'ordered'") == {"n": 1}
    with acting(tx, "vault"):
        tx.execute(f"{bytes_given}, state = 'prepared' WHERE attempt_no = 2", tx_hash=OTHER_TX_HASH)


def test_the_ledger_takes_no_nonce_and_adopts_no_wallet(tx: Transaction) -> None:
    insert_signed_transfer(tx)

    other_nonce = (
        "INSERT INTO transfer_nonces"
        " SELECT wallet, chain_id, 8, unique_id, false FROM transfer_nonces"
    )
    other_wallet = (
        "INSERT INTO wallets (address, chain_id, first_nonce, next_nonce, status, adopted_at)"
        " SELECT address, 2, 0, 0, status, adopted_at FROM wallets"
    )
    others = ("wallets SET next_nonce = 9", "transfers SET nonce = 8")
    for statement in (other_nonce, other_wallet, *(f"UPDATE {other}" for other in others)):
        refused(tx, "ledger", lambda statement=statement: tx.execute(statement))


def test_the_vault_touches_nobodys_money(tx: Transaction) -> None:
    insert(tx, "clients")
    insert_signed_transfer(tx)

    for statement in (
        "UPDATE clients SET wallet_address = '0x'",
        "UPDATE payments SET state = 'paid'",
        "UPDATE batches SET received_microusdt = 1",
        "UPDATE swaps SET payout_address = '0x'",
        "UPDATE payouts SET amount_units = 1",
        "UPDATE settings SET value = '0'",
        "UPDATE transfers SET to_address = '0x'",
        "INSERT INTO transfers SELECT * FROM transfers",
        "SELECT notification FROM payments",
        "SELECT value FROM settings",
    ):
        refused(tx, "vault", lambda statement=statement: tx.execute(statement))
    with acting(tx, "vault"):
        tx.all("SELECT client_id FROM clients FOR SHARE")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"to_address": "0x" + "66" * 20}, "another address"),
        ({"value_wei": 98}, "another amount"),
        ({"data": b"\x01"}, "another call"),
        ({"kind": "cancel", "value_wei": 0}, "a cancel that pays somebody"),
    ],
)
def test_an_order_repeats_what_was_signed(
    tx: Transaction, changed: dict[str, Any], why: str
) -> None:
    insert_signed_transfer(tx)
    ordered = {"attempt_no": 2, "state": "ordered", "raw_transaction": None, "tx_hash": None}

    with pytest.raises(errors.CheckViolation), tx.savepoint():
        insert(tx, "transfer_attempts", **ordered, **changed)
    insert(tx, "transfer_attempts", **ordered)
    cancel = {"attempt_no": 3, "kind": "cancel", "to_address": WALLET, "value_wei": 0}
    insert(tx, "transfer_attempts", **ordered | cancel)


def test_an_order_without_a_signature_before_it_is_refused(tx: Transaction) -> None:
    insert(tx, "swaps")
    insert(tx, "wallets")
    insert(tx, "transfers", state="approved", approved_at="now")
    insert(tx, "transfer_nonces")

    with pytest.raises(errors.CheckViolation, match="not what was signed"), tx.savepoint():
        insert(
            tx, "transfer_attempts", state="ordered", raw_transaction=None, tx_hash=None,
            to_address=PAYEE,
        )  # fmt: skip


def test_what_came_of_an_act_is_written_once(tx: Transaction) -> None:
    """A redrive is recorded before it sends anything, and ended when it is over."""
    insert(tx, "operator_acts")

    with acting(tx, "ledger"):
        tx.execute("UPDATE operator_acts SET after = '{\"sent\": 1}'")
    with pytest.raises(errors.CheckViolation, match="recorded already"), tx.savepoint():
        tx.execute("UPDATE operator_acts SET after = '{}'")
    assert tx.one("SELECT after FROM operator_acts") == {"after": {"sent": 1}}


# --- who owns the schema --------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id integer)",
        "ALTER TABLE payments ADD COLUMN mine integer",
        "ALTER TABLE transfer_attempts DISABLE TRIGGER ALL",
        "DROP TABLE settings",
        "TRUNCATE held_payments",
        "DELETE FROM payments",
        "DELETE FROM transfer_attempts",
        "UPDATE operator_acts SET who = 'somebody else'",
        "UPDATE state_edges SET to_state = 'signed'",
        "INSERT INTO state_edges VALUES ('transfers', 'requested', 'signed')",
        "DELETE FROM schema_migrations",
        "SET session_replication_role = 'replica'",
        "CREATE ROLE mine",
        "DROP FUNCTION refuse_unknown_edge() CASCADE",
    ],
)
def test_no_zone_owns_anything(database_fields: dict[str, Any], zone: str, statement: str) -> None:
    with (
        closing(Database(lambda _fresh: login(database_fields, zone))) as database,
        pytest.raises(errors.InsufficientPrivilege),
        database.transaction() as tx,
    ):
        tx.execute(statement)


def test_the_owner_of_everything_is_the_migrators_login(
    tx: Transaction, database_fields: dict[str, Any]
) -> None:
    rows = tx.all("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")

    assert rows == [{"tableowner": database_fields["username"]}]
    for role in ROLES:
        granted = tx.all(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles"
            " WHERE rolname = %(role)s",
            role=role,
        )
        assert [set(row.values()) for row in granted] == [{False}]
        assert not tx.all(
            "SELECT FROM pg_auth_members WHERE member = %(role)s::regrole", role=role
        ), "a member of another role could act as it"

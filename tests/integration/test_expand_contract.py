"""Old code works on the new schema: while a deployment goes on, and after one that was taken back.

Each migration is applied to the schema before it. What was there is still there and still takes
what it took; what is new asks nothing of code that does not know it. A migration that takes
something away is called `NNNN_contract_….sql`, and comes a release after the code that needed it.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from microbatch.platform.database import Database, Transaction
from microbatch.platform.migration import migrate
from microbatch.wiring import MIGRATIONS
from tests.integration.rows import ROWS

FILES = sorted(path.name for path in MIGRATIONS.glob("*.sql"))
# A payout that is over need not be what its payments come to.
CHANGED: dict[str, dict[str, Any]] = {"payouts": {"state": "released", "reason": "because"}}
ORDER = (
    *("clients", "batches", "payments", "held_payments", "threshold_checks", "operator_acts"),
    "discarded_letters",
    *("payouts", "swaps", "exchanges", "token_receipts", "wallets", "transfers"),
    *("transfer_nonces", "transfer_attempts"),
)


@dataclass(frozen=True)
class Schema:
    """What code can rely on: columns with their types, what must be given, who may what."""

    columns: dict[tuple[str, str], str]
    demanded: set[tuple[str, str]]
    granted: set[tuple[str, ...]]


def schema_of(tx: Transaction) -> Schema:
    columns = tx.all(
        "SELECT table_name, column_name, data_type, numeric_precision, numeric_scale, is_nullable,"
        " column_default, is_identity, is_generated FROM information_schema.columns"
        " WHERE table_schema = 'public'"
    )
    granted = tx.all(
        "SELECT grantee, table_name, column_name, privilege_type"
        " FROM information_schema.column_privileges WHERE grantee LIKE 'microbatch\\_%%'"
    )
    return Schema(
        columns={
            (row["table_name"], row["column_name"]): "{data_type} {numeric_precision}"
            " {numeric_scale}".format(**row)
            for row in columns
        },
        demanded={
            (row["table_name"], row["column_name"])
            for row in columns
            if row["is_nullable"] == "NO"
            and row["column_default"] is None
            and row["is_identity"] == "NO"
            and row["is_generated"] == "NEVER"
        },
        granted={tuple(row.values()) for row in granted},
    )


@pytest.fixture
def empty(database: Database) -> Iterator[Database]:
    with database.transaction() as tx:
        tx.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with closing(database):
        yield database


def up_to(folder: Path, names: list[str]) -> Path:
    for name in names:
        (folder / name).write_text((MIGRATIONS / name).read_text(encoding="utf-8"))
    return folder


def insert_what_was_known(tx: Transaction, known: dict[tuple[str, str], str]) -> int:
    """A valid row of every table that was there, by the columns that were there."""
    inserted = 0
    for table in ORDER:
        row: dict[str, Any] = {
            column: value
            for column, value in (ROWS[table] | CHANGED.get(table, {})).items()
            if (table, column) in known
        }
        if row:
            columns, values = ", ".join(row), ", ".join(f"%({column})s" for column in row)
            tx.execute(f"INSERT INTO {table} ({columns}) VALUES ({values})", **row)
            inserted += 1
    return inserted


@pytest.mark.parametrize("number", range(1, len(FILES)), ids=lambda number: FILES[number])
def test_a_migration_only_adds(empty: Database, tmp_path: Path, number: int) -> None:
    if "_contract_" in FILES[number]:
        pytest.skip("it takes away what the release before it stopped using")
    migrate(empty, up_to(tmp_path, FILES[:number]))
    with empty.transaction() as tx:
        before = schema_of(tx)
        insert_what_was_known(tx, before.columns)  # so that it meets a database with rows
    migrate(empty, up_to(tmp_path, FILES[: number + 1]))

    with empty.transaction() as tx:
        after = schema_of(tx)
        known = ", ".join(sorted(_tables(before) & {*ROWS}))
        tx.execute(f"TRUNCATE {known} CASCADE")
        assert insert_what_was_known(tx, before.columns) >= 10
    changed = {key for key in before.columns if after.columns.get(key) != before.columns[key]}
    assert not changed, "a column is gone or of another type"
    assert not {key for key in after.demanded - before.demanded if key[0] in _tables(before)}, (
        "old code does not know what is demanded of it"
    )
    assert before.granted <= after.granted, "old code may need what is taken away"


def _tables(schema: Schema) -> set[str]:
    return {table for table, _ in schema.columns}


def test_there_is_a_row_of_every_table_that_code_inserts_into() -> None:
    made_by_migrations = {"pauses"}
    assert set(ORDER) == set(ROWS) - made_by_migrations

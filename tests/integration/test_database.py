"""Transactions and reconnecting on a real Postgres."""

import secrets
import threading
from contextlib import closing
from decimal import Decimal
from typing import Any

import psycopg2
import pytest

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.database import Database

Fields = dict[str, Any]


@pytest.fixture
def notes(database: Database) -> Database:
    """A database with an empty table `notes`."""
    with database.transaction() as transaction:
        transaction.execute(
            "CREATE TABLE notes (id int PRIMARY KEY, amount numeric, raw bytea, fields jsonb)"
        )
    return database


def add(database: Database, number: int) -> None:
    with database.transaction() as transaction:
        transaction.execute("INSERT INTO notes (id) VALUES (%(id)s)", id=number)


def ids(database: Database) -> list[int]:
    with database.transaction() as transaction:
        return [row["id"] for row in transaction.all("SELECT id FROM notes ORDER BY id")]


def end_other_connections(database: Database) -> None:
    with database.transaction() as transaction:
        transaction.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_values_come_back_in_exact_types(notes: Database) -> None:
    amount, raw = Decimal("123456789012345678901234567890.000001"), b"\x00\xff%"

    with notes.transaction() as transaction:
        touched = transaction.execute(
            "INSERT INTO notes VALUES (%(id)s, %(amount)s, %(raw)s, %(fields)s)",
            id=1,
            amount=amount,
            raw=raw,
            fields='{"share": 0.1}',
        )
        row = transaction.one("SELECT * FROM notes WHERE id = %(id)s", id=1)

    assert touched == 1
    assert row == {"id": 1, "amount": amount, "raw": raw, "fields": {"share": Decimal("0.1")}}
    assert type(row) is dict
    assert type(row["raw"]) is bytes


def test_times_are_in_utc(database: Database) -> None:
    with database.transaction() as transaction:
        row = transaction.one("SELECT now() AS at")

    assert row is not None
    assert row["at"] == transaction.began_at
    assert row["at"].utcoffset().total_seconds() == 0


def test_one_gives_none_without_a_row_and_refuses_several(notes: Database) -> None:
    add(notes, 1)
    add(notes, 2)

    with notes.transaction() as transaction:
        assert transaction.one("SELECT id FROM notes WHERE id = 3") is None
    with pytest.raises(RuntimeError, match="several"), notes.transaction() as transaction:
        transaction.one("SELECT id FROM notes")


def test_an_exception_rolls_back_and_goes_on(notes: Database, other: Database) -> None:
    def fail() -> None:
        with notes.transaction() as transaction:
            transaction.execute("INSERT INTO notes (id) VALUES (1)")
            raise KeyError("our own bug")

    with pytest.raises(KeyError, match="our own bug"):
        fail()

    assert ids(other) == []
    add(notes, 2)
    assert ids(other) == [2]


def test_an_error_caught_inside_never_passes_for_a_commit(notes: Database) -> None:
    add(notes, 1)

    def swallow() -> None:
        with notes.transaction() as transaction:
            transaction.execute("INSERT INTO notes (id) VALUES (2)")
            with pytest.raises(psycopg2.IntegrityError):
                transaction.execute("INSERT INTO notes (id) VALUES (1)")

    with pytest.raises(RuntimeError, match="nothing was committed"):
        swallow()

    assert ids(notes) == [1]


def test_a_mistaken_statement_is_a_bug_not_an_outage(notes: Database) -> None:
    with pytest.raises(psycopg2.ProgrammingError), notes.transaction() as transaction:
        transaction.execute("SELECT no_such_column FROM notes")


def test_a_transaction_inside_a_transaction_is_refused(notes: Database) -> None:
    with notes.transaction(), pytest.raises(RuntimeError, match="open already"):
        add(notes, 1)


def test_a_savepoint_keeps_what_is_not_rolled_back(notes: Database) -> None:
    with notes.transaction() as transaction:
        with transaction.savepoint():
            transaction.execute("INSERT INTO notes (id) VALUES (1)")
        with transaction.savepoint() as point:
            transaction.execute("INSERT INTO notes (id) VALUES (2)")
            with transaction.savepoint():
                transaction.execute("INSERT INTO notes (id) VALUES (3)")
            point.rollback()
        transaction.execute("INSERT INTO notes (id) VALUES (4)")

    assert ids(notes) == [1, 4]


def test_a_savepoint_undoes_its_block_when_it_raises(notes: Database) -> None:
    add(notes, 1)

    with notes.transaction() as transaction:
        transaction.execute("INSERT INTO notes (id) VALUES (2)")
        with pytest.raises(psycopg2.IntegrityError), transaction.savepoint():
            transaction.execute("INSERT INTO notes (id) VALUES (1)")
        transaction.execute("INSERT INTO notes (id) VALUES (3)")

    assert ids(notes) == [1, 2, 3]


def test_the_connection_is_kept(database: Database) -> None:
    pids = set()
    for _ in range(3):
        with database.transaction() as transaction:
            row = transaction.one("SELECT pg_backend_pid() AS pid")
            assert row is not None
            pids.add(row["pid"])

    assert len(pids) == 1


def test_a_connection_that_died_while_idle_is_replaced(notes: Database, other: Database) -> None:
    add(notes, 1)
    end_other_connections(other)

    add(notes, 2)

    assert ids(notes) == [1, 2]


def test_a_connection_that_dies_at_work_is_retried_later(notes: Database, other: Database) -> None:
    def work() -> None:
        with notes.transaction() as transaction:
            transaction.execute("INSERT INTO notes (id) VALUES (1)")
            end_other_connections(other)
            transaction.execute("INSERT INTO notes (id) VALUES (2)")

    with pytest.raises(RetryLater, match="database:"):
        work()

    add(notes, 3)
    assert ids(notes) == [3]


def test_a_connection_that_dies_before_the_commit_is_retried_later(
    notes: Database, other: Database
) -> None:
    def work() -> None:
        with notes.transaction() as transaction:
            transaction.execute("INSERT INTO notes (id) VALUES (1)")
            end_other_connections(other)

    with pytest.raises(RetryLater):
        work()

    assert ids(notes) == []


def test_no_server_is_retried_later(database_fields: Fields) -> None:
    fields = database_fields | {"port": 1}

    with pytest.raises(RetryLater) as raised, Database(lambda _fresh: fields).transaction():
        pass

    assert fields["password"] not in raised.value.reason


@pytest.mark.parametrize("change", [{"port": "none"}, {"port": None}])
def test_a_malformed_port_is_a_configuration_error(database_fields: Fields, change: Fields) -> None:
    fields = database_fields | change

    with pytest.raises(ConfigurationError, match="port"), Database(lambda _: fields).transaction():
        pass


def test_a_missing_field_is_named(database_fields: Fields) -> None:
    fields = {name: value for name, value in database_fields.items() if name != "dbname"}

    with (
        pytest.raises(ConfigurationError, match="dbname"),
        Database(lambda _: fields).transaction(),
    ):
        pass


def test_a_rotated_password_is_read_anew(database: Database, database_fields: Fields) -> None:
    old, new = secrets.token_hex(), secrets.token_hex()
    with database.transaction() as transaction:
        transaction.execute(f"CREATE ROLE rotated LOGIN PASSWORD '{old}'")
    asked: list[bool] = []

    def fields(fresh: bool) -> Fields:
        asked.append(fresh)
        return database_fields | {"username": "rotated", "password": new if fresh else old}

    with closing(Database(fields)) as rotated:
        with rotated.transaction() as transaction:
            assert transaction.one("SELECT current_user AS who") == {"who": "rotated"}
        with database.transaction() as transaction:
            transaction.execute(f"ALTER ROLE rotated PASSWORD '{new}'")
        end_other_connections(database)

        with rotated.transaction() as transaction:
            assert transaction.one("SELECT current_user AS who") == {"who": "rotated"}

    assert asked == [False, False, True]
    with database.transaction() as transaction:
        transaction.execute("DROP ROLE rotated")


def test_a_wrong_password_is_tried_fresh_once_then_retried_later(database_fields: Fields) -> None:
    asked: list[bool] = []

    def fields(fresh: bool) -> Fields:
        asked.append(fresh)
        return database_fields | {"password": "wrong-password"}

    with pytest.raises(RetryLater) as raised, Database(fields).transaction():
        pass

    assert asked == [False, True]
    assert "wrong-password" not in raised.value.reason


def test_of_two_in_a_deadlock_one_commits_and_one_is_retried_later(
    notes: Database, other: Database
) -> None:
    add(notes, 1)
    add(notes, 2)
    both_hold_one = threading.Barrier(2, timeout=10)
    outcomes: list[str] = []

    def lock(database: Database, first: int, second: int) -> None:
        try:
            with database.transaction() as transaction:
                update = "UPDATE notes SET amount = 1 WHERE id = %(id)s"
                transaction.execute(update, id=first)
                both_hold_one.wait()
                transaction.execute(update, id=second)
            outcomes.append("committed")
        except RetryLater as error:
            outcomes.append(error.reason)

    threads = [
        threading.Thread(target=lock, args=(notes, 1, 2)),
        threading.Thread(target=lock, args=(other, 2, 1)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert sorted(outcomes) == ["RetryLater: database: deadlock detected", "committed"]


def test_a_statement_that_takes_too_long_is_retried_later(database_fields: Fields) -> None:
    with closing(Database(lambda _: database_fields, statement_seconds=1)) as database:
        with pytest.raises(RetryLater, match="timeout"), database.transaction() as transaction:
            transaction.execute("SELECT pg_sleep(5)")
        with database.transaction() as transaction:
            assert transaction.one("SELECT 1 AS n") == {"n": 1}

"""Migrations on a real Postgres."""

import threading
from pathlib import Path

import psycopg2
import pytest

from microbatch.errors import ConfigurationError
from microbatch.platform.database import Database
from microbatch.platform.migration import migrate


@pytest.fixture
def empty(database: Database) -> Database:
    """A database in which nothing was ever migrated."""
    with database.transaction() as transaction:
        transaction.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return database


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (share text DEFAULT '100 %');")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (id int); INSERT INTO two VALUES (1);")
    return tmp_path


def test_migrations_apply_in_order_and_once(empty: Database, migrations: Path) -> None:
    assert migrate(empty, migrations) == ["0001_one.sql", "0002_two.sql"]
    assert migrate(empty, migrations) == []

    (migrations / "0003_three.sql").write_text("ALTER TABLE two ADD name text;")
    assert migrate(empty, migrations) == ["0003_three.sql"]


def test_a_changed_migration_is_refused(empty: Database, migrations: Path) -> None:
    migrate(empty, migrations)
    (migrations / "0001_one.sql").write_text("CREATE TABLE one (other text);")

    with pytest.raises(ConfigurationError, match=r"0001_one\.sql was changed"):
        migrate(empty, migrations)


def test_a_missing_migration_is_refused(empty: Database, migrations: Path) -> None:
    migrate(empty, migrations)
    (migrations / "0001_one.sql").unlink()

    with pytest.raises(ConfigurationError, match=r"0001_one\.sql was applied and is missing"):
        migrate(empty, migrations)


def test_older_code_leaves_a_schema_that_is_ahead_of_it_alone(
    empty: Database, migrations: Path
) -> None:
    migrate(empty, migrations)
    (migrations / "0002_two.sql").unlink()  # the code before it, after a deployment that failed

    assert migrate(empty, migrations) == []
    with empty.transaction() as transaction:
        assert transaction.all("SELECT id FROM two") == [{"id": 1}]


def test_a_migration_before_an_applied_one_is_refused(empty: Database, migrations: Path) -> None:
    migrate(empty, migrations)
    (migrations / "0000_late.sql").write_text("SELECT 1;")

    with pytest.raises(ConfigurationError, match=r"0000_late\.sql is new"):
        migrate(empty, migrations)


@pytest.mark.parametrize("name", ["three.sql", "0003-three.sql", "0002_other.sql"])
def test_a_misnamed_migration_is_refused(empty: Database, migrations: Path, name: str) -> None:
    (migrations / name).write_text("SELECT 1;")

    with pytest.raises(ConfigurationError):
        migrate(empty, migrations)


def test_a_folder_without_migrations_is_refused(empty: Database, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no migration"):
        migrate(empty, tmp_path)
    with pytest.raises(ConfigurationError, match="no folder"):
        migrate(empty, tmp_path / "absent")


def test_a_failing_migration_leaves_nothing_of_itself(empty: Database, migrations: Path) -> None:
    (migrations / "0002_two.sql").write_text("CREATE TABLE two (id int); SELECT 1 / 0;")

    with pytest.raises(psycopg2.DataError):
        migrate(empty, migrations)

    with empty.transaction() as transaction:
        assert transaction.all("SELECT name FROM schema_migrations") == [{"name": "0001_one.sql"}]
        assert transaction.one("SELECT to_regclass('two') AS two") == {"two": None}


def test_two_migrators_at_once_apply_once(
    empty: Database, other: Database, migrations: Path
) -> None:
    (migrations / "0001_one.sql").write_text("CREATE TABLE one (id int); SELECT pg_sleep(0.3);")
    start = threading.Barrier(2, timeout=10)
    applied: list[str] = []

    def run(database: Database) -> None:
        start.wait()
        applied.extend(migrate(database, migrations))

    threads = [threading.Thread(target=run, args=(each,)) for each in (empty, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert sorted(applied) == ["0001_one.sql", "0002_two.sql"]
    with empty.transaction() as transaction:
        assert transaction.all("SELECT id FROM two") == [{"id": 1}]

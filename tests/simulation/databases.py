"""A Postgres server for all runs; a migrated database for each worker, emptied for every run."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from local.postgres import Postgres
from microbatch.platform.database import Database
from microbatch.platform.migration import admit, migrate
from tests.fakes.logins import logins
from tests.simulation.connections import plain_connection

MIGRATIONS = Path(__file__).parents[2] / "layers/shared/python/microbatch/migrations"

# The clock of the simulation takes the place of the server's: it comes first on the search path,
# but for our own schema, which has no function of that name and is where new tables go.
CLOCK = """
    CREATE SCHEMA clock;
    CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT current_setting('clock.now')::timestamptz $$;
    GRANT USAGE ON SCHEMA clock TO PUBLIC;
"""
SETTINGS = {
    "search_path": "public, clock, pg_catalog",
    "clock.now": "'2026-03-01T12:00:00+00:00'",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",
    "deadlock_timeout": "'1h'",  # who waits for whom is seen by interleaving.py, and at once
}


# How rows are looked for: whatever comes of it must not come of their order.
PLANNERS: dict[str, dict[str, str]] = {
    "usual": {},
    "scans": {"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off"},
    "indexes": {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_hashagg": "off"},
}


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """A server that forgets everything with its machine; the fields of a connection to it."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-simulation-"))
    postgres = Postgres(folder, fsync=False, dbname="postgres")
    try:
        postgres.start()
        fields = postgres.fields()
        # what it does by itself, and when, is up to the machine
        _administer(fields, "ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")
        yield fields
    finally:
        postgres.stop()
        shutil.rmtree(folder)


@contextmanager
def migrated(
    server_fields: dict[str, Any], name: str, planner: str = "usual"
) -> Iterator[dict[str, Any]]:
    """A database of this name with our clock and our schema, gone afterwards."""
    _administer(server_fields, f"CREATE DATABASE {name}")
    try:
        fields = {**server_fields, "dbname": name}
        with (
            closing(plain_connection(fields)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(CLOCK)
            for setting, value in (SETTINGS | PLANNERS[planner]).items():
                cursor.execute(f"ALTER DATABASE {name} SET {setting} = {value}")
        with closing(Database(lambda _fresh: fields)) as database:
            migrate(database, MIGRATIONS)
            admit(database, logins(fields).values())
        yield fields
    finally:
        _administer(server_fields, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(fields: dict[str, Any], *statements: str) -> None:
    administering = {**fields, "dbname": "postgres"}
    with (
        closing(plain_connection(administering)) as connection,
        connection.cursor() as cursor,
    ):
        for statement in statements:
            cursor.execute(statement)


class Emptied:
    """Puts a database back to what it was after its migration."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND tablename NOT IN ('schema_migrations', 'state_edges')"
            )
            self._tables = sorted(row[0] for row in cursor.fetchall())
            self._filled = {name: self._rows(cursor, name) for name in self._tables}
            for name in self._tables:
                cursor.execute(f"ALTER TABLE {name} SET (autovacuum_enabled = false)")

    def _rows(self, cursor: Any, table: str) -> list[tuple[Any, ...]]:
        cursor.execute(f"SELECT * FROM {table}")
        return list(cursor.fetchall())

    def empty(self) -> None:
        """No rows but those of the migrations, and every number from 1 again."""
        with self._connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(self._tables)} RESTART IDENTITY CASCADE")
            for table, rows in self._filled.items():
                for row in rows:
                    marks = ", ".join(["%s"] * len(row))
                    cursor.execute(f"INSERT INTO {table} VALUES ({marks})", row)

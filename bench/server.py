"""A Postgres as the local stack has it, fsync on and with its default settings; gone afterwards."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from local.postgres import Postgres, binaries
from microbatch.platform.database import Database
from microbatch.platform.migration import admit, migrate
from microbatch.wiring import MIGRATIONS
from tests.fakes.logins import login, logins

Fields = Mapping[str, Any]


class Server:
    """One server for all benchmarks; a migrated database of its own for each that asks."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._numbers = iter(range(1, 1000))

    @contextmanager
    def database(self) -> Iterator[dict[str, Any]]:
        """The owner's fields of a fresh, migrated database, dropped afterwards."""
        name = f"bench_{next(self._numbers)}"
        self._administer(f"CREATE DATABASE {name}")
        fields = self._postgres.fields() | {"dbname": name}
        try:
            with closing(Database(lambda _fresh: fields)) as owner:
                migrate(owner, MIGRATIONS)
                admit(owner, logins(fields).values())
            yield fields
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def prepared(self, fill: Callable[[Fields], None]) -> Iterator[dict[str, Any]]:
        """A migrated database, filled."""
        with self.database() as fields:
            fill(fields)
            yield fields

    @contextmanager
    def copy(self, fields: Fields) -> Iterator[dict[str, Any]]:
        """The fields of a copy of a database that nobody is connected to, dropped afterwards."""
        name = f"bench_{next(self._numbers)}"
        self._administer(
            f"CREATE DATABASE {name} TEMPLATE {fields['dbname']} STRATEGY file_copy; CHECKPOINT"
        )
        try:
            yield {**fields, "dbname": name}
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def on_a_copy(self, fields: Fields, act: Callable[[Fields, int], float], count: int) -> float:
        """What an act takes on rows that nobody has touched yet."""
        with self.copy(fields) as copied:
            return act(copied, count)

    def version(self) -> str:
        """What the server calls itself."""
        with closing(connect(self._postgres.fields())) as connection:
            return str(connection.server_version)

    def _administer(self, statement: str) -> None:
        fields = self._postgres.fields() | {"dbname": "postgres"}
        with closing(connect(fields)) as connection, connection.cursor() as cursor:
            for each in statement.split(";"):
                cursor.execute(each)


@contextmanager
def server() -> Iterator[Server]:
    """A running server."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-bench-"))
    postgres = Postgres(folder)
    try:
        postgres.start()
        yield Server(postgres)
    finally:
        postgres.stop()
        shutil.rmtree(folder)


def connect(fields: Fields) -> Any:
    """A bare connection, for what the product is compared with; each statement is committed."""
    connection = psycopg2.connect(
        host=fields["host"],
        port=fields["port"],
        dbname=fields["dbname"],
        user=fields["username"],
        password=fields["password"],
    )
    connection.autocommit = True
    return connection


@contextmanager
def ledger(fields: Fields, statement_seconds: int = 3600) -> Iterator[Database]:
    """The product's Database, logged in as its ledger functions are."""
    with owner(login(fields, "ledger"), statement_seconds) as database:
        with database.transaction() as tx:  # connected, as a function is after its first call
            tx.one("SELECT 1 AS one")
        yield database


@contextmanager
def owner(fields: Fields, statement_seconds: int = 3600) -> Iterator[Database]:
    """The product's Database, logged in as the fields say."""
    database = Database(lambda _fresh: fields, statement_seconds=statement_seconds)
    with closing(database):
        yield database


def pgbench(fields: Fields, script: Path, transactions: int) -> float:
    """Seconds per transaction of a script on one connection, by pgbench's own count."""
    done = subprocess.run(
        [
            str(binaries() / "pgbench"),
            *("-h", str(fields["host"]), "-p", str(fields["port"]), "-U", str(fields["username"])),
            *("-n", "-c", "1", "-j", "1", "-t", str(transactions), "-f", str(script)),
            str(fields["dbname"]),
        ],
        env={"PGPASSWORD": str(fields["password"])},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (each for each in done.stdout.splitlines() if "without initial connection" in each)
    return 1 / float(line.split()[2])


def truncate(fields: Fields, *tables: str) -> None:
    """Empty tables, and what hangs on them."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables))
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))
        cursor.execute("CHECKPOINT")


def plan_of(cursor: Any, statement: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The plan of a statement that is run, as Postgres tells it."""
    cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
    (row,) = cursor.fetchone()
    found: dict[str, Any] = (row if isinstance(row, list) else json.loads(row))[0]["Plan"]
    return found

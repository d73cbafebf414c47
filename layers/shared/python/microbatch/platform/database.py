"""Transactions on Postgres over one kept connection."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

import psycopg2
from psycopg2 import errors, extensions, extras

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.observability import count_all, counted_later, logger

STATEMENT_SECONDS = 25  # less than a ledger function may run
LOCK_SECONDS = 10
IDLE_SECONDS = 60  # a function that was killed must not keep its locks
LIVENESS: dict[str, Any] = {  # seconds, but for the last
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # ms
}

Row = dict[str, Any]
# A connection that outlived a fail-over still answers, but the server is no longer the primary.
_DEMOTED = errors.ReadOnlySqlTransaction

# Whatever is the server's rather than the statement's: restart, fail-over, deadlock, time-out.
_OUTAGES = (
    psycopg2.OperationalError,
    psycopg2.InterfaceError,
    errors.IdleInTransactionSessionTimeout,
)

_BYTEA = extensions.new_type(
    (17,),  # the type's number in every Postgres
    "BYTES",
    lambda value, cursor: None if value is None else bytes(psycopg2.BINARY(value, cursor)),
)


class Savepoint:
    """What a `savepoint()` block can still undo."""

    rolled_back = False

    def rollback(self) -> None:
        """Has leaving the block undo what was done in it."""
        self.rolled_back = True


class Transaction:
    """Statements of one transaction; parameters are named, `%(name)s`.

    `began_at` is its beginning by the database's own clock: what now() gives in every statement.
    """

    def __init__(self, cursor: extensions.cursor, began_at: datetime) -> None:
        self.began_at = began_at
        self._cursor = cursor
        self._savepoints = 0

    def execute(self, sql: str, /, **params: Any) -> int:
        """Runs a statement; the number of rows it touched."""
        # without parameters psycopg2 takes the text as it is, single percent signs included
        self._cursor.execute(sql, params or None)
        return self._cursor.rowcount

    def one(self, sql: str, /, **params: Any) -> Row | None:
        """The only row, or none. Raises RuntimeError when there are more."""
        self._cursor.execute(sql, params or None)
        rows = self._cursor.fetchmany(2)
        if len(rows) > 1:
            raise RuntimeError("a statement for one row gave several")
        return self._named(rows)[0] if rows else None

    def all(self, sql: str, /, **params: Any) -> list[Row]:
        """Every row."""
        self._cursor.execute(sql, params or None)
        return self._named(self._cursor.fetchall())

    def _named(self, rows: list[tuple[Any, ...]]) -> list[Row]:
        names = [column.name for column in self._cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def password_verifier(self, role: str, password: str) -> str:
        """What the server keeps of a role's password: no statement needs the password itself."""
        connection = self._cursor.connection
        verifier: str = extensions.encrypt_password(password, role, connection, "scram-sha-256")
        return verifier

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        """A block that can be undone alone: by its `rollback()`, or by an error, which goes on."""
        self._savepoints += 1
        name, point = f"savepoint_{self._savepoints}", Savepoint()
        self._cursor.execute(f"SAVEPOINT {name}")
        try:
            with counted_later() as counted:
                yield point
        except BaseException:
            with suppress(psycopg2.Error):  # the connection may be what broke
                self._undo(name)
            raise
        if point.rolled_back:
            self._undo(name)
        else:
            self._cursor.execute(f"RELEASE SAVEPOINT {name}")
            count_all(counted)

    def _undo(self, name: str) -> None:
        self._cursor.execute(f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")


class Database:
    """The database, over one connection that is kept between transactions and renewed when dead.

    `connection_fields(fresh)` gives host, port, dbname, username and password; with `fresh` not
    from a cache. `tls` is libpq's part of it: sslmode, sslrootcert. Not for two threads at once.
    """

    def __init__(
        self,
        connection_fields: Callable[[bool], Mapping[str, Any]],
        *,
        application_name: str = "microbatch",
        statement_seconds: int = STATEMENT_SECONDS,
        tls: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._connection_fields = connection_fields
        self._tls = tls
        self._application_name = application_name
        self._statement_seconds = statement_seconds
        self._connection: extensions.connection | None = None
        self._busy = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Commits when the block ends, rolls back when it raises.

        Raises RetryLater for whatever is the server's: no connection, deadlock, time-out. After
        one at the very end the work may have been committed all the same.
        """
        if self._busy:
            raise RuntimeError("a transaction is open already")
        self._busy = True
        try:
            cursor, began_at = self._begin()
            try:
                with counted_later() as counted:
                    yield Transaction(cursor, began_at)
                self._commit(cursor)
            except BaseException:
                self._roll_back(cursor)
                raise
            count_all(counted)
        except psycopg2.Error as error:
            error.args = (_first_line(error),)  # whoever logs it shows no row
            if isinstance(error, _DEMOTED):
                self.close()
            if self._connection is None or isinstance(error, _OUTAGES):
                raise RetryLater(f"database: {error}") from error
            raise
        finally:
            self._busy = False

    def close(self) -> None:
        """Ends the kept connection, if there is one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg2.Error):
                connection.close()

    def _begin(self) -> tuple[extensions.cursor, datetime]:
        # BEGIN is ours, not psycopg2's: it finds a dead connection while nothing is lost yet
        if self._connection is not None:
            try:
                return self._begun(self._connection)
            except psycopg2.Error as error:
                logger.info("database_connection_lost", reason=_first_line(error))
        self._connection = self._connect()
        return self._begun(self._connection)

    def _begun(self, connection: extensions.connection) -> tuple[extensions.cursor, datetime]:
        try:
            cursor = connection.cursor()
            cursor.execute("BEGIN; SELECT now()")  # one way there and back
            ((began_at,),) = cursor.fetchall()
        except BaseException:
            self.close()  # nobody may find it within a transaction
            raise
        return cursor, began_at

    def _commit(self, cursor: extensions.cursor) -> None:
        cursor.execute("COMMIT")
        # Postgres answers ROLLBACK, without an error, when an earlier error was caught in the block
        if cursor.statusmessage != "COMMIT":
            raise RuntimeError("nothing was committed: an error was caught inside the transaction")
        cursor.close()

    def _roll_back(self, cursor: extensions.cursor) -> None:
        try:
            cursor.execute("ROLLBACK")
            cursor.close()
        except psycopg2.Error:
            self.close()

    def _connect(self) -> extensions.connection:
        try:
            connection = self._connect_with(self._connection_fields(False))
        except psycopg2.OperationalError as error:
            if "authentication failed" not in str(error):  # a refused start has no error code
                raise
            logger.info("database_password_refused")
            connection = self._connect_with(self._connection_fields(True))
        self._set_up(connection)
        return connection

    def _connect_with(self, fields: Mapping[str, Any]) -> extensions.connection:
        try:
            options: dict[str, Any] = {
                "host": str(fields["host"]),
                "port": int(fields["port"]),
                "dbname": str(fields["dbname"]),
                "user": str(fields["username"]),
                "password": str(fields["password"]),
            }
        except KeyError as error:
            raise ConfigurationError(f"database secret has no field {error}") from None
        except (TypeError, ValueError):
            raise ConfigurationError("database secret: port is not a number") from None
        options["application_name"] = self._application_name
        options |= self._tls
        connection: extensions.connection = psycopg2.connect(**options, **LIVENESS)
        return connection

    def _set_up(self, connection: extensions.connection) -> None:
        connection.autocommit = True  # BEGIN and COMMIT are ours
        extensions.register_type(_BYTEA, connection)
        loads = partial(json.loads, parse_float=Decimal)
        extras.register_default_json(connection, loads=loads)
        extras.register_default_jsonb(connection, loads=loads)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SET statement_timeout = '{self._statement_seconds}s';"
                f"SET lock_timeout = '{LOCK_SECONDS}s';"
                f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s';"
                "SET TIME ZONE 'UTC'"
            )


def _first_line(error: Exception) -> str:
    """What the server said, without the lines that may quote a row."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

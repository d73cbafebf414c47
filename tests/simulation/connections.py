"""Connections to the real Postgres that can be lost, at every statement and around every commit."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2 import extensions

from tests.simulation.chance import Chance
from tests.simulation.clock import Clock
from tests.simulation.seams import Killed, Seams, current

CHANGES = re.compile(r"\b(INSERT|UPDATE|DELETE)\b")
ROW_LOCK = re.compile(r"FOR (NO KEY )?UPDATE|DO UPDATE")
# How long a statement takes is up to the machine. Roles are the server's, and other workers use
# them; a password is stored with a salt that nobody has drawn.
NOT_OURS = re.compile(r"SET (LOCAL )?\w+_timeout = '[^']*';?\s*|ALTER ROLE .*")
LOST = "server closed the connection unexpectedly"
# How likely, in a rough run, for one statement, one commit.
STATEMENT_LOST, COMMIT_LOST, CONNECT_LOST = 0.0004, 0.004, 0.01

_real_connect = psycopg2.connect
_changes: dict[str, bool] = {}
_alone: dict[str, str] = {}


def changes(sql: str) -> bool:
    """Whether a statement may change a row."""
    found = _changes.get(sql)
    if found is None:
        found = _changes[sql] = bool(CHANGES.search(ROW_LOCK.sub("", sql)))
    return found


def alone(sql: str) -> str:
    """A statement without what is not of this database alone; "" when nothing is left."""
    found = _alone.get(sql)
    if found is None:
        found = _alone[sql] = NOT_OURS.sub("", sql)
    return found


@dataclass
class Lines:
    """What the connections of one seed's run go through."""

    seams: Seams
    chance: Chance
    clock: Clock
    severity: float
    execute: Callable[[int, Callable[[], None]], None] = lambda _pid, act: act()
    settle: Callable[[], None] = lambda: None  # whoever waited for a lock goes on
    commits: int = 0  # of transactions that may have changed something
    down: bool = False  # nobody can connect

    def strikes(self, kind: str, likely: float) -> bool:
        """Whether the database is lost at this point."""
        doing = current()
        if doing is None or doing.within:
            return False
        return self.chance.strikes(kind, doing.name, likely * self.severity)


class SimulatedCursor(extensions.cursor):
    """A cursor whose statements pass the seams."""

    def execute(self, query: Any, vars: Any = None) -> None:  # noqa: A002 - psycopg2's name
        connection: SimulatedConnection = self.connection  # type: ignore[assignment]
        connection.execute(
            self, str(query), lambda text: super(SimulatedCursor, self).execute(text, vars)
        )

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Some rows."""
        return self._noted(super().fetchmany(size))

    def fetchall(self) -> list[Any]:
        """All rows."""
        return self._noted(super().fetchall())

    def _noted(self, rows: list[Any]) -> list[Any]:
        lines = self.connection.lines  # type: ignore[attr-defined]
        if lines is not None:
            lines.chance.trace.note(f"rows {rows}")
        return rows


class SimulatedConnection(extensions.connection):
    """A connection that is lost when the chance of the run says so; its server stays well."""

    lines: Lines | None = None
    broken = False
    wrote = False
    retire: Callable[["SimulatedConnection"], None]

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """A cursor of the simulation."""
        return super().cursor(*arguments, **{"cursor_factory": SimulatedCursor, **options})

    def close(self) -> None:
        """Goes back to the pool, its transaction rolled back."""
        self.retire(self)

    def execute(self, cursor: Any, sql: str, run: Callable[[str], None]) -> None:
        """One statement of the product."""
        lines, doing = self.lines, current()
        if sql.startswith("SET statement_timeout"):  # the product sets a connection up
            run(alone(sql))
            return
        if lines is None or doing is None:
            run(sql)
            return
        if doing.dead:
            raise Killed
        if self.broken:
            raise psycopg2.InterfaceError("connection already closed")
        if sql.startswith("BEGIN;"):
            self._begin(lines, sql, run)
        elif sql == "COMMIT":
            self._commit(lines, run)
        else:
            if sql != "ROLLBACK" and lines.strikes("database_lost", STATEMENT_LOST):
                self._lose()
            self.wrote = self.wrote or changes(sql)
            lines.seams.switch()
            text = alone(sql)
            if not text:
                return
            try:
                lines.execute(self.get_backend_pid(), lambda: run(text))
            finally:  # by then it is this invocation's turn again
                sent = (cursor.query or b"").decode("utf-8", "replace")
                lines.chance.trace.note(f"sql {sent} {cursor.statusmessage}")

    def _begin(self, lines: Lines, sql: str, run: Callable[[str], None]) -> None:
        if lines.strikes("database_lost_idle", CONNECT_LOST):
            self._lose()
        self.wrote = False
        set_clock = f"SET LOCAL clock.now = '{lines.clock.now.isoformat()}'"
        run(sql.replace("BEGIN;", f"BEGIN; {set_clock};", 1))

    def _commit(self, lines: Lines, run: Callable[[str], None]) -> None:
        if lines.strikes("commit_lost", COMMIT_LOST):
            self._lose()

        def commit() -> None:
            lines.execute(self.get_backend_pid(), lambda: run("COMMIT"))
            lines.commits += self.wrote

        lines.seams.effect("commit", commit)
        if lines.strikes("commit_unheard", COMMIT_LOST):
            self._lose()

    def _lose(self) -> None:
        self.undo()
        self.broken = True
        raise psycopg2.OperationalError(LOST)

    def undo(self) -> None:
        """What the server does when a connection is gone."""
        if self.status != extensions.STATUS_READY or self.info.transaction_status:
            with super().cursor() as cursor:
                cursor.execute("ROLLBACK")
            if self.lines is not None:
                self.lines.settle()


@dataclass
class Pool:
    """Real connections that are kept over the runs; what the product thinks closed is idle here."""

    fields: dict[str, Any]  # of its owner
    idle: dict[str, list[SimulatedConnection]] = field(default_factory=dict)  # user → theirs
    used: list[SimulatedConnection] = field(default_factory=list)
    lines: Lines | None = None

    def connect(self, *, user: str, password: str, **_options: Any) -> SimulatedConnection:
        """In the place of psycopg2.connect: by the login of the function's zone."""
        lines = self.lines
        assert lines is not None
        if lines.down or lines.strikes("database_refuses", CONNECT_LOST):
            raise psycopg2.OperationalError("connection refused")
        connection = lines.seams.effect(
            "connect", lambda: self._kept(user) or self._new(user, password)
        )
        connection.lines, connection.broken = lines, False
        self.used.append(connection)
        return connection

    def _kept(self, user: str) -> SimulatedConnection | None:
        idle = self.idle.get(user)
        return idle.pop() if idle else None

    def _new(self, user: str, password: str) -> SimulatedConnection:
        login = {**self.fields, "username": user, "password": password}
        made: SimulatedConnection = _real_connect(
            connection_factory=SimulatedConnection, **_as_psycopg2(login)
        )
        made.autocommit = True
        made.retire = self._take_back  # type: ignore[method-assign]
        return made

    def _take_back(self, connection: SimulatedConnection) -> None:
        if connection in self.used:
            self.used.remove(connection)
            connection.undo()
            self.idle.setdefault(connection.info.user, []).append(connection)

    def lose_all(self) -> None:
        """The server is started anew: every connection there is is gone."""
        for connection in self.used:
            connection.undo()
            connection.broken = True

    def take_all_back(self) -> None:
        """A run is over."""
        for connection in list(self.used):
            self._take_back(connection)

    def close(self) -> None:
        """Really."""
        self.take_all_back()
        for connection in itertools.chain(*self.idle.values()):
            extensions.connection.close(connection)
        self.idle.clear()


def _as_psycopg2(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a database secret in psycopg2's words."""
    return {"user" if name == "username" else name: value for name, value in fields.items()}


def plain_connection(fields: dict[str, Any]) -> extensions.connection:
    """A connection of the simulation's own, that nothing happens to."""
    connection: extensions.connection = _real_connect(**_as_psycopg2(fields))
    connection.autocommit = True
    return connection

"""Each zone logs in to the database as itself, with a password that can be changed at any time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from cdk.stages import DATABASE_LOGINS
from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.database import Database
from microbatch.platform.migration import admit
from tests.fakes.logins import login, logins

ZONES = ("ledger", "vault")
Connect = Callable[[str], Any]


@pytest.fixture
def database_of(database_fields: dict[str, Any]) -> Connect:
    """A connection as a zone's function has it."""
    return lambda zone: closing(Database(lambda _fresh: login(database_fields, zone)))


@pytest.fixture
def logins_as_before(database: Database, database_fields: dict[str, Any]) -> Iterator[None]:
    """Roles are the server's: the next test finds them as they were."""
    yield
    admit(database, logins(database_fields).values())


def whoami(database: Database) -> str:
    with database.transaction() as tx:
        row = tx.one("SELECT session_user AS me")
    assert row is not None
    return str(row["me"])


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_logs_in_as_itself(database_of: Connect, zone: str) -> None:
    assert zone in DATABASE_LOGINS
    with database_of(zone) as database:
        assert whoami(database) == f"microbatch_{zone}"


def test_a_zone_cannot_log_in_as_the_other(database_fields: dict[str, Any]) -> None:
    mixed = login(database_fields, "vault") | {
        "password": login(database_fields, "ledger")["password"]
    }

    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(user=mixed.pop("username"), **mixed)


def test_only_a_zones_role_is_let_in(database: Database, database_fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="postgres is not the login of a zone"):
        admit(database, [database_fields])


class Load:
    """Functions that store one row after the other; each row in a new environment, as it comes."""

    def __init__(self, secret: dict[str, Any], functions: int = 4) -> None:
        self.secret = secret
        self.stored, self.repeated = [0] * functions, [0] * functions
        self.lost: list[Exception] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(functions)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=20)

    def _run(self, number: int) -> None:
        kept = [self.secret["login"]]  # what the function has read of the secret
        while not self._over.is_set():
            try:
                self._store(number, kept)
                self.stored[number] += 1
            except RetryLater:
                self.repeated[number] += 1  # the message comes again
            except Exception as error:
                self.lost.append(error)
                return

    def _store(self, number: int, kept: list[Any]) -> None:
        def fields(fresh: bool) -> dict[str, Any]:
            if fresh:
                kept[0] = self.secret["login"]
            return dict(kept[0])

        with closing(Database(fields)) as database, database.transaction() as tx:
            tx.execute(
                "INSERT INTO observations (name, value, observed_at)"
                " VALUES (%(name)s, 1, clock_timestamp())",
                name=f"load {number}",
            )


@pytest.mark.usefixtures("logins_as_before")
def test_a_password_is_changed_under_load_and_nothing_is_lost(
    database: Database, database_fields: dict[str, Any]
) -> None:
    old = login(database_fields, "ledger")
    load = Load({"login": old})
    load.start()
    try:
        until(lambda: min(load.stored) >= 5)
        new = load.secret["login"] = old | {"password": "quite another one"}
        kept_old = sum(load.stored)
        until(lambda: sum(load.stored) > kept_old + 5)  # whoever has read the old one goes on
        admit(database, [new])
        before = list(load.stored)
        until(lambda: all(now > n + 5 for now, n in zip(load.stored, before, strict=True)))
    finally:
        load.end()

    assert load.lost == []
    with database.transaction() as tx:
        rows = tx.all("SELECT count(*) AS n FROM observations GROUP BY name ORDER BY name")
    assert [row["n"] for row in rows] == load.stored
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(user=old.pop("username"), **old)


def test_a_password_that_is_not_let_in_yet_is_waited_for(database_fields: dict[str, Any]) -> None:
    early = login(database_fields, "ledger") | {"password": "not let in yet"}

    with (
        closing(Database(lambda _fresh: early)) as database,
        pytest.raises(RetryLater, match="authentication failed"),
        database.transaction(),
    ):
        raise AssertionError("nobody was let in")


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.usefixtures("logins_as_before")
def test_a_connection_that_is_open_outlives_a_change_of_password(
    database: Database, database_of: Connect, database_fields: dict[str, Any]
) -> None:
    with database_of("ledger") as open_before:
        assert whoami(open_before) == "microbatch_ledger"
        admit(database, [login(database_fields, "ledger") | {"password": "quite another one"}])
        assert whoami(open_before) == "microbatch_ledger"


def test_the_password_itself_never_travels_in_a_statement(
    database: Database, database_fields: dict[str, Any]
) -> None:
    with database.transaction() as tx:
        verifier = tx.password_verifier("microbatch_ledger", "a password")
        kept = tx.one("SELECT rolpassword FROM pg_authid WHERE rolname = 'microbatch_ledger'")

    assert verifier.startswith("SCRAM-SHA-256$")
    assert "a password" not in verifier
    assert kept is not None
    assert kept["rolpassword"].startswith("SCRAM-SHA-256$")

"""A real Postgres for the session, a database of its own for each test, AWS in the process."""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from moto import mock_aws
from xdist.scheduler import LoadScopeScheduling

from local import toolchain
from local.postgres import Postgres
from microbatch.platform.database import Database
from microbatch.platform.migration import admit, migrate
from tests.fakes.logins import logins

TESTS = Path(__file__).parent
ONE_SESSION = ("e2e", "infrastructure")
MIGRATIONS = TESTS.parent / "layers/shared/python/microbatch/migrations"
TEMPLATE = "migrated"

# The CDK's libraries start Node.js when they are imported: ours, whatever else is on the machine.
os.environ["JSII_NODE"] = str(toolchain.node())

# What is asserted there for many tests says both sides as well when it fails.
pytest.register_assert_rewrite("tests.e2e.exactness", "tests.e2e.world")

_numbers = itertools.count(1)


class ByFile(LoadScopeScheduling):
    """Where several processes share the tests (-n), each file belongs to one of them.

    So do the folders whose session is dear to begin: the local stack, and the templates. Not by
    xdist's own groups: their names no longer come through since pytest 9 made ids of its own.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.split("/")[1]
        return folder if folder in ONE_SESSION else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Asked by xdist when there is more than one process."""
    return ByFile(config, log)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server with a password, gone afterwards; its database `migrated` has the schema."""
    # a terminated run ends like an interrupted one: with the fixtures' own clean-up
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="microbatch-postgres-"))
    server = Postgres(folder, fsync=False, dbname=TEMPLATE)
    try:
        server.start()
        with closing(Database(lambda _fresh: server.fields())) as database:
            migrate(database, MIGRATIONS)
            admit(database, logins(server.fields()).values())
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def database_fields(postgres: Postgres) -> Iterator[dict[str, Any]]:
    """The fields of the database secret; a fresh, migrated database for this test alone."""
    with _copy_of_template(postgres) as fields:
        yield fields


@pytest.fixture(scope="module")
def module_database(postgres: Postgres) -> Iterator[Database]:
    """One migrated database for a module whose tests roll back whatever they do."""
    with (
        _copy_of_template(postgres) as fields,
        closing(Database(lambda _fresh: fields)) as database,
    ):
        yield database


@pytest.fixture
def database(database_fields: dict[str, Any]) -> Iterator[Database]:
    """A Database on this test's own database."""
    with closing(Database(lambda _fresh: database_fields)) as database:
        yield database


@pytest.fixture
def fresh(postgres: Postgres) -> Callable[[], AbstractContextManager[Database]]:
    """A new migrated database whenever it is called: for a test that needs many."""

    @contextmanager
    def make() -> Iterator[Database]:
        with (
            _copy_of_template(postgres) as fields,
            closing(Database(lambda _fresh: fields)) as database,
        ):
            yield database

    return make


@pytest.fixture
def other(database_fields: dict[str, Any]) -> Iterator[Database]:
    """A second connection to the same database."""
    with closing(Database(lambda _fresh: database_fields)) as database:
        yield database


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS inside this process, empty; nothing can reach the real one."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


@contextmanager
def _copy_of_template(server: Postgres) -> Iterator[dict[str, Any]]:
    name = f"test_{next(_numbers)}"
    # a copy of the files takes 0.03 s, a third of what writing the copy to the log takes
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield server.fields() | {"dbname": name}
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server: Postgres, statement: str) -> None:
    fields = server.fields() | {"dbname": "postgres"}
    with closing(psycopg2.connect(user=fields.pop("username"), **fields)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)

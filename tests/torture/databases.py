"""A Postgres server for the whole torture; a migrated database of its own for each run."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from local.postgres import Postgres
from microbatch.platform.database import Database
from microbatch.platform.migration import migrate

MIGRATIONS = Path(__file__).parents[2] / "layers/shared/python/microbatch/migrations"
TEMPLATE = "migrated"

# Else rows may lie in another order the second time, and be found in another order.
LEAVE_ALONE = """
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE %I SET (autovacuum_enabled = false)', name);
    END LOOP;
END $$
"""


@contextmanager
def server() -> Iterator[dict[str, Any]]:
    """A server with the database `migrated`, gone afterwards; its connection fields."""
    folder = Path(tempfile.mkdtemp(prefix="microbatch-torture-"))
    postgres = Postgres(folder, fsync=False, dbname=TEMPLATE)
    try:
        postgres.start()
        with closing(Database(lambda _fresh: postgres.fields())) as database:
            migrate(database, MIGRATIONS)
        yield postgres.fields()
    finally:
        postgres.stop()
        shutil.rmtree(folder)


@contextmanager
def fresh(server_fields: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """A database of this name, as `migrated` is, gone afterwards; its connection fields."""
    _administer(server_fields, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    try:
        fields = {**server_fields, "dbname": name}
        with closing(Database(lambda _fresh: fields)) as database, database.transaction() as tx:
            tx.execute(LEAVE_ALONE)
        yield fields
    finally:
        _administer(server_fields, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(server_fields: Mapping[str, Any], statement: str) -> None:
    fields = {**server_fields, "dbname": "postgres"}
    with closing(psycopg2.connect(user=fields.pop("username"), **fields)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)

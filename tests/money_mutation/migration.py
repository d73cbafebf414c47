"""Bringing the schema to the server of all runs; imported in a child only, as the package is."""

import json
import os
from contextlib import closing

from microbatch.platform.database import Database
from microbatch.platform.migration import migrate
from tests.money_mutation import child


def migrate_server() -> None:
    """Apply every migration to the template of the tests' databases."""
    fields = json.loads(os.environ[child.SERVER])
    with closing(Database(lambda _fresh: fields)) as database:
        migrate(database, child.PACKAGE / "migrations")

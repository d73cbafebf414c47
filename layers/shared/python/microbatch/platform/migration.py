"""The schema's migrations, and who may log in to it."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from microbatch.errors import ConfigurationError
from microbatch.platform.database import LOCK_SECONDS, Database, Transaction
from microbatch.platform.observability import logger

MIGRATION_LOCK = 0x6D6963726F  # any number, as long as it is ours alone
MIGRATION_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
ROLES = frozenset({"microbatch_ledger", "microbatch_vault"})  # what the zones log in as


def migrate(database: Database, directory: Path) -> list[str]:
    """Applies the numbered *.sql files that are not applied yet, in order; their names.

    Each file has its own transaction. Raises ConfigurationError when a file that was applied is
    missing or changed, or a new one stands before it. A schema that is ahead of our files is left
    alone: a deployment that fails goes back to the code before it, and the schema stays. Several
    migrators may run at once.
    """
    files = _migration_files(directory)
    applied = []
    for name in files:
        # the lock and the check are taken for every file anew, so none is applied twice
        with database.transaction() as transaction:
            if _apply(transaction, name, files):
                applied.append(name)
    return applied


def _migration_files(directory: Path) -> dict[str, str]:
    """The text of each file by name, in order."""
    if not directory.is_dir():
        raise ConfigurationError(f"no folder of migrations at {directory.name}")
    names = sorted(path.name for path in directory.glob("*.sql"))
    if not names:
        raise ConfigurationError(f"no migration in {directory.name}")
    numbers = [match[1] for name in names if (match := MIGRATION_NAME.fullmatch(name))]
    if len(numbers) != len(names):
        raise ConfigurationError("a migration is not named like 0001_what_it_does.sql")
    if len(set(numbers)) != len(numbers):
        raise ConfigurationError("two migrations have the same number")
    return {name: (directory / name).read_text(encoding="utf-8") for name in names}


def _apply(transaction: Transaction, name: str, files: Mapping[str, str]) -> bool:
    """Whether the file was not applied before and is now."""
    transaction.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
    transaction.execute("SELECT pg_advisory_xact_lock(%(lock)s)", lock=MIGRATION_LOCK)
    # another migrator may take its time, a table's user may not: everybody queues behind the DDL
    transaction.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    transaction.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    rows = transaction.all("SELECT name, checksum FROM schema_migrations ORDER BY name")
    for row in rows:
        if row["name"] > max(files):
            logger.warning("schema_is_ahead", migration=row["name"])
            continue
        if row["name"] not in files:
            raise ConfigurationError(f"migration {row['name']} was applied and is missing")
        if row["checksum"] != _checksum(files[row["name"]]):
            raise ConfigurationError(f"migration {row['name']} was changed after it was applied")
    if any(row["name"] == name for row in rows):
        return False
    if rows and name < rows[-1]["name"]:
        raise ConfigurationError(f"migration {name} is new, but stands before {rows[-1]['name']}")
    transaction.execute(files[name])
    transaction.execute(
        "INSERT INTO schema_migrations (name, checksum) VALUES (%(name)s, %(checksum)s)",
        name=name,
        checksum=_checksum(files[name]),
    )
    return True


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def admit(database: Database, logins: Iterable[Mapping[str, Any]]) -> None:
    """Let the zones' roles log in with these passwords, and no longer with another.

    A login is the fields of its secret. Connections that are open stay open. Raises
    ConfigurationError for a user who is no zone's.
    """
    for login in logins:
        role = str(login["username"])
        if role not in ROLES:
            raise ConfigurationError(f"{role} is not the login of a zone")
        with database.transaction() as transaction:
            verifier = transaction.password_verifier(role, str(login["password"]))
            transaction.execute(f"ALTER ROLE {role} LOGIN PASSWORD %(verifier)s", verifier=verifier)

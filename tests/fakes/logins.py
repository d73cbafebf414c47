"""Who functions are for the database: a login for each zone, as the migrator makes it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cdk.stages import BY_NAME, DATABASE_LOGINS
from microbatch.platform.database import Database, Transaction

Fields = dict[str, Any]


def login(fields: Mapping[str, Any], zone: str) -> Fields:
    """What a zone's functions connect with to the server of these fields."""
    return {**fields, "username": f"microbatch_{zone}", "password": f"password of {zone}"}


def logins(fields: Mapping[str, Any]) -> dict[str, Fields]:
    """Name of its secret → login, of every zone."""
    return {name: login(fields, zone) for zone, name in DATABASE_LOGINS.items()}


@contextmanager
def transaction_of(stage: str, database: Database) -> Iterator[Transaction]:
    """A transaction with the rights of the stage's zone, on the owner's connection."""
    with database.transaction() as tx:
        tx.execute(f"SET LOCAL ROLE microbatch_{BY_NAME[stage].zone}")
        yield tx

"""Asking an act of rows that are taken back: for tests of what an operator is shown."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from microbatch.operations.acts import perform
from microbatch.platform.database import Database, Transaction
from tests.fakes.pipeline import Pipeline
from tests.integration.standing import LATER


class Undone(Exception):
    """Takes a test's rows back."""


@contextmanager
def undone(database: Database) -> Iterator[Transaction]:
    """A transaction that is rolled back."""
    with suppress(Undone), database.transaction() as tx:
        yield tx
        raise Undone


def look(tx: Transaction, act: str, now: datetime = LATER, **fields: Any) -> dict[str, Any]:
    """What an act answers that looks: JSON, and no message."""
    request = {"act": act, **fields}
    result, outgoing = perform(request, tx, now, Pipeline(Database(dict)).surroundings)
    assert outgoing == []
    json.dumps(result, allow_nan=False)  # as Lambda does
    return result


def why(tx: Transaction, text: str, **more: Any) -> dict[str, Any]:
    """What is said of an id."""
    return look(tx, "why", id=text, **more)

"""What was notified never changes, and what is accepted is its own payment."""

from collections.abc import Iterator
from typing import Any

import psycopg2
import pytest

from microbatch.platform.database import Database, Transaction
from tests.integration.rows import NOW, insert


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction whose work nobody keeps."""
    with module_database.transaction() as tx, tx.savepoint() as point:
        yield tx
        point.rollback()


@pytest.mark.parametrize(
    "change",
    ["received_amount = '2'", "client_id = '8'", "notification = 'x'", "payment_id = '2'"],
)
def test_what_was_notified_never_changes(tx: Transaction, change: str) -> None:
    insert(tx, "held_payments")

    with pytest.raises(psycopg2.errors.CheckViolation, match="notified"), tx.savepoint():
        tx.execute(f"UPDATE held_payments SET {change}")
    with pytest.raises(psycopg2.errors.CheckViolation, match="deleted"), tx.savepoint():
        tx.execute("DELETE FROM held_payments")
    tx.execute("UPDATE held_payments SET reason = 'redeposit', detail = 'x', announced_state = 'y'")


ACCEPTED = {"state": "accepted", "decided_at": NOW, "decided_by": "me", "decided_why": "because"}


@pytest.mark.parametrize(
    ("payment", "belongs"),
    [({}, True), ({"fingerprint": b"g" * 32}, False), ({"client_id": "8"}, False), (None, False)],
)
def test_what_is_accepted_is_its_own_payment(
    tx: Transaction, payment: dict[str, Any] | None, belongs: bool
) -> None:
    insert(tx, "clients")
    insert(tx, "clients", client_id="8")
    insert(tx, "held_payments", **ACCEPTED)
    if payment is not None:
        insert(tx, "payments", **payment)

    if belongs:
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return
    with pytest.raises(psycopg2.IntegrityError), tx.savepoint():
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_one_version_of_an_id_is_accepted(tx: Transaction) -> None:
    insert(tx, "held_payments", **ACCEPTED)
    with pytest.raises(psycopg2.errors.UniqueViolation, match="one_accepted"), tx.savepoint():
        insert(tx, "held_payments", fingerprint=b"g" * 32, **ACCEPTED)

"""What an error in a transaction shows, and what is left of one that is cut off as it begins."""

import traceback
from typing import Any

import psycopg2
import pytest

from microbatch.platform.database import Database


def test_an_error_quotes_no_row(database: Database) -> None:
    with pytest.raises(psycopg2.errors.NotNullViolation) as raised, database.transaction() as tx:
        tx.execute(
            "INSERT INTO held_payments (payment_id, notification) VALUES ('1', %(notification)s)",
            notification=b"whose it is",
        )

    shown = "".join(traceback.format_exception(raised.value))
    assert b"whose it is".hex() in str(raised.value.diag.message_detail)
    assert "violates not-null constraint" in shown
    assert b"whose it is".hex() not in shown


def test_what_is_cut_off_as_it_begins_leaves_no_transaction_behind(database: Database) -> None:
    class CutOff(BaseException):
        pass

    class Cursor(psycopg2.extensions.cursor):
        def fetchall(self) -> Any:
            raise CutOff

    with database.transaction():
        pass
    connection = database._connection
    assert connection is not None
    connection.cursor_factory = Cursor  # type: ignore[assignment]
    with pytest.raises(CutOff), database.transaction():
        pass

    with database.transaction() as after:
        assert after.one("SELECT now() AS now") == {"now": after.began_at}
    assert database._connection is not connection

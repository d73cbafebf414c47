"""What waits for a person: the same numbers for everybody who asks."""

from datetime import timedelta
from decimal import Decimal

import pytest

from microbatch.operations.parked import Parked, parked
from microbatch.platform.database import Database
from tests.integration.rows import COMPLETE, NOW, insert

ETH = 10**18


@pytest.fixture
def books(database: Database) -> Database:
    """Two parked payments of one reason, one of another, a payout, a batch, a held notice."""
    hour = timedelta(hours=1)
    with database.transaction() as tx:
        insert(tx, "clients")
        for number, (reason, since) in enumerate(
            [
                ("rejected: exchange_expired", NOW),
                ("exchange_expired", NOW - hour),
                ("deposit_too_small: 5 < 6", NOW),
            ]
        ):
            insert(
                tx, "payments", payment_id=str(number), state="parked", park_reason=reason,
                state_since=since, net_usd=Decimal("1.25"),
            )  # fmt: skip
        insert(tx, "payments", payment_id="fine", state="pending")
        insert(tx, "batches", state="parked", reason="payout_shared_with_another_swap")
        insert(
            tx, "payouts", state="released", reason="refunded", context="threshold",
        )  # fmt: skip
        insert(tx, "held_payments", payment_id="9", reason="conflict")
        insert(
            tx, "held_payments", payment_id="8", state="rejected", reason="redeposit",
            **COMPLETE["held_payments"],
        )  # fmt: skip
    return database


def test_what_is_parked_or_held_is_summed_by_table_and_reason(books: Database) -> None:
    with books.transaction() as tx:
        found = {(each.entity, each.reason): each for each in parked(tx)}
    assert set(found) == {
        ("payments", "exchange_expired"),
        ("payments", "deposit_too_small"),
        ("batches", "payout_shared_with_another_swap"),
        ("held_payments", "conflict"),
    }
    assert found["payments", "exchange_expired"] == Parked(
        entity="payments",
        reason="exchange_expired",
        rows_count=2,
        wei=194,
        microusdt=0,
        usd=Decimal("2.5"),
        oldest_since=NOW - timedelta(hours=1),
    )
    assert found["batches", "payout_shared_with_another_swap"].wei == 97
    assert found["held_payments", "conflict"].rows_count == 1


def test_it_is_shown_without_a_rounding(books: Database) -> None:
    with books.transaction() as tx:
        tx.execute(
            "UPDATE payments SET received_wei = %(wei)s, net_wei = %(wei)s - fee_wei"
            " WHERE payment_id = '2'",
            wei=123 * ETH + 1,
        )
        (shown,) = [each.shown() for each in parked(tx) if each.reason == "deposit_too_small"]
    assert shown == {
        "entity": "payments",
        "reason": "deposit_too_small",
        "rows_count": 1,
        "wei": str(123 * ETH + 1 - 3),
        "microusdt": "0",
        "usd": "1.25",
        "oldest_since": NOW.isoformat(),
    }

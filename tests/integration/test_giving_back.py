"""What a batch's payments get back when it comes to nothing: themselves, or what is left."""

from typing import Any

import pytest

from microbatch.conversion import sharing_store
from microbatch.money import Wei, split_pro_rata
from microbatch.platform.database import Database, Transaction
from tests.integration.rows import BATCH, NOW, OTHER_BATCH, insert
from tests.integration.test_distribution import undone

PAYMENTS = "SELECT * FROM payments ORDER BY payment_id"
MAX_ATTEMPTS = 5


def swapping(tx: Transaction, payment_id: str, **changed: Any) -> None:
    """A payment of the batch, on its way."""
    insert(tx, "payments", payment_id=payment_id, state="swapping", batch_id=BATCH, **changed)


def beside(tx: Transaction) -> None:
    """Payments that are not this batch's to give back."""
    insert(tx, "batches", batch_id=OTHER_BATCH)
    insert(tx, "payments", payment_id="pending")
    insert(tx, "payments", payment_id="theirs", state="swapping", batch_id=OTHER_BATCH)
    insert(
        tx, "payments", payment_id="was parked", state="parked", batch_id=BATCH,
        park_reason="long ago", attempts=5,
    )  # fmt: skip


def by_id(tx: Transaction) -> dict[str, dict[str, Any]]:
    return {row["payment_id"]: row for row in tx.all(PAYMENTS)}


def released(tx: Transaction, *, counts: bool) -> int:
    return sharing_store.release_payments(
        tx, BATCH, max_attempts=MAX_ATTEMPTS, counts=counts, reason="exchange_failed", now=NOW
    )


@pytest.mark.parametrize(
    ("attempts", "counts", "after", "state"),
    [
        (0, True, 1, "pending"),
        (3, True, 4, "pending"),
        (4, True, 5, "parked"),  # the fifth time
        (4, False, 4, "pending"),  # nobody's fault: not counted
        (5, False, 5, "parked"),
    ],
)
def test_a_released_payment_is_pending_again_or_parked_the_fifth_time(
    module_database: Database, attempts: int, counts: bool, after: int, state: str
) -> None:
    with undone(module_database) as tx:
        swapping(tx, "1", attempts=attempts, state_since=NOW.replace(year=2025))
        assert released(tx, counts=counts) == 1
        row = by_id(tx)["1"]

    assert (row["state"], row["attempts"], row["state_since"]) == (state, after, NOW)
    parked = state == "parked"
    assert row["park_reason"] == ("exchange_failed" if parked else None)
    assert row["batch_id"] == (BATCH if parked else None)
    assert row["refund_loss_wei"] == 0


def test_only_the_rows_that_are_being_swapped_in_this_batch_are_released(
    module_database: Database,
) -> None:
    with undone(module_database) as tx:
        beside(tx)
        before = by_id(tx)
        swapping(tx, "mine")
        assert released(tx, counts=True) == 1
        after = by_id(tx)

    assert after.pop("mine")["state"] == "pending"
    assert after == before


def given_back(tx: Transaction, came_back: int, weights: list[int]) -> list[dict[str, Any]]:
    for number, weight in enumerate(weights):
        swapping(tx, f"{number:03}", received_wei=weight, fee_wei=0, net_wei=weight)
    changed = sharing_store.give_back(
        tx, BATCH, Wei(came_back), max_attempts=MAX_ATTEMPTS, reason="refund", now=NOW
    )
    assert changed == len(weights)
    return tx.all(PAYMENTS)


@pytest.mark.parametrize(
    ("came_back", "weights"),
    [
        (1000, [1000]),
        (999, [700, 200, 100]),
        (7, [10, 20, 30]),
        (10**18 - 21_000, [10**18 // 3, 10**18 // 3 + 1, 10**18 // 3]),
        (60, [10, 20, 30]),
    ],
)
def test_what_came_back_is_split_to_the_unit_and_what_is_missing_is_their_loss(
    module_database: Database, came_back: int, weights: list[int]
) -> None:
    with undone(module_database) as tx:
        rows = given_back(tx, came_back, weights)

    kept = [int(row["convertible_wei"]) for row in rows]
    assert kept == split_pro_rata(came_back, weights)
    assert [int(row["refund_loss_wei"]) for row in rows] == [
        weight - left for weight, left in zip(weights, kept, strict=True)
    ]
    assert sum(kept) == came_back
    assert {row["attempts"] for row in rows} == {1}
    assert {row["state_since"] for row in rows} == {NOW}


def test_a_payment_that_nothing_is_left_of_is_parked_and_the_others_are_pending(
    module_database: Database,
) -> None:
    with undone(module_database) as tx:
        rows = given_back(tx, 10, [1, 99])

    assert [row["state"] for row in rows] == ["parked", "pending"]
    assert [row["park_reason"] for row in rows] == ["refund", None]
    assert [row["batch_id"] for row in rows] == [BATCH, None]


@pytest.mark.parametrize(("attempts", "state"), [(3, "pending"), (4, "parked")])
def test_a_refund_counts_as_an_attempt(
    module_database: Database, attempts: int, state: str
) -> None:
    with undone(module_database) as tx:
        swapping(tx, "1", attempts=attempts)
        sharing_store.give_back(
            tx, BATCH, Wei(90), max_attempts=MAX_ATTEMPTS, reason="refund", now=NOW
        )
        row = by_id(tx)["1"]

    assert (row["state"], row["attempts"]) == (state, attempts + 1)
    assert row["convertible_wei"] == 90


def test_a_second_refund_adds_to_the_loss_of_the_first(module_database: Database) -> None:
    with undone(module_database) as tx:
        swapping(tx, "1", refund_loss_wei=17)  # 97 net, 80 left
        sharing_store.give_back(
            tx, BATCH, Wei(75), max_attempts=MAX_ATTEMPTS, reason="refund", now=NOW
        )
        row = by_id(tx)["1"]

    assert (row["refund_loss_wei"], row["convertible_wei"]) == (22, 75)


def test_a_refund_goes_to_the_rows_that_were_swapped_in_this_batch_only(
    module_database: Database,
) -> None:
    with undone(module_database) as tx:
        beside(tx)
        before = by_id(tx)
        swapping(tx, "mine")
        changed = sharing_store.give_back(
            tx, BATCH, Wei(96), max_attempts=MAX_ATTEMPTS, reason="refund", now=NOW
        )
        after = by_id(tx)

    assert changed == 1
    assert after.pop("mine")["convertible_wei"] == 96
    assert after == before


def test_the_parked_of_a_batch_are_counted(module_database: Database) -> None:
    with undone(module_database) as tx:
        beside(tx)
        swapping(tx, "on its way")
        found = sharing_store.parked(tx, BATCH), sharing_store.parked(tx, OTHER_BATCH)

    assert found == (1, 0)


def test_what_was_shared_out_is_the_sum_over_the_converted_rows_of_the_batch(
    module_database: Database,
) -> None:
    with undone(module_database) as tx:
        beside(tx)
        nothing = sharing_store.shared_out(tx, BATCH)
        for payment_id, share in (("1", 18), ("2", 24)):
            insert(
                tx, "payments", payment_id=payment_id, state="converted", batch_id=BATCH,
                share_microusdt=share,
            )  # fmt: skip
        swapping(tx, "on its way")
        found = sharing_store.shared_out(tx, BATCH)

    assert {name: int(value) for name, value in nothing.items()} == {
        "payments_count": 0, "microusdt": 0, "net_wei": 0,
    }  # fmt: skip
    assert {name: int(value) for name, value in found.items()} == {
        "payments_count": 2, "microusdt": 42, "net_wei": 194,
    }  # fmt: skip

"""Shares made by the database are the shares made by hand, to the unit."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from microbatch.conversion import sharing_store
from microbatch.money import MicroUsdt, split_pro_rata
from microbatch.platform.database import Database, Transaction
from tests.integration.rows import BATCH, NOW, insert


@contextmanager
def undone(database: Database) -> Iterator[Transaction]:
    """A transaction with a client and a batch, of which nothing stays."""
    with database.transaction() as tx, tx.savepoint() as point:
        insert(tx, "clients")
        insert(tx, "batches")
        yield tx
        point.rollback()


def distributed(tx: Transaction, total: int, weights: Sequence[int]) -> list[int]:
    """The shares of payments with these net wei, in the order of their ids."""
    for number, weight in enumerate(weights):
        insert(
            tx,
            "payments",
            payment_id=f"{number:06}",
            state="swapping",
            batch_id=BATCH,
            received_wei=weight + 1,
            fee_wei=1,
            net_wei=weight,
        )
    assert sharing_store.distribute(tx, BATCH, MicroUsdt(total), NOW) == len(weights)
    rows = tx.all("SELECT share_microusdt AS share FROM payments ORDER BY payment_id")
    return [int(row["share"]) for row in rows]


CASES = [
    (18_373_221, [97]),
    (1, [10**18]),
    (1, [1] * 1000),
    (1, [0] * 999 + [1]),
    (999, [1] * 1000),
    (10**15, [0, 1, 0, 10**30, 3, 0]),
    (7, [2, 3, 5]),
    (10**37, [10**50, 10**50 + 1, 1]),
]


@pytest.mark.parametrize(("total", "weights"), CASES)
def test_the_shares_are_those_of_the_formula(
    module_database: Database, total: int, weights: list[int]
) -> None:
    with undone(module_database) as tx:
        shares = distributed(tx, total, weights)

    assert shares == split_pro_rata(total, weights)
    assert sum(shares) == total


def test_the_shares_of_random_batches_are_those_of_the_formula(module_database: Database) -> None:
    chance = random.Random(20_261_122)
    for _ in range(60):
        weights = [
            chance.randrange(10 ** chance.randrange(1, 24)) for _ in range(chance.randrange(1, 40))
        ]
        weights.append(chance.randrange(1, 10**18))
        total = chance.randrange(1, 10 ** chance.randrange(1, 16))
        with undone(module_database) as tx:
            assert distributed(tx, total, weights) == split_pro_rata(total, weights)


def test_the_order_is_that_of_the_ids_bytes(module_database: Database) -> None:
    ids = ["B", "a", "10", "9", "_", "A-1", "\N{LATIN SMALL LETTER E WITH ACUTE}"]
    with undone(module_database) as tx:
        for weight, payment_id in enumerate(ids, 1):
            insert(
                tx, "payments", payment_id=payment_id, state="swapping", batch_id=BATCH,
                received_wei=weight, fee_wei=0, net_wei=weight,
            )  # fmt: skip
        sharing_store.distribute(tx, BATCH, MicroUsdt(11), NOW)
        rows = tx.all("SELECT payment_id, share_microusdt AS share FROM payments")
    in_order = sorted(ids, key=str.encode)

    shares = {row["payment_id"]: int(row["share"]) for row in rows}

    weights = [ids.index(payment_id) + 1 for payment_id in in_order]
    assert [shares[payment_id] for payment_id in in_order] == split_pro_rata(11, weights)


def test_only_the_rows_that_are_being_swapped_in_this_batch_get_a_share(
    module_database: Database,
) -> None:
    with undone(module_database) as tx:
        insert(tx, "payments", payment_id="waits")
        insert(
            tx, "payments", payment_id="stands aside", state="parked", batch_id=BATCH,
            park_reason="tried too often",
        )  # fmt: skip
        insert(tx, "payments", payment_id="is swapped", state="swapping", batch_id=BATCH)
        assert sharing_store.distribute(tx, BATCH, MicroUsdt(5), NOW) == 1
        rows = tx.all("SELECT payment_id FROM payments WHERE share_microusdt IS NOT NULL")

    assert rows == [{"payment_id": "is swapped"}]


def test_what_an_earlier_refund_kept_does_not_weigh(module_database: Database) -> None:
    with undone(module_database) as tx:
        for payment_id, loss in (("1", 0), ("2", 96), ("3", 97)):
            insert(
                tx, "payments", payment_id=payment_id, state="swapping", batch_id=BATCH,
                refund_loss_wei=loss,
            )  # fmt: skip
        sharing_store.distribute(tx, BATCH, MicroUsdt(1000), NOW)
        rows = tx.all("SELECT share_microusdt AS share FROM payments ORDER BY payment_id")

    assert [int(row["share"]) for row in rows] == split_pro_rata(1000, [97, 1, 0])

"""Somebody else signs with our key, or our books are older than the chain."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from local.chain_proxy import FOR_EVER
from local.postgres import Postgres
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.hostile.outsider import assert_frozen_and_parked, spend, wallet_of
from tests.hostile.world import World


def sent(world: World) -> set[str]:
    """The hashes of all bytes that ever left."""
    return {each.tx_hash for each in world.proxy.transactions(world.wallet)}


def assert_nothing_more_is_signed(world: World) -> None:
    """Another payment comes, an hour passes: no bytes, no nonce."""
    attempts, left = world.attempts(), sent(world)
    world.order("0.07")
    world.live(15, seconds=240)
    assert [row["tx_hash"] for row in world.attempts()] == [row["tx_hash"] for row in attempts]
    assert sent(world) == left
    newest = world.rows("SELECT * FROM transfers ORDER BY created_at DESC LIMIT 1")[0]
    assert newest["nonce"] is None


# --- S22: our key at our nonce --------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False], ids=["before_our_bytes", "instead_of_ours"])
def test_a_foreign_transaction_on_our_nonce_freezes_the_wallet_and_parks_the_transfer(
    world: World, first: bool
) -> None:
    """S22."""
    world.order()
    transfer = world.until("signed" if first else "broadcast")
    foreign_hash = spend(world, transfer["nonce"])
    world.live(20)
    assert_frozen_and_parked(world, transfer["unique_id"], foreign_hash)
    assert world.received(transfer["to_address"]) == 0
    assert_nothing_more_is_signed(world)
    (payment,) = world.rows("SELECT state FROM payments ORDER BY payment_id LIMIT 1")
    assert payment["state"] == "swapping", "its money is bound until a person has looked"
    assert world.received(transfer["to_address"]) == 0
    assert world.count() == 1
    world.assert_books_agree()


def test_a_foreign_transaction_that_pays_our_payee_is_never_followed_by_ours(world: World) -> None:
    """S22: the payee has the amount, by bytes that are not in the books; a person decides."""
    world.order()
    transfer = world.until("broadcast")
    amount = int(transfer["amount_units"])
    foreign_hash = spend(world, transfer["nonce"], to=transfer["to_address"], value_wei=amount)
    world.live(20)
    assert_frozen_and_parked(world, transfer["unique_id"], foreign_hash)
    assert_nothing_more_is_signed(world)
    assert world.received(transfer["to_address"]) == amount
    world.assert_books_agree()


@pytest.mark.parametrize("mined", [True, False], ids=["mined", "pending"])
def test_a_foreign_transaction_on_the_next_nonce_freezes_before_anything_is_signed(
    world: World, mined: bool
) -> None:
    """S22."""
    world.order()
    world.until("confirmed")
    spend(world, 1)
    if mined:
        world.chain.mine(2)
    world.order("0.06")
    world.chain.mining = False
    world.live(8)
    assert wallet_of(world) == ("frozen", "nonces_are_not_ours: the chain has 2, we gave out 1")
    assert len(world.attempts()) == 1
    world.chain.mining = True
    assert_nothing_more_is_signed(world)
    world.assert_books_agree()


def test_transfers_behind_the_foreign_transaction_are_paid_all_the_same(world: World) -> None:
    """S22: their bytes were out before, on nonces of their own."""
    world.chain.mining = False
    for eth in ("0.05", "0.06", "0.07"):
        world.order(eth)
    world.settle()
    first, *others = world.transfers()
    assert [row["nonce"] for row in (first, *others)] == [0, 1, 2]
    foreign_hash = spend(world, 0)
    world.chain.mining = True
    world.live(30)
    assert_frozen_and_parked(world, first["unique_id"], foreign_hash)
    for row in others:
        assert world.received(row["to_address"]) == int(row["amount_units"])
    assert [row["state"] for row in world.transfers()] == ["parked", "confirmed", "confirmed"]
    world.assert_books_agree()


# --- S23: our books are older than the chain ------------------------------------------------------


class Snapshots:
    """The world's database as it was; `restore` puts it back, the chain and the queues go on."""

    def __init__(self, server: Postgres, fields: dict[str, Any], world: World) -> None:
        self._server, self._fields, self._world = server, fields, world
        self.name = f"{fields['dbname']}_older"
        self.older = Database(lambda _fresh: fields | {"dbname": self.name})

    def take(self) -> None:
        self._world.database.close()
        self.administer(f"CREATE DATABASE {self.name} TEMPLATE {self._fields['dbname']}")

    def restore(self) -> None:
        self._world.database.close()
        self._world.database = self.older

    def administer(self, statement: str) -> None:
        fields = self._server.fields() | {"dbname": "postgres"}
        with closing(psycopg2.connect(user=fields.pop("username"), **fields)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


@pytest.fixture
def snapshots(
    postgres: Postgres, database_fields: dict[str, Any], world: World
) -> Iterator[Snapshots]:
    """A database's older copy, gone afterwards."""
    snapshots = Snapshots(postgres, database_fields, world)
    yield snapshots
    snapshots.older.close()
    snapshots.administer(f"DROP DATABASE IF EXISTS {snapshots.name} WITH (FORCE)")


def test_restored_books_that_lack_a_nonce_freeze_the_wallet_before_anything_is_signed(
    world: World, snapshots: Snapshots
) -> None:
    """S23: the second transfer is paid, and then we know nothing of it."""
    world.order()
    world.until("confirmed")
    world.order("0.06")
    second = world.until("approved")
    snapshots.take()
    world.until("confirmed")
    left = sent(world)
    snapshots.restore()
    world.live(25, seconds=30)
    assert world.until("approved")["nonce"] is None
    assert wallet_of(world) == ("frozen", "nonces_are_not_ours: the chain has 2, we gave out 1")
    assert_nothing_more_is_signed(world)
    assert sent(world) == left
    assert world.received(second["to_address"]) == int(second["amount_units"])
    assert world.count() == 2
    assert broken_invariants(world.database) == []


def test_restored_books_that_never_heard_of_a_payment_freeze_at_the_next_approval(
    world: World, snapshots: Snapshots
) -> None:
    """S23."""
    world.order()
    world.until("confirmed")
    world.live(4)
    snapshots.take()
    world.order("0.06")
    world.until("requested")
    paid = world.until("confirmed")
    snapshots.restore()
    world.queue.clear()
    world.later.clear()
    assert_nothing_more_is_signed(world)
    assert wallet_of(world) == ("frozen", "nonces_are_not_ours: the chain has 2, we gave out 1")
    assert world.received(paid["to_address"]) == int(paid["amount_units"])
    assert broken_invariants(world.database) == []


def test_restored_books_that_do_not_know_the_wallet_do_not_begin_again_with_it(
    world: World, snapshots: Snapshots
) -> None:
    """S23: the copy is from before the first payment, and the wallet's count is not declared."""
    snapshots.take()
    world.order()
    paid = world.until("confirmed")
    left = sent(world)
    snapshots.restore()
    world.queue.clear()
    world.later.clear()
    world.order()
    world.live(25, seconds=30)
    (transfer,) = world.transfers()
    assert (transfer["nonce"], world.attempts()) == (None, [])
    assert world.rows("SELECT * FROM wallets") == []
    assert_nothing_more_is_signed(world)
    assert sent(world) == left
    assert world.received(paid["to_address"]) == int(paid["amount_units"])
    assert world.count() == 1
    assert broken_invariants(world.database) == []


def test_restored_books_that_have_the_bytes_find_them_mined(
    world: World, snapshots: Snapshots
) -> None:
    """S23: what was committed before it left is found again by its hash."""
    world.order()
    world.until("signed")
    snapshots.take()
    world.until("confirmed")
    snapshots.restore()
    world.live(30)
    world.assert_all_paid_once()


def test_restored_books_that_lack_the_bump_that_was_mined_freeze_and_park(
    world: World, snapshots: Snapshots
) -> None:
    """S23: the payee has the money by a hash that the books have lost."""
    world.order()
    transfer = world.until("broadcast")
    snapshots.take()
    world.anvil.rpc("anvil_dropTransaction", world.attempts()[0]["tx_hash"])
    lost = world.proxy.fault("false_success", times=FOR_EVER)
    while len(world.attempts()) < 2 or world.attempts()[-1]["tx_hash"] is None:
        world.live(1)
    world.proxy.lift(lost)
    mined_hash = world.until("confirmed")["tx_hash"]
    snapshots.restore()
    assert [row["tx_hash"] for row in world.attempts()] != [mined_hash]
    world.live(30)
    assert_frozen_and_parked(world, transfer["unique_id"], mined_hash)
    assert_nothing_more_is_signed(world)
    assert world.received(transfer["to_address"]) == int(transfer["amount_units"])
    assert world.count() == 1
    assert broken_invariants(world.database) == []

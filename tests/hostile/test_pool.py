"""The node's pool forgets, is full or finds too little money: the same bytes go again, in order."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local.chain_proxy import FOR_EVER, Incoming
from tests.fakes.pipeline import ETH
from tests.hostile.world import World

SEND = "eth_sendRawTransaction"
WINDOW = 16


@pytest.fixture(autouse=True)
def patient(world: World) -> None:
    """No dearer bytes follow: these scenarios are about the ones that are signed."""
    policy = world.hostpay_policy
    limits = replace(policy.limits, bump_after_blocks=10_000)
    world.hostpay_policy = replace(policy, limits=limits)


def pending(world: World) -> list[int]:
    """The wallet's nonces that the real node could mine now."""
    pool = world.anvil.rpc("txpool_content")["pending"]
    mine = [found for sender, found in pool.items() if sender.lower() == world.wallet]
    return sorted(int(nonce) for found in mine for nonce in found)


def out(world: World, transfers: int) -> list[dict[str, Any]]:
    """So many transfers wait in the node's pool, and no block is mined."""
    world.chain.mining = False  # type: ignore[attr-defined]
    for _ in range(transfers):
        world.order()
    world.live(20)
    assert [row["state"] for row in world.transfers()] == ["broadcast"] * transfers
    assert pending(world) == list(range(transfers))
    return world.attempts()


def mine_again(world: World) -> None:
    world.chain.mining = True  # type: ignore[attr-defined]


def in_flight(world: World) -> list[int]:
    rows = world.transfers()
    return [row["nonce"] for row in rows if row["state"] in ("signed", "broadcast")]


def assert_same_bytes(world: World, attempts: list[dict[str, Any]]) -> None:
    """No others were signed than these, and none but these were sent."""
    hashes = [row["tx_hash"] for row in attempts]
    assert [row["tx_hash"] for row in world.attempts()] == hashes
    assert {each.tx_hash for each in world.proxy.transactions(world.wallet)} == set(hashes)


def assert_mined_in_order(world: World) -> None:
    blocks = [row["block_number"] for row in world.transfers()]
    assert blocks == sorted(blocks)


# --- S16: forgotten -------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 2])
def test_a_forgotten_transaction_is_sent_again_and_the_ones_behind_it_are_mined_after_it(
    world: World, place: int
) -> None:
    """S16. The node keeps those behind the gap: they are of no use without it."""
    attempts = out(world, 6)
    world.anvil.rpc("anvil_dropTransaction", attempts[place]["tx_hash"])
    for row in attempts[place + 1 :]:  # this node forgets them too; another would not
        world.anvil.rpc(SEND, "0x" + bytes(row["raw_transaction"]).hex())
    assert pending(world) == list(range(place))
    world.anvil.rpc("anvil_mine", "0x1")
    assert world.count() == place, "nothing behind the gap can be mined"
    world.proxy.forget_calls()
    mine_again(world)
    world.live(40)
    world.assert_all_paid_once()
    assert_mined_in_order(world)
    assert_same_bytes(world, attempts)
    again = [call.tx_hash for call in world.proxy.calls(SEND) if call.error is None]
    assert attempts[place]["tx_hash"] in again


def test_a_pool_that_forgets_everything_is_filled_again(world: World) -> None:
    """S16. As after a restart of the node."""
    attempts = out(world, 6)
    world.anvil.rpc("anvil_dropAllTransactions")
    assert pending(world) == []
    mine_again(world)
    world.live(40)
    world.assert_all_paid_once()
    assert_mined_in_order(world)
    assert_same_bytes(world, attempts)


# --- S17: no room ---------------------------------------------------------------------------------


def test_no_more_nonces_are_out_than_a_node_keeps_and_the_rest_waits(world: World) -> None:
    """S17."""
    world.chain.mining = False  # type: ignore[attr-defined]
    for number in range(20):
        world.order()
        if number % 5 == 4:
            world.live(2)
            assert len(in_flight(world)) <= WINDOW
    for _ in range(10):
        world.live(2)
        assert len(in_flight(world)) <= WINDOW
    assert in_flight(world) == list(range(WINDOW))
    assert pending(world) == list(range(WINDOW))
    waiting = [row for row in world.transfers() if row["nonce"] is None]
    assert len(waiting) == 20 - WINDOW
    assert {row["state"] for row in waiting} <= {"requested", "approved"}
    mine_again(world)
    for _ in range(30):
        world.live(2)
        assert len(in_flight(world)) <= WINDOW
    assert len(world.transfers()) == 20
    world.assert_all_paid_once()


@pytest.mark.parametrize("error", ["pool_full", "erigon_queued_pool_full", "account_limit"])
def test_what_finds_the_pool_full_is_sent_again_as_it_is(world: World, error: str) -> None:
    """S17. Nothing is forwarded until there is room."""
    full = world.proxy.fault("error", SEND, error=error, times=FOR_EVER)
    for _ in range(3):
        world.order()
    world.live(12)
    attempts = world.attempts()
    assert [row["nonce"] for row in attempts] == [0, 1, 2]
    assert {row["last_outcome"] for row in attempts} == {"pool_full"}
    assert world.count() == 0
    world.proxy.lift(full)
    world.live(40)
    world.assert_all_paid_once()
    assert_same_bytes(world, attempts)


def room(world: World) -> int | None:
    """How many nonces the books say that the pool takes; None: no limit was seen."""
    (row,) = world.rows("SELECT pool_room FROM wallets")
    return row["pool_room"]


def test_the_window_shrinks_when_the_pool_is_full_and_widens_with_what_is_mined(
    world: World,
) -> None:
    """S17. A node that keeps four of one sender: most that is signed would lie here unsent."""
    full = world.proxy.fault(
        "error", SEND, error="account_limit", times=FOR_EVER, when=beyond(world, 4)
    )
    for _ in range(12):
        world.order()
    most = 0
    rooms = set()
    for _ in range(40):
        world.live(1)
        rooms.add(room(world) if world.rows("SELECT 1 FROM wallets") else None)
        if len(rooms) > 2:  # it has shrunk twice, so it is below what was signed at first
            most = max(most, len(in_flight(world)))
    assert min(found for found in rooms if found) <= 6
    assert most <= WINDOW // 2
    world.proxy.lift(full)
    for _ in range(12):
        world.order()
    world.live(60)
    assert len(world.transfers()) == 24
    world.assert_all_paid_once()
    assert room(world) is None, "all that was learned of the full pool is forgotten by now"


def beyond(world: World, kept: int) -> Callable[[Incoming], bool]:
    """Of bytes for which a node has no room that keeps only so many of one sender."""

    def concerns(incoming: Incoming) -> bool:
        sent = incoming.transaction
        return sent is not None and sent.nonce >= world.count() + kept

    return concerns


def test_many_bytes_that_find_one_pool_full_shrink_the_window_once(world: World) -> None:
    """S17. They were all offered before anything could be learned."""
    world.chain.mining = False  # type: ignore[attr-defined]
    full = world.proxy.fault("error", SEND, error="pool_full", times=FOR_EVER)
    for _ in range(8):
        world.order()
    world.settle()
    assert len(in_flight(world)) == 8
    assert room(world) in (1, 2, 3, 4), "half of those that were out when it was seen"
    first = room(world)
    world.settle()
    assert room(world) == first
    world.live(30)
    assert room(world) == 1
    world.order()
    world.live(10)
    assert len(in_flight(world)) == 8, "nothing more is signed while there is no room"
    world.proxy.lift(full)
    mine_again(world)
    world.live(60)
    assert len(world.transfers()) == 9
    world.assert_all_paid_once()


# --- S18: too little money ------------------------------------------------------------------------


def test_when_funds_run_out_nothing_is_signed_until_there_are_more(world: World) -> None:
    """S18. What is out goes on; the others keep waiting, without a nonce."""
    world.anvil.rpc("anvil_setBalance", world.wallet, hex(ETH * 11 // 100))
    for _ in range(5):
        world.order()
    world.live(40)
    paid = [row for row in world.transfers() if row["nonce"] is not None]
    assert [(row["nonce"], row["state"]) for row in paid] == [(0, "confirmed"), (1, "confirmed")]
    assert len(world.attempts()) == 2
    assert world.rows("SELECT next_nonce FROM wallets") == [{"next_nonce": 2}]
    others = [row["state"] for row in world.transfers() if row["nonce"] is None]
    assert len(others) == 3
    assert set(others) <= {"requested", "approved"}
    world.assert_books_agree()
    world.fund(1)
    world.live(40)
    assert len(world.transfers()) == 5
    world.assert_all_paid_once()


@pytest.mark.parametrize("error", ["insufficient_funds_detailed", "besu_upfront_cost"])
def test_bytes_that_the_node_finds_unfunded_are_sent_again_as_they_are(
    world: World, error: str
) -> None:
    """S18. It says so of the second of three only; the third cannot be mined before it."""
    broke = world.proxy.fault("error", SEND, error=error, nonce=1, times=FOR_EVER)
    world.chain.mining = False  # type: ignore[attr-defined]
    for _ in range(3):
        world.order()
    world.live(12)
    attempts = world.attempts()
    assert [row["nonce"] for row in attempts] == [0, 1, 2]
    assert attempts[1]["last_outcome"] == "insufficient_funds"
    assert attempts[1]["sends"] > 1
    assert pending(world) == [0]
    world.proxy.lift(broke)
    mine_again(world)
    world.live(40)
    world.assert_all_paid_once()
    assert_mined_in_order(world)
    assert_same_bytes(world, attempts)


def test_bytes_whose_money_is_gone_from_the_wallet_are_mined_after_a_top_up(world: World) -> None:
    """S18. The real node refuses them: somebody took the money between signature and send."""
    unheard = world.proxy.fault("drop", SEND, times=FOR_EVER)
    world.order()
    world.order()
    world.live(8)
    attempts = world.attempts()
    assert [row["nonce"] for row in attempts] == [0, 1]
    world.anvil.rpc("anvil_setBalance", world.wallet, hex(ETH // 1000))
    world.proxy.lift(unheard)
    world.live(12)
    assert {row["last_outcome"] for row in world.attempts()} == {"insufficient_funds"}
    assert world.count() == 0
    world.fund(1)
    world.live(40)
    world.assert_all_paid_once()
    assert_same_bytes(world, attempts)

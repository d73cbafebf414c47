"""What is decided while nobody, or not everybody, says which blocks are final."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.anvil import Anvil
from local.chain_proxy import FOR_EVER, ChainProxy
from microbatch.vendors.ethereum.node import Node
from microbatch.vendors.ethereum.nodes import Nodes
from tests.hostile.outsider import assert_frozen_and_parked, spend, wallet_of
from tests.hostile.world import World

NO_FINALITY: dict[str, dict[str, Any]] = {
    "missing": {"kind": "unsupported_tag"},
    "stale": {"kind": "stale_tag", "block": 0},
}


@pytest.fixture
def second(anvil: Anvil, world: World) -> Iterator[ChainProxy]:
    """Another endpoint of the same chain; the world asks both from now on."""
    with ChainProxy(anvil.url) as second:
        world.node = Nodes([Node(world.proxy.url), Node(second.url)])  # type: ignore[assignment]
        yield second


def consumed(world: World) -> tuple[dict[str, Any], str]:
    """A transfer that is broadcast, whose nonce somebody else's transaction takes."""
    transfer = world.until("broadcast")
    foreign_hash = spend(world, transfer["nonce"])
    return transfer, foreign_hash


def test_without_a_finalized_block_nothing_is_signed(world: World) -> None:
    """S21."""
    world.proxy.fault("unsupported_tag", times=FOR_EVER)
    world.order()
    world.live(20)
    (transfer,) = world.transfers()
    assert (transfer["nonce"], world.attempts(), world.count()) == (None, [], 0)
    assert any("finalized" in text or "not found" in text for text in world.retried)
    world.proxy.clear()
    world.live(60)
    world.assert_all_paid_once()


@pytest.mark.parametrize("fault", NO_FINALITY)
def test_a_receipt_at_depth_confirms_without_any_finalized_block(world: World, fault: str) -> None:
    """S21: confirmation is a number of blocks; finality decides about lost nonces only."""
    world.order()
    world.until("broadcast")
    world.proxy.fault(**NO_FINALITY[fault], times=FOR_EVER)
    world.live(30)
    world.assert_all_paid_once()


@pytest.mark.parametrize("fault", NO_FINALITY)
def test_a_consumed_nonce_is_not_judged_before_its_block_is_final(world: World, fault: str) -> None:
    """S21: no foreign verdict without evidence; with it, at once."""
    world.order()
    transfer, foreign_hash = consumed(world)
    world.proxy.fault(**NO_FINALITY[fault], times=FOR_EVER)
    world.live(40)
    assert world.until("broadcast")["nonce"] == transfer["nonce"]
    assert wallet_of(world) == ("active", "")
    assert world.count() == 1
    world.proxy.clear()
    world.live(20)
    assert_frozen_and_parked(world, transfer["unique_id"], foreign_hash)
    world.assert_books_agree()


def test_a_finalized_block_that_jumps_back_and_forth_changes_nothing(world: World) -> None:
    """S21."""
    world.proxy.fault("stale_tag", n=30, times=FOR_EVER, probability=0.5, seed=21)
    for _ in range(3):
        world.order()
    world.live(60)
    world.assert_all_paid_once()


def test_a_count_called_final_that_is_not_gives_no_verdict(world: World) -> None:
    """S21: the node says that our nonce is consumed for good; no block shows by whom."""
    world.order()
    world.until("signed")
    lost = world.proxy.fault("false_success", times=FOR_EVER)
    lie = world.proxy.fault("higher_count", tag="finalized", address=world.wallet, times=FOR_EVER)
    world.live(30)
    assert "NonceFound" in world.delivered
    assert wallet_of(world) == ("active", "")
    assert {row["nonce"] for row in world.attempts()} == {0}
    assert world.transfers()[0]["state"] == "broadcast"
    world.proxy.lift(lie)
    world.proxy.lift(lost)
    world.live(40)
    world.assert_all_paid_once()


@pytest.mark.parametrize("fault", NO_FINALITY)
def test_one_of_two_nodes_is_not_enough_to_judge_a_consumed_nonce(
    world: World, second: ChainProxy, fault: str
) -> None:
    """S21."""
    world.order()
    transfer, foreign_hash = consumed(world)
    second.fault(**NO_FINALITY[fault], times=FOR_EVER)
    world.live(30)
    assert world.until("broadcast")["unique_id"] == transfer["unique_id"]
    assert wallet_of(world) == ("active", "")
    second.clear()
    world.live(20)
    assert_frozen_and_parked(world, transfer["unique_id"], foreign_hash)
    world.assert_books_agree()


@pytest.mark.parametrize("kind", ["null", "other_block"])
def test_a_receipt_that_one_of_two_nodes_shows_is_none_until_the_other_agrees(
    world: World, second: ChainProxy, kind: str
) -> None:
    """S21: mined is mined where the nodes agree on the block."""
    world.order()
    transfer = world.until("broadcast")
    second.fault(kind, "eth_getTransactionReceipt", times=FOR_EVER)
    world.live(30)
    assert world.until("broadcast")["unique_id"] == transfer["unique_id"]
    assert world.received(transfer["to_address"]) == int(transfer["amount_units"])
    assert wallet_of(world) == ("active", ""), "the nonce was consumed by ourselves"
    second.clear()
    world.live(40)
    world.assert_all_paid_once()


def test_with_one_of_two_nodes_gone_nothing_is_signed_and_what_is_out_stays_out(
    world: World, second: ChainProxy
) -> None:
    """S21."""
    world.order()
    first = world.until("signed")
    second.fault("drop", times=FOR_EVER)
    world.live(2)
    world.order("0.06")
    world.live(30)
    states = {row["unique_id"]: row["state"] for row in world.transfers()}
    assert states.pop(first["unique_id"]) == "broadcast", "the other node took the bytes"
    assert set(states.values()) == {"approved"}
    assert len(world.attempts()) == 1
    second.clear()
    world.live(60)
    world.assert_all_paid_once()

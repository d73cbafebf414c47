"""Nodes that lag behind, forget, or cannot say: no nonce is decided by that."""

from typing import Any

import pytest

from local.chain_proxy import FOR_EVER
from tests.hostile.world import World

COUNT = "eth_getTransactionCount"
RECEIPT = "eth_getTransactionReceipt"
IMPOSSIBLE = [  # what no transaction costs; what no chain comes to, and no row of ours holds
    ("eth_estimateGas", 0),
    ("eth_estimateGas", 17_000),
    ("eth_estimateGas", 2**63),
    ("eth_estimateGas", 2**64),
    (COUNT, 2**63),
    (COUNT, 2**64),
    ("eth_blockNumber", 2**63),
    ("eth_chainId", 2**64),
]
BLIND: list[dict[str, Any]] = [
    {"kind": "error", "error": "internal_error"},
    {"kind": "error", "error": "indexing"},
    {"kind": "status", "status": 503},
    {"kind": "drop"},
    {"kind": "null"},
]


def test_counts_that_go_back_by_nine_change_no_nonce(world: World) -> None:
    """S9."""
    for _ in range(10):
        world.order()
    world.live(15)
    world.assert_all_paid_once()
    stale = world.proxy.fault("lower_count", n=9, times=FOR_EVER)
    for _ in range(2):
        world.order()
    world.live(20)
    assert stale.fired > 0
    assert len(world.transfers()) == 12
    world.assert_all_paid_once()
    assert len(world.attempts()) == 12


def test_receipts_that_are_gone_for_a_while_pay_nothing_again(world: World) -> None:
    """S9. Node A has the receipt, node B has not."""
    world.confirmations = 30
    world.order()
    world.until("mined")
    absent = world.proxy.fault("null", RECEIPT, times=3)
    world.live(40)
    assert absent.spent
    world.assert_all_paid_once()
    assert len(world.proxy.transactions(world.wallet)) == 1


@pytest.mark.parametrize("seed", range(3))
def test_every_other_answer_from_a_node_four_blocks_behind_pays_once(
    world: World, seed: int
) -> None:
    """S9."""
    stale = world.proxy.fault("stale_head", "*", n=4, times=FOR_EVER, probability=0.5, seed=seed)
    for _ in range(3):
        world.order()
        world.live(5)
    world.live(30)
    assert stale.fired > 0
    world.proxy.lift(stale)
    world.live(30)
    world.assert_all_paid_once()
    assert len(world.transfers()) == 3


@pytest.mark.parametrize("fault", BLIND, ids=lambda fault: str(fault.get("error", fault["kind"])))
def test_a_consumed_nonce_without_any_receipt_stays_undecided(
    world: World, fault: dict[str, Any]
) -> None:
    """S10. Its nonce is finalized; that alone neither pays it again nor ends it."""
    blind = world.proxy.fault(method=RECEIPT, times=FOR_EVER, **fault)
    world.order()
    world.live(40)
    assert blind.fired > 3
    world.assert_books_agree()
    assert world.count("finalized") == 1
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["nonce"]) == ("broadcast", 0)
    assert world.received(transfer["to_address"]) == transfer["amount_units"]
    (wallet,) = world.rows("SELECT status, next_nonce FROM wallets")
    assert wallet == {"status": "active", "next_nonce": 1}
    assert len(world.attempts()) == 1
    searched = "NonceSearchRequested" in world.delivered
    assert searched == (fault["kind"] == "null")
    world.proxy.lift(blind)
    world.live(30)
    world.assert_all_paid_once()


@pytest.mark.parametrize(("method", "number"), IMPOSSIBLE)
def test_a_number_that_cannot_be_is_no_answer(world: World, method: str, number: int) -> None:
    """S9. Nobody stumbles over it, and the wallet is not frozen for it."""
    world.order()
    world.until("confirmed")
    lie = world.proxy.fault("result", method, result=hex(number), times=4)
    world.order()
    world.live(40)
    assert lie.spent
    assert world.dead == []
    assert len(world.transfers()) == 2
    world.assert_all_paid_once()

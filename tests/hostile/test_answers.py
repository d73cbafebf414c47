"""The node has the bytes and does not say so, or says so and has them not, or lies."""

from dataclasses import replace
from typing import Any

import pytest

from local.chain_proxy import ERRORS
from tests.hostile.world import World

UNHEARD: list[dict[str, Any]] = [
    {"kind": "drop_answer"},
    {"kind": "garbage"},
    {"kind": "truncated"},
    {"kind": "status", "status": 503, "forwards": 1},
    {"kind": "error", "error": "internal_error", "forwards": 1},
]
ANOTHERS = ["replacement_underpriced", "erigon_could_not_replace", "parity_same_nonce"]
TOO_LOW = ["nonce_too_low", "nethermind_old_nonce", "parity_nonce_too_low"]
AT_ONCE = 16


def without_bumps(world: World) -> None:
    """Let the same bytes be all there is."""
    policy = world.hostpay_policy
    limits = replace(policy.limits, bump_after_blocks=10**6)
    world.hostpay_policy = replace(policy, limits=limits)


@pytest.mark.parametrize("fault", UNHEARD, ids=lambda fault: fault["kind"])
def test_bytes_that_were_taken_unheard_are_sent_again_and_known(
    world: World, fault: dict[str, Any]
) -> None:
    """S5."""
    unheard = world.proxy.fault(method="eth_sendRawTransaction", **fault)
    world.chain.mining = False  # type: ignore[attr-defined]
    world.order()
    world.live(8)
    assert unheard.fired == 1
    (attempt,) = world.attempts()
    assert attempt["last_outcome"] == "already_known"
    world.chain.mining = True  # type: ignore[attr-defined]
    world.live(15)
    world.assert_all_paid_once()
    (sent,) = world.proxy.transactions(world.wallet)
    assert sent.offered >= 2


@pytest.mark.parametrize("fault", UNHEARD, ids=lambda fault: fault["kind"])
def test_bytes_that_were_taken_unheard_and_mined_are_not_followed_by_others(
    world: World, fault: dict[str, Any]
) -> None:
    """S5. Whoever takes a missing answer for a refusal pays again."""
    unheard = world.proxy.fault(method="eth_sendRawTransaction", **fault)
    world.order()
    world.live(30)
    assert unheard.fired == 1
    world.assert_all_paid_once()
    assert len(world.attempts()) == 1


def test_bytes_that_a_node_took_and_lost_are_sent_until_they_are_mined(world: World) -> None:
    """S6."""
    without_bumps(world)
    lost = world.proxy.fault("false_success", times=3)
    world.order()
    world.live(40)
    assert lost.fired == 3
    world.assert_all_paid_once()
    (sent,) = world.proxy.transactions(world.wallet)
    assert (sent.offered, sent.forwarded) == (4, 1)


@pytest.mark.parametrize("name", TOO_LOW)
def test_a_nonce_said_to_be_too_low_is_kept(world: World, name: str) -> None:
    """S7. Only finalized evidence consumes a nonce."""
    without_bumps(world)
    lie = world.proxy.fault("error", error=name, times=3)
    world.order()
    world.live(10)
    assert lie.fired > 0
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["nonce"]) == ("broadcast", 0)
    (wallet,) = world.rows("SELECT status, next_nonce FROM wallets")
    assert wallet == {"status": "active", "next_nonce": 1}
    world.live(40)
    assert lie.spent
    world.assert_all_paid_once()
    assert len(world.attempts()) == 1


@pytest.mark.parametrize("name", ANOTHERS)
def test_a_nonce_said_to_be_of_another_transaction_is_kept(world: World, name: str) -> None:
    """S8. The bytes went on: that other transaction is ours."""
    lie = world.proxy.fault("error", error=name, forwards=1)
    world.order()
    world.live(30)
    assert lie.fired == 1
    world.assert_all_paid_once()
    assert len(world.attempts()) == 1


@pytest.mark.parametrize("forwards", [1, 0], ids=["taken", "refused"])
@pytest.mark.parametrize("first", range(0, len(ERRORS), AT_ONCE))
def test_no_error_a_node_can_give_makes_a_nonce_lost_or_used_twice(
    world: World, first: int, forwards: int
) -> None:
    """S8. Every error of the table, for bytes that went on and for bytes that did not."""
    names = list(ERRORS)[first : first + AT_ONCE]
    faults = [
        world.proxy.fault("error", error=name, nonce=nonce, forwards=forwards)
        for nonce, name in enumerate(names)
    ]
    for _ in names:
        world.order()
    world.live(25, seconds=30)
    assert [fault.fired for fault in faults] == [1] * len(names)
    assert len(world.transfers()) == len(names)
    world.assert_all_paid_once()

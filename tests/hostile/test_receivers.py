"""Receivers that are contracts, by their raw byte code: dear, refusing, and changing their mind.

An exchange may name any address. What its code does with ETH is estimated before a nonce exists.
"""

from dataclasses import replace

import pytest

from tests.hostile.world import World

STORES = "0x345f5500"  # CALLVALUE PUSH0 SSTORE STOP: keeps what came in
REVERTS = "0x5f5ffd"  # PUSH0 PUSH0 REVERT
BURNS = "0x5b5f56"  # JUMPDEST PUSH0 JUMP: for ever
STORES_TEN_WORDS = "0x" + "".join(f"3460{slot:02x}55" for slot in range(10)) + "00"
BALANCE_WEI = 100 * 10**18


def receiver(world: World, code: str) -> str:
    """The address of a transfer that is wanted, with this code on the chain."""
    world.order()
    address: str = world.until("requested")["to_address"]
    world.anvil.rpc("anvil_setCode", address, code)
    return address


def spent_wei(world: World) -> int:
    """What the wallet has less than it began with."""
    return BALANCE_WEI - world.received(world.wallet)


def test_a_receiver_that_stores_is_paid_with_the_gas_its_code_was_estimated_to_need(
    world: World,
) -> None:
    """S24: more than 21000, and a fifth above the estimate."""
    address = receiver(world, STORES)
    transfer = world.until("approved")
    call = {"from": world.wallet, "to": address, "value": hex(int(transfer["amount_units"]))}
    estimate = int(world.anvil.rpc("eth_estimateGas", call), 16)
    world.live(30)
    world.assert_all_paid_once()
    (transfer,), (attempt,) = world.transfers(), world.attempts()
    assert attempt["gas_limit"] == estimate + estimate // 5
    assert 21_000 < transfer["gas_used"] <= attempt["gas_limit"]
    kept = int(world.anvil.rpc("eth_getStorageAt", address, "0x0", "latest"), 16)
    assert kept == int(transfer["amount_units"])


@pytest.mark.parametrize(
    ("code", "reason"),
    [(REVERTS, "receiver_reverts"), (STORES_TEN_WORDS, "gas_limit_above_ceiling")],
    ids=["it_reverts", "it_needs_too_much_gas"],
)
def test_a_receiver_that_cannot_be_paid_is_parked_before_a_nonce_exists(
    world: World, code: str, reason: str
) -> None:
    """S24."""
    receiver(world, code)
    world.live(30)
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["reason"]) == ("parked", reason)
    assert (transfer["nonce"], world.attempts(), world.count()) == (None, [], 0)
    assert world.rows("SELECT * FROM transfer_nonces") == []
    assert spent_wei(world) == 0
    world.assert_books_agree()


def test_a_receiver_without_end_is_no_reason_to_sign(world: World) -> None:
    """S24: the node gives no estimate for code that does not end."""
    receiver(world, BURNS)
    world.live(30)
    (transfer,) = world.transfers()
    assert (transfer["nonce"], world.attempts(), world.count()) == (None, [], 0)
    world.assert_books_agree()


def test_the_gas_ceiling_is_of_the_limit_that_is_signed_not_of_the_estimate(world: World) -> None:
    """S24: an estimate just below the ceiling, and a fifth more, is above it."""
    policy = world.hostpay_policy
    world.hostpay_policy = replace(policy, limits=replace(policy.limits, gas_limit_ceiling=50_000))
    receiver(world, STORES)  # 43106 and a fifth
    world.live(20)
    (transfer,) = world.transfers()
    assert transfer["preflight_gas"] < 50_000
    assert (transfer["state"], transfer["reason"]) == ("parked", "gas_limit_above_ceiling")
    assert transfer["nonce"] is None


@pytest.mark.parametrize("code", [REVERTS, BURNS], ids=["it_reverts", "it_burns_all_gas"])
def test_a_receiver_that_refuses_after_signing_fails_the_transfer_and_releases_once(
    world: World, code: str
) -> None:
    """S24: mined and reverted is final; the fee is all that is lost, the money is free again."""
    world.copies = 2
    world.order()
    transfer = world.until("signed")
    world.anvil.rpc("anvil_setCode", transfer["to_address"], code)
    world.live(30)
    (transfer,), (attempt,) = world.transfers(), world.attempts()
    assert (transfer["state"], transfer["reason"]) == ("failed", "mined_and_reverted")
    assert world.received(transfer["to_address"]) == 0
    assert 0 < spent_wei(world) <= attempt["gas_limit"] * int(attempt["max_fee_per_gas_wei"])
    books = "SELECT b.state, p.state AS payment, p.attempts FROM batches b, payments p"
    assert [tuple(row.values()) for row in world.rows(books)] == [("released", "pending", 1)]
    world.assert_books_agree()
    world.check()
    world.live(30)
    failed, paid = world.transfers()
    assert (failed["nonce"], paid["nonce"], paid["state"]) == (0, 1, "confirmed")
    assert failed["to_address"] != paid["to_address"]
    assert world.received(paid["to_address"]) == int(paid["amount_units"])
    assert (world.received(failed["to_address"]), world.count()) == (0, 2)
    world.assert_books_agree()

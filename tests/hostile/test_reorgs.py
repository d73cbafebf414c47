"""The chain takes back what it showed: a transfer is mined again, and its payee has it once."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from local.chain_proxy import FOR_EVER
from tests.hostile.world import World

SEND = "eth_sendRawTransaction"
CONFIRMATIONS = 5
REVERTS = "0x5f5ffd"  # PUSH0 PUSH0 REVERT


@pytest.fixture(autouse=True)
def deep(world: World) -> None:
    """A transfer is confirmed deeper than any of these reorganisations reaches."""
    world.confirmations = CONFIRMATIONS


def patient(world: World) -> None:
    """No dearer bytes follow the first, however long those take."""
    policy = world.hostpay_policy
    limits = replace(policy.limits, bump_after_blocks=10_000)
    world.hostpay_policy = replace(policy, limits=limits)


def moves(world: World, rounds: int, *, mining: bool) -> list[str]:
    """The states that the only transfer goes through in so many rounds."""
    world.chain.mining = mining  # type: ignore[attr-defined]
    seen = [world.transfers()[0]["state"]]
    for _ in range(rounds):
        world.live(1)
        state = world.transfers()[0]["state"]
        if state != seen[-1]:
            seen.append(state)
    return seen


def mined(world: World) -> dict[str, Any]:
    """The only transfer is in the newest block, and we know it; no more blocks are mined."""
    world.chain.mining = False  # type: ignore[attr-defined]
    world.anvil.rpc("anvil_mine", "0x1")
    for _ in range(20):
        (transfer,) = world.transfers()
        if transfer["state"] == "mined":
            return transfer
        world.live(1)
    raise AssertionError(f"never mined: {world.transfers()}")


def reorganise(world: World, depth: int, raws: list[bytes], place: int = 0) -> None:
    """So many newest blocks are others now; one of them has these transactions."""
    world.anvil.rpc("anvil_reorg", depth, [["0x" + raw.hex(), place] for raw in raws])


def in_pool(world: World) -> dict[str, Any]:
    world.chain.mining = False  # type: ignore[attr-defined]
    world.order()
    world.live(12)
    (transfer,) = world.transfers()
    assert transfer["state"] == "broadcast"
    return transfer


def assert_told_once(world: World) -> None:
    """Every event has been told once, and the payment of the exchange among them."""
    told = Counter(event.event_id for event in world.told)
    assert set(told.values()) <= {1}, told
    names = Counter(event.name for event in world.told)
    assert max(names.values()) == 1, names
    answered = [name for name in world.delivered if name == "PaymentExecutionResponse"]
    assert len(answered) == 1
    swaps = world.rows("SELECT state FROM swaps")
    assert [row["state"] for row in swaps] == ["paid"]


# --- S19 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_mined_transfer_that_is_taken_back_is_mined_again_and_paid_once(
    world: World, depth: int
) -> None:
    """S19."""
    patient(world)
    in_pool(world)
    before = mined(world)
    for _ in range(depth - 1):
        world.anvil.rpc("anvil_mine", "0x1")
    reorganise(world, depth, [])
    assert world.received(before["to_address"]) == 0, "the chain has taken it back"
    assert moves(world, 12, mining=False) == ["mined", "broadcast"]
    assert world.attempts()[0]["state"] == "sent"
    assert "PaymentExecutionResponse" not in world.delivered
    after = moves(world, 40, mining=True)
    assert after in (["broadcast", "mined", "confirmed"], ["broadcast", "confirmed"])
    world.assert_all_paid_once()
    (transfer,) = world.transfers()
    assert transfer["tx_hash"] == before["tx_hash"]
    assert transfer["block_hash"] != before["block_hash"]
    assert_told_once(world)


def test_a_transfer_that_is_mined_again_in_another_block_at_once_never_moves_back(
    world: World,
) -> None:
    """S19. Its block is another, a height above: it is confirmed from that one."""
    in_pool(world)
    before = mined(world)
    (attempt,) = world.attempts()
    world.anvil.rpc("anvil_mine", "0x1")
    reorganise(world, 2, [bytes(attempt["raw_transaction"])], place=1)
    assert moves(world, 40, mining=True) == ["mined", "confirmed"]
    world.assert_all_paid_once()
    (transfer,) = world.transfers()
    block = world.anvil.rpc("eth_getBlockByNumber", hex(transfer["block_number"]), False)
    assert transfer["block_hash"] == block["hash"]
    assert transfer["block_number"] == before["block_number"] + 1
    assert_told_once(world)


def test_several_transfers_taken_back_together_are_mined_again_in_order(world: World) -> None:
    """S19. Three nonces in one block, and the chain takes back all of them, twice."""
    patient(world)
    world.chain.mining = False  # type: ignore[attr-defined]
    for _ in range(3):
        world.order()
    world.live(12)
    for _ in range(2):
        world.anvil.rpc("anvil_mine", "0x1")
        world.live(12)
        assert {row["state"] for row in world.transfers()} == {"mined"}
        reorganise(world, 1, [])
        assert world.count() == 0
        world.live(12)
        assert {row["state"] for row in world.transfers()} == {"broadcast"}
    world.chain.mining = True  # type: ignore[attr-defined]
    world.live(40)
    world.assert_all_paid_once()
    assert len(world.attempts()) == 3, "nothing was signed again"
    told = Counter(event.event_id for event in world.told)
    assert set(told.values()) == {1}


def test_a_transfer_that_chain_and_pool_forget_after_its_first_block_is_paid_all_the_same(
    world: World,
) -> None:
    """S19. One receipt is not a confirmation."""
    in_pool(world)
    world.anvil.rpc("anvil_mine", "0x1")
    world.live(12)
    reorganise(world, 1, [])
    world.anvil.rpc("anvil_dropAllTransactions")
    world.chain.mining = True  # type: ignore[attr-defined]
    world.live(40)
    world.assert_all_paid_once()
    assert_told_once(world)


# --- S20 ------------------------------------------------------------------------------------------


def bumped(world: World) -> list[dict[str, Any]]:
    """Two attempts of one nonce are out, both accepted by a node that forgot them."""
    forgets = world.proxy.fault("false_success", times=FOR_EVER)
    world.order()
    for _ in range(60):
        world.live(1)
        found = world.attempts()
        if [row["state"] for row in found] == ["sent", "sent"]:
            world.proxy.lift(forgets)
            return found
    raise AssertionError(f"never bumped: {world.attempts()}")


@pytest.mark.parametrize(("shown", "stays"), [(0, 1), (1, 0)])
def test_a_reorganisation_that_mines_another_attempt_moves_the_hash_and_pays_once(
    world: World, shown: int, stays: int
) -> None:
    """S20."""
    attempts = bumped(world)
    raws = [bytes(row["raw_transaction"]) for row in attempts]
    world.anvil.rpc(SEND, "0x" + raws[shown].hex())
    before = mined(world)
    assert before["tx_hash"] == attempts[shown]["tx_hash"]
    assert world.attempts()[stays]["state"] == "superseded"
    reorganise(world, 1, [raws[stays]])
    assert moves(world, 40, mining=True) == ["mined", "confirmed"]
    world.assert_all_paid_once()
    (transfer,) = world.transfers()
    assert transfer["tx_hash"] == attempts[stays]["tx_hash"]
    states = {row["tx_hash"]: row["state"] for row in world.attempts()}
    assert states == {
        attempts[stays]["tx_hash"]: "mined",
        attempts[shown]["tx_hash"]: "superseded",
    }
    assert_told_once(world)


def test_an_attempt_taken_back_is_followed_by_whichever_is_mined_next(world: World) -> None:
    """S20. The dearer bytes are taken back, and a block later the first ones are mined."""
    attempts = bumped(world)
    raws = [bytes(row["raw_transaction"]) for row in attempts]
    world.anvil.rpc(SEND, "0x" + raws[1].hex())
    mined(world)
    forgets = world.proxy.fault("false_success", times=FOR_EVER)
    reorganise(world, 1, [])
    assert moves(world, 12, mining=False) == ["mined", "broadcast"]
    world.anvil.rpc(SEND, "0x" + raws[0].hex())
    world.proxy.lift(forgets)
    world.anvil.rpc("anvil_mine", "0x1")
    assert moves(world, 40, mining=True)[-1] == "confirmed"
    world.assert_all_paid_once()
    assert world.transfers()[0]["tx_hash"] == attempts[0]["tx_hash"]
    assert_told_once(world)


# --- a branch that loses says that it failed ------------------------------------------------------


def test_a_payment_that_reverted_on_a_losing_branch_is_not_made_to_another_payee(
    world: World,
) -> None:
    """S19, S20. It is deep enough to be confirmed; final it is not, and no money is released."""
    transfer = in_pool(world)
    lose_its_revert(world, transfer)
    world.assert_all_paid_once()
    assert_told_once(world)


def test_one_count_that_calls_it_final_releases_no_money_either(world: World) -> None:
    """S19, S20: another node behind the same URL said it."""
    transfer = in_pool(world)
    world.proxy.fault("higher_count", tag="finalized", address=world.wallet, times=FOR_EVER)
    lose_its_revert(world, transfer)
    world.assert_all_paid_once()
    assert_told_once(world)


def lose_its_revert(world: World, transfer: dict[str, Any]) -> None:
    """It reverts on a branch that loses, and is paid on the one that wins."""
    (attempt,) = world.attempts()
    world.proxy.fault("stale_tag", n=30, times=FOR_EVER)  # none of these blocks is final
    world.anvil.rpc("anvil_setCode", transfer["to_address"], REVERTS)
    blocks = CONFIRMATIONS + 3
    assert "mined" in moves(world, blocks, mining=True)
    assert world.received(transfer["to_address"]) == 0
    reorganise(world, blocks, [])
    world.anvil.rpc("anvil_setCode", transfer["to_address"], "0x")
    world.anvil.rpc(SEND, "0x" + bytes(attempt["raw_transaction"]).hex())  # others have it still
    world.proxy.clear()
    world.check()  # money that was released would be paid again
    world.live(40)

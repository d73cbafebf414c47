"""Several wallets: each has nonces of its own, and one that stands still does not stop the others.

Also what stands against a wallet that has sent things we know nothing of.
"""

from collections import Counter
from typing import Any

from tests.hostile.outsider import spend
from tests.hostile.signers import follow_at_once, ready_to_sign
from tests.hostile.world import DONE, World


def nonces_by_wallet(world: World) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in world.transfers():
        found.setdefault(row["wallet"], []).append(row["nonce"])
    return found


def assert_paid_without_gaps(world: World, transfers: int) -> None:
    assert {row["state"] for row in world.transfers()} <= set(DONE), world.transfers()
    found = nonces_by_wallet(world)
    assert sum(len(nonces) for nonces in found.values()) == transfers
    for wallet, nonces in found.items():
        assert sorted(nonces) == list(range(len(nonces)))
        assert int(world.anvil.rpc("eth_getTransactionCount", wallet, "latest"), 16) == len(nonces)
    world.assert_books_agree()


def test_transfers_go_to_the_wallet_with_the_fewest_before_it(world: World) -> None:
    others = [world.add_wallet(), world.add_wallet()]
    for _ in range(9):
        world.order()
    world.live(30)
    assert_paid_without_gaps(world, 9)
    assert Counter(row["wallet"] for row in world.transfers()) == dict.fromkeys(
        [world.wallet, *others], 3
    )


def test_signers_of_several_wallets_at_once_leave_no_gap_in_any(
    world: World, database_fields: dict[str, Any]
) -> None:
    world.add_wallet()
    messages = ready_to_sign(world, [world.order] * 8)
    world.queue += follow_at_once(world, database_fields, [*messages, *messages])
    assert len(world.attempts()) == 8
    world.live(30)
    assert_paid_without_gaps(world, 8)
    assert [len(nonces) for nonces in nonces_by_wallet(world).values()] == [4, 4]


def test_a_wallet_that_is_frozen_stops_nobody_but_itself(world: World) -> None:
    other = world.add_wallet()
    world.order()
    world.until("confirmed")
    spend(world, 1)
    world.chain.mine(2)
    world.order("0.06")
    world.order("0.07")
    world.live(20)
    frozen = world.rows("SELECT address FROM wallets WHERE status = 'frozen'")
    assert [row["address"] for row in frozen] == [world.wallet]
    world.order("0.08")
    world.order("0.09")
    world.live(20)
    paid = [row for row in world.transfers() if row["wallet"] == other]
    assert {row["state"] for row in paid} <= set(DONE)
    assert sorted(row["nonce"] for row in paid) == [0, 1, 2]
    (stopped,) = [row for row in world.transfers() if row["nonce"] is None]
    assert stopped["wallet"] == world.wallet
    world.assert_books_agree()


def test_a_wallet_whose_key_is_not_here_signs_nothing_and_says_so(world: World) -> None:
    other = world.add_wallet()
    held = world.other_signers.pop()
    world.order()
    world.order()
    world.live(20)
    (said,) = {str(error) for _, error in world.dead}
    assert said.startswith(f"there is no key for {other} of HOST_WALLET_ADDRESS, only for")
    assert [row["wallet"] for row in world.attempts()] == [world.wallet]
    world.other_signers.append(held)
    world.live(60)
    assert_paid_without_gaps(world, 2)


def test_every_wallet_has_a_window_of_its_own(world: World) -> None:
    world.limit(window=2)
    world.add_wallet()
    world.chain.mining = False  # type: ignore[attr-defined]
    for _ in range(6):
        world.order()
    world.live(10)
    out = Counter(row["wallet"] for row in world.transfers() if row["nonce"] is not None)
    assert list(out.values()) == [2, 2]
    world.chain.mining = True  # type: ignore[attr-defined]
    world.live(40)
    assert_paid_without_gaps(world, 6)


def test_a_wallet_with_a_history_is_not_ours_until_its_count_is_declared(world: World) -> None:
    for nonce in range(3):
        spend(world, nonce)
    world.chain.mine(4)
    world.order()
    world.live(20)
    assert (world.attempts(), world.rows("SELECT * FROM wallets")) == ([], [])
    (wallet,) = world.hostpay_policy.limits.wallets
    world.limit(wallets=(type(wallet)(wallet.address, 3),))
    world.live(40)
    (transfer,) = world.transfers()
    assert (transfer["nonce"], transfer["state"]) == (3, "confirmed")
    assert world.rows("SELECT first_nonce, next_nonce FROM wallets") == [
        {"first_nonce": 3, "next_nonce": 4}
    ]
    world.assert_books_agree()

"""Limits hold when everybody signs at once, and what waits for them goes on by itself."""

from datetime import timedelta
from typing import Any

from microbatch.messages import PaymentExecutionRequest
from tests.fakes.pipeline import ETH
from tests.hostile.signers import follow_at_once, ready_to_sign
from tests.hostile.world import World

TRANSFERS = 4
PAID_WEI = ETH // 20 * 97 // 100  # of each payment of 0.05 ETH, less our fee
FIT = 2
CAP_WEI = FIT * PAID_WEI + PAID_WEI // 2
ROUND_SECONDS = 7200


def approved_and_looked_at(world: World) -> list[PaymentExecutionRequest]:
    """Orders to sign that all may be followed at once, one for each transfer."""
    ready = ready_to_sign(world, [world.order] * TRANSFERS)
    assert {(row["state"], int(row["amount_units"])) for row in world.transfers()} == {
        ("approved", PAID_WEI)
    }
    return ready


def most_in_a_day(world: World) -> int:
    """The most wei that was signed within any 24 hours."""
    times = [
        (row["signed_at"], int(row["amount_units"]))
        for row in world.rows("SELECT signed_at, amount_units FROM transfers WHERE nonce >= 0")
    ]
    day = timedelta(days=1)
    return max(
        sum(amount for other, amount in times if timedelta() <= other - start < day)
        for start, _ in times
    )


def test_signers_at_once_never_pass_the_daily_cap_and_the_rest_goes_on_the_next_day(
    world: World, database_fields: dict[str, Any]
) -> None:
    """S30: two fit into a day; four are paid within two."""
    world.limit(daily_max_wei=CAP_WEI)
    orders = approved_and_looked_at(world)
    world.queue += follow_at_once(world, database_fields, orders)
    assert sorted(row["state"] for row in world.transfers()) == (
        ["approved"] * (TRANSFERS - FIT) + ["signed"] * FIT
    )
    assert [row["nonce"] for row in world.attempts()] == list(range(FIT))
    world.live(10, seconds=ROUND_SECONDS)
    assert world.count() == FIT, "the day is not over"
    world.live(20, seconds=ROUND_SECONDS)
    world.assert_all_paid_once()
    assert world.count() == TRANSFERS
    assert most_in_a_day(world) == FIT * PAID_WEI <= CAP_WEI


def test_an_order_delivered_to_many_signers_at_once_is_signed_once(
    world: World, database_fields: dict[str, Any]
) -> None:
    """S30: what counts against the cap is the transfer, not how often it was ordered."""
    world.limit(daily_max_wei=CAP_WEI)
    first, second, *_ = approved_and_looked_at(world)
    world.queue += follow_at_once(world, database_fields, [first, second] * 4)
    assert [row["nonce"] for row in world.attempts()] == [0, 1]
    world.live(20)
    assert world.count() == FIT
    world.assert_books_agree()


def test_above_the_limit_of_one_payment_nothing_is_signed(world: World) -> None:
    """S30: parked for a person, before a nonce exists."""
    world.limit(transfer_max_wei=PAID_WEI - 1)
    world.order()
    world.live(10)
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["reason"]) == ("parked", "above_transfer_limit")
    assert (transfer["nonce"], world.attempts(), world.count()) == (None, [], 0)


def test_gas_above_the_ceiling_waits_and_is_paid_when_it_is_cheap_again(world: World) -> None:
    """S30: the ceiling is asked under the wallet's lock, with the base fee of that preflight."""
    world.limit(fee_per_gas_ceiling_wei=10 * 10**9)
    spike = world.proxy.fault(
        "result",
        "eth_feeHistory",
        times=-1,
        result={
            "oldestBlock": "0x1",
            "baseFeePerGas": [hex(6 * 10**9)] * 2,
            "gasUsedRatio": [0.5],
            "reward": [[hex(10**6)]],
        },
    )
    world.order()
    world.live(10)
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["nonce"], world.attempts()) == ("approved", None, [])
    world.proxy.lift(spike)
    world.live(30)
    world.assert_all_paid_once()
    assert all(int(row["max_fee_per_gas_wei"]) <= 10 * 10**9 for row in world.attempts())

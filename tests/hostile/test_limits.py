"""Limits hold when everybody signs at once, and what waits for them goes on by itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from microbatch.hostpay import signing
from microbatch.messages import Outgoing, PaymentExecutionRequest
from microbatch.platform.database import Database
from tests.fakes.pipeline import ETH
from tests.hostile.world import World

TRANSFERS = 4
PAID_WEI = ETH // 20 * 97 // 100  # of each payment of 0.05 ETH, less our fee
FIT = 2
CAP_WEI = FIT * PAID_WEI + PAID_WEI // 2
EXECUTE = "hostpay-payment-execute"
ROUND_SECONDS = 7200
PATIENCE_SECONDS = 60


def limit(world: World, **limits: Any) -> None:
    """Set limits of the host payment."""
    policy = world.hostpay_policy
    world.hostpay_policy = replace(policy, limits=replace(policy.limits, **limits))


def approved_and_looked_at(world: World) -> list[PaymentExecutionRequest]:
    """Orders to sign that all may be followed at once, one for each transfer; none was followed."""
    ready: dict[str, PaymentExecutionRequest] = {}

    def is_ready(each: Outgoing) -> bool:
        if each.queue != EXECUTE or not world.rows(
            "SELECT 1 FROM transfers WHERE unique_id = %(unique_id)s AND preflight_at IS NOT NULL",
            unique_id=each.message.unique_id,  # type: ignore[attr-defined]
        ):
            return False
        ready[each.message.unique_id] = each.message  # type: ignore[attr-defined,assignment]
        return True

    world.lose = is_ready
    for _ in range(TRANSFERS):
        world.order()
    world.settle()
    world.lose = lambda _: False
    assert len(ready) == TRANSFERS
    assert {(row["state"], int(row["amount_units"])) for row in world.transfers()} == {
        ("approved", PAID_WEI)
    }
    return list(ready.values())


def sign_at_once(
    world: World, fields: dict[str, Any], orders: list[PaymentExecutionRequest]
) -> list[Outgoing]:
    """Every order to a signer of its own, all at the same moment; what they send."""
    gate = threading.Barrier(len(orders))

    def one(order: PaymentExecutionRequest) -> list[Outgoing]:
        with closing(Database(lambda _fresh: fields)) as database:
            with database.transaction() as tx:
                tx.one("SELECT 1 AS connected")
            gate.wait(PATIENCE_SECONDS)
            with database.transaction() as tx:
                return signing.sign(order, tx, world.now, world.hostpay_policy, world.signer)

    with ThreadPoolExecutor(len(orders)) as pool:
        answers = pool.map(one, orders, timeout=PATIENCE_SECONDS)
        return [outgoing for answer in answers for outgoing in answer]


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
    limit(world, daily_max_wei=CAP_WEI)
    orders = approved_and_looked_at(world)
    world.queue += sign_at_once(world, database_fields, orders)
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
    limit(world, daily_max_wei=CAP_WEI)
    first, second, *_ = approved_and_looked_at(world)
    world.queue += sign_at_once(world, database_fields, [first, second] * 4)
    assert [row["nonce"] for row in world.attempts()] == [0, 1]
    world.live(20)
    assert world.count() == FIT
    world.assert_books_agree()


def test_above_the_limit_of_one_payment_nothing_is_signed(world: World) -> None:
    """S30: parked for a person, before a nonce exists."""
    limit(world, transfer_max_wei=PAID_WEI - 1)
    world.order()
    world.live(10)
    (transfer,) = world.transfers()
    assert (transfer["state"], transfer["reason"]) == ("parked", "above_transfer_limit")
    assert (transfer["nonce"], world.attempts(), world.count()) == (None, [], 0)


def test_gas_above_the_ceiling_waits_and_is_paid_when_it_is_cheap_again(world: World) -> None:
    """S30: the ceiling is asked under the wallet's lock, with the base fee of that preflight."""
    limit(world, fee_per_gas_ceiling_wei=10 * 10**9)
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

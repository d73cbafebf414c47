"""What an exchange may do after it was paid, scripted at the simulator, and what comes of it."""

import pytest

from local import verdict
from tests.e2e.exactness import assert_converted
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")


@pytest.mark.parametrize(
    "script",
    [
        {"outcome": "finish_without_amount", "polls": 2},
        {"outcome": "finish_without_hash", "polls": 2},
        {"outcome": "verifying", "seconds": 3, "then": "finished"},
        {"outcome": "unknown_status", "status": "hold", "seconds": 3, "then": "finished"},
    ],
    ids=["amount late", "hash late", "verifying", "unknown status"],
)
def test_what_takes_longer_ends_the_same(world: World, script: dict[str, object]) -> None:
    before = verdict.wallet_on_chain(world)
    ids = world.pay("0.0123", "0.0077")
    world.script(kind="outcome", **script)
    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)
    assert_converted(world, before, batch_id, ids)


def test_a_refund_that_is_short_is_booked_exactly_and_converted_next_time(world: World) -> None:
    before = verdict.wallet_on_chain(world)
    ids = world.pay("0.05", "0.04")
    world.script(kind="outcome", outcome="refunded")
    refunded = world.open_batch()
    world.until_batch_is("released", refunded)

    swap, batch = world.swap_of(refunded), world.batch(refunded)
    assert (swap["state"], batch["reason"]) == ("refunded", "refunded")
    rows = world.payments(ids)
    assert {(row["state"], row["attempts"]) for row in rows} == {("pending", 1)}
    loss = sum(row["refund_loss_wei"] for row in rows)
    assert loss == batch["claimed_wei"] - swap["refunded_units"] > 0
    transfer = world.transfer_of(refunded)
    gas_wei = transfer["gas_used"] * transfer["effective_gas_price_wei"]
    after = verdict.wallet_on_chain(world)
    assert before.balance_wei - after.balance_wei == loss + gas_wei

    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)
    assert world.batch(batch_id)["claimed_wei"] == swap["refunded_units"]
    assert_converted(world, after, batch_id, ids)


def test_a_provider_that_lies_about_the_amount_parks_the_batch(world: World) -> None:
    ids = world.pay("0.0123")
    world.script(kind="outcome", outcome="amount_lie")
    batch_id = world.open_batch()
    world.until_batch_is("parked", batch_id)
    assert world.batch(batch_id)["reason"] == "arrived_differs_from_provider"
    assert {row["state"] for row in world.payments(ids)} == {"swapping"}
    assert {row["share_microusdt"] for row in world.payments(ids)} == {None}

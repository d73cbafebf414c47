"""What the hostile scenarios differ from: an honest node, and plain repetition."""

from tests.hostile.world import World


def test_transfers_are_paid_once_each_on_nonces_without_a_gap(world: World) -> None:
    for number in range(3):
        world.order(f"0.0{number + 2}")
    world.live(40)
    assert len(world.transfers()) == 3
    world.assert_all_paid_once()


def test_every_message_twice_pays_once(world: World) -> None:
    """S1."""
    world.copies = 2
    world.order()
    world.live(30)
    world.assert_all_paid_once()

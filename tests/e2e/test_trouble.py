"""When the exchange is unwell, or ends before it is paid: later, but exactly, and never twice."""

import pytest

from local import verdict
from tests.e2e.exactness import assert_converted
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")

CREATE, STATUS = "/v2/exchange", "/v2/exchange/by-id"


@pytest.fixture
def unavailable(world: World) -> None:
    """For its creation, before its payment and after it."""
    world.script(path=CREATE, method="POST", kind="status", status=503, times=1)
    world.script(path=STATUS, kind="status", status=503, times=1)
    world.script(path=STATUS, kind="drop", skip=1, times=1)


@pytest.mark.usefixtures("unavailable")
def test_an_exchange_that_is_unavailable_for_a_while_only_delays(world: World) -> None:
    before = verdict.wallet_on_chain(world)
    ids = world.pay("0.0123456789", "0.0077")

    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)

    assert world.scripted() == []  # all of it has happened
    assert_converted(world, before, batch_id, ids)
    exchanges = world.rows(
        "SELECT cn_api_id FROM exchanges WHERE swap_id = %(id)s",
        id=world.swap_of(batch_id)["swap_id"],
    )
    assert len(exchanges) == 1


@pytest.mark.parametrize("end", ["expired", "failed"])
def test_an_exchange_that_ends_before_it_is_paid_gives_its_payments_back(
    world: World, end: str
) -> None:
    before = verdict.wallet_on_chain(world)
    ids = world.pay("0.011", "0.0133")
    world.script(kind="outcome", outcome=end, at="waiting")
    # so that it has ended when it is first asked
    world.script(path=STATUS, kind="status", status=503, times=1)

    released = world.open_batch()
    world.until_batch_is("released", released)

    assert world.batch(released)["reason"].endswith(f"exchange_{end}")
    assert world.swap_of(released)["state"] == "failed"
    transfer = world.transfer_of(released)
    assert (transfer["state"], transfer["nonce"], transfer["tx_hash"]) == ("rejected", None, None)
    given_back = world.payments(ids)
    tries = int(end == "failed")  # that an exchange ran out of time says nothing of the payments
    assert [(row["state"], row["attempts"], row["batch_id"]) for row in given_back] == [
        ("pending", tries, None)
    ] * len(ids)
    assert verdict.wallet_on_chain(world) == before

    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)

    assert batch_id != released
    assert_converted(world, before, batch_id, ids)
    assert {row["attempts"] for row in world.payments(ids)} == {tries}
    assert world.batch(released)["state"] == "released"

"""The provider changes its mind between the steps: a raised minimum, a failure that is mended."""

import pytest
import requests

from local import verdict
from tests.e2e.exactness import assert_converted
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")

STATUS = "/v2/exchange/by-id"
MINIMUM = (
    "SELECT value FROM observations WHERE name LIKE 'minimum:%%' ORDER BY observed_at DESC LIMIT 1"
)


def test_a_minimum_raised_after_the_exchange_was_made_gives_the_payments_back(
    world: World,
) -> None:
    before = verdict.wallet_on_chain(world)
    ids = world.pay("0.0123", "0.0077")
    world.script(path=STATUS, kind="status", status=503, times=3)  # time for the news to come
    batch_id = world.open_batch()
    world.until("the exchange is made", lambda: world.swap_of(batch_id)["state"] == "created")
    world.script(kind="minimum", minimum="1")
    world.until("it is seen", lambda: _seen(world) == 1)
    world.until_batch_is("released", batch_id)

    assert "minimum_raised_to_1" in world.batch(batch_id)["reason"]
    given_back = world.payments(ids)
    assert {(row["state"], row["attempts"]) for row in given_back} == {("pending", 0)}
    assert verdict.wallet_on_chain(world) == before

    world.unscript()
    world.until("the old minimum is seen", lambda: _seen(world) < 1)
    again = world.open_batch()
    world.until_batch_is("distributed", again)
    assert_converted(world, before, again, ids)


def test_a_failure_after_we_paid_that_is_mended_finishes_late(world: World) -> None:
    before = verdict.wallet_on_chain(world)
    ids = world.pay("0.0123", "0.0077")
    world.script(kind="outcome", outcome="failed")
    batch_id = world.open_batch()
    world.until(
        "it is paid and has failed",
        lambda: world.swap_of(batch_id)["provider_status"] == "failed",
    )
    assert world.batch(batch_id)["state"] == "paid"
    assert {row["state"] for row in world.payments(ids)} == {"swapping"}

    mended = requests.post(
        f"{world.endpoints.own_changenow_url}/v2/exchange/continue",
        json={"id": world.swap_of(batch_id)["cn_api_id"]},
        headers={"x-changenow-api-key": world.secret("CHANGENOW_API_KEY")},
        timeout=5,
    )
    assert mended.status_code == 200, mended.text
    world.until_batch_is("distributed", batch_id)
    assert_converted(world, before, batch_id, ids)


def _seen(world: World) -> int:
    """The minimum as last observed, in whole ETH; the reconciler asks when it is time."""
    world.invoke("reconciler")
    return int(world.one(MINIMUM)["value"])

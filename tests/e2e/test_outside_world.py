"""What others see and use: the event bus, and the example of the documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local.day import CHANNEL
from microbatch.events import KINDS
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")

DOCUMENT = Path(__file__).parents[2] / "docs/webhooks.md"


@pytest.fixture
def listener(world: World) -> str:
    """The name of a queue of somebody else's that gets our events from now on."""
    world.listen("somebody-elses")
    return "somebody-elses"


def test_a_conversion_is_told_on_the_bus(world: World, listener: str) -> None:
    ids = world.pay("0.0123", "0.0077")
    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)

    told = world.heard(listener)
    assert [event["type"] for event in told].count("payment.accumulated") == len(ids)
    completed = next(event for event in told if event["type"] == "batch.completed")
    assert completed["version"] == KINDS["batch.completed"].version
    assert set(completed["data"]) == set(KINDS["batch.completed"].fields)
    batch = world.batch(batch_id)
    assert completed["data"]["batch_id"] == batch_id
    assert completed["data"]["received_microusdt"] == str(batch["received_microusdt"])
    assert batch["announced_state"] == "distributed"
    assert len({event["id"] for event in told}) == len(told)


def test_the_documented_example_runs_and_its_payment_is_stored(world: World) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    environment = {
        **os.environ,
        "WEBHOOK_URL": world.endpoints.webhook_url,
        "WEBHOOK_KEY": world.secret("PAYMENTS_WEBHOOK_SECRET"),
        "no_proxy": "127.0.0.1",
    }
    for _ in range(2):  # a sender may repeat itself
        answer = subprocess.run(
            [sys.executable, "-c", example],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (answer.stdout.strip(), answer.returncode) == ('200 {"status": "accepted"}', 0), (
            answer.stderr
        )
    world.until("it is stored", lambda: len(world.payments(["order-1001"])) == 1)
    (payment,) = world.payments(["order-1001"])
    assert (payment["client_id"], payment["source"]) == (CHANNEL, "payments")
    assert payment["received_wei"] == 12_100_000_000_000_000
    world.until_batch_is("distributed", world.open_batch())
    assert world.payments(["order-1001"])[0]["state"] == "converted"

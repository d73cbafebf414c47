"""The demo's day on a stack of its own, and the next batch after it."""

import pytest

from local import verdict
from tests.e2e.conftest import Day
from tests.e2e.exactness import assert_converted
from tests.e2e.world import World


def test_everything_about_the_demos_day_holds(day: Day) -> None:
    assert [finding for finding in day.findings if not finding.holds] == []
    assert len({finding.what for finding in day.findings}) > 15


def test_the_sender_was_told_what_it_should_be(day: Day) -> None:
    told = {(one["what"], one["status"], one["expected_status"]) for one in day.demo.deliveries}
    assert [one for one in told if one[1] != one[2]] == []
    assert {200, 400, 401} == {status for _, status, _ in told}


@pytest.mark.usefixtures("tidy")
def test_a_second_batch_works_after_the_first(world: World) -> None:
    before, books = verdict.wallet_on_chain(world), _finished(world)
    ids = world.pay("0.0071", "0.000000000000000001", "0.013333333333333")

    batch_id = world.open_batch()
    world.until_batch_is("distributed", batch_id)

    assert before.nonce >= 1
    assert_converted(world, before, batch_id, ids)
    assert _finished(world).items() >= books.items()


def _finished(world: World) -> dict[str, str]:
    rows = world.rows("SELECT payment_id, payments::text AS row FROM payments")
    return {row["payment_id"]: row["row"] for row in rows}

"""A few seeds of `make torture`; and that its judge sees what must not be."""

from typing import Any

import pytest

from microbatch.operations.invariants import broken_invariants
from tests.torture import report
from tests.torture.seed import standing, torment
from tests.torture.verdict import look_in_passing

SEEDS = (1, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_ends_with_everybody_paid_once(seed: int, database_fields: dict[str, Any]) -> None:
    outcome = torment(seed, database_fields)

    assert outcome.good, report.failure(outcome)
    assert outcome.verdict.payments_made > 5
    assert sum(outcome.faults.values()) > 50
    assert len(outcome.faults) > 15, "of many kinds"
    summary = report.summary([outcome], outcome.seconds)
    assert "duplicates 0 · losses 0 · gaps 0" in summary


def test_money_that_came_twice_or_never_is_seen(database_fields: dict[str, Any]) -> None:
    """Behind the books: a payee has too much, another's money is gone, a nonce's row is missing."""
    with standing(SEEDS[0], database_fields) as run:
        world = run.world
        for _ in range(2):
            world.order()
        world.live(30)
        world.anvil.rpc("evm_mine")
        first, second = world.transfers()
        assert look_in_passing(world).faultless
        amount = int(first["amount_units"])
        world.anvil.rpc("anvil_setBalance", first["to_address"], hex(2 * amount))
        world.anvil.rpc("anvil_setBalance", second["to_address"], "0x0")
        found = look_in_passing(world)
        assert (len(found.duplicates), len(found.losses)) == (1, 1)
        world.rows("ALTER TABLE transfer_nonces DISABLE TRIGGER ALL; SELECT 1")
        world.rows("DELETE FROM transfer_nonces RETURNING 1")
        assert "nonces_have_no_gap" in broken_invariants(world.database)

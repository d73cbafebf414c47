"""A seed is one history, whatever else is different; and it holds every invariant."""

from tests.simulation import same

FIRST, SEEDS = 10, 3
CONDITIONS = (
    same.CONDITIONS[0],
    same.Condition(
        "one worker, the last seed first, rows found by scans",
        "4711",
        ("--workers", "1", "--reversed", "--planner", "scans"),
    ),
)


def test_a_seed_is_the_same_history_whatever_else_is_different() -> None:
    """Everything it draws, every statement with its rows, every message and every answer."""
    said = [same.simulated(condition, FIRST, SEEDS) for condition in CONDITIONS]
    once, again = map(same.digests, said)

    assert once.keys() == set(range(FIRST, FIRST + SEEDS))
    assert once == again
    assert all("BROKEN" not in each for each in said), said[0][-6000:]
    assert all("duplicates 0 · losses 0" in each.splitlines()[-1] for each in said)

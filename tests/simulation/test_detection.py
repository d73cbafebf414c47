"""The table of deliberate faults is whole, and what it says is so."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.simulation import detection
from tests.simulation.databases import server
from tests.simulation.faults import FAULTS
from tests.simulation.regressions import REGRESSIONS

SAMPLE = 5  # of all faults
SEEDS_MAX = 30  # for one that the seed of the table shows no more


@pytest.fixture(scope="module")
def postgres() -> Iterator[dict[str, Any]]:
    """One server for all copies."""
    with server() as fields:
        yield fields


def test_every_fault_stands_in_the_table_and_is_caught_or_guarded() -> None:
    known = detection.known()
    missed = {
        name
        for name in detection.faults().keys() - detection.GUARDED.keys() - {detection.CONTROL}
        if name not in known or not known[name].caught
    }

    assert known.keys() == detection.faults().keys()
    assert missed == set()


def test_without_a_fault_nothing_is_broken_and_what_is_guarded_says_by_what() -> None:
    known = detection.known()

    assert known[detection.CONTROL].as_it_should_be
    assert all(known[name].as_it_should_be for name in detection.GUARDED)
    assert all(len(fault.guarded_by.split()) >= 4 for fault in FAULTS if fault.guarded_by)
    assert len(FAULTS) - len(detection.GUARDED) >= 25, "of our own"


def test_what_was_found_in_the_product_and_a_sample_are_still_caught(
    postgres: dict[str, Any], tmp_path: Path
) -> None:
    """First of all by the seed in the table."""
    known = detection.known()
    caught = [found for found in known.values() if found.caught]
    sample = [*caught[:: len(caught) // SAMPLE][:SAMPLE], *(known[name] for name in REGRESSIONS)]

    def again(found: detection.Found) -> detection.Found:
        return detection.searched(found.name, tmp_path, postgres, SEEDS_MAX)

    with ThreadPoolExecutor(detection.AT_ONCE) as pool:
        for found in pool.map(again, sample):
            assert found.caught, found.output

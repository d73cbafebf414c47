"""Some hundreds of runs, as CI has them; and that a seed is one history."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdk.stages import STAGES
from tests.simulation import effects_in_code as effects
from tests.simulation import same

ROOT = Path(__file__).parents[2]
SEEDS = 100  # and as many runs again as it takes to end a process at every effect
SEEDS_AGAIN = 5
SECONDS_MAX = 3000
# What has nothing to do with a seed, each other than in the first run.
OTHERWISE = same.Condition(
    "alone, the last seed first, rows found by scans",
    "4711",
    ("--workers", "1", "--reversed", "--planner", "scans"),
)


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    """The simulator as its command line, in processes of their own: its seams stay there."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT}/layers/shared/python"},
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the seeds of CI have seen."""
    path = tmp_path_factory.mktemp("simulation") / "report.json"
    done = simulate("--seeds", str(SEEDS), "--cover", "--report", str(path))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {**found, "output": done.stdout}


def test_every_seed_holds_every_invariant_and_ends(campaign: dict[str, Any]) -> None:
    last = campaign["output"].splitlines()[-1]

    assert campaign["seeds"] >= SEEDS
    assert campaign["payments"] > 3 * SEEDS
    assert "duplicates 0 · losses 0" in last
    assert len(campaign["faults"]) > 40, "of many kinds"


def test_processes_have_ended_at_every_crash_point(campaign: dict[str, Any]) -> None:
    assert campaign["missing"] == []
    assert "(all)" in campaign["output"].splitlines()[-1]


def test_every_place_where_our_code_touches_the_world_was_come_to(campaign: dict[str, Any]) -> None:
    """Found in the text of the product, and looked for in the runs."""
    sites = " ".join(campaign["reached"])
    places = {place.place for name, text in effects.files() for place in effects.places(name, text)}

    assert places
    assert {place for place in places if place not in sites} == set()


def test_every_function_was_part_of_it(campaign: dict[str, Any]) -> None:
    names = {point.split()[0].split("/")[0] for point in campaign["reached"]}

    assert {stage.name for stage in STAGES} <= names


def test_the_same_seed_is_the_same_history_whatever_else_is_different(
    campaign: dict[str, Any],
) -> None:
    """Everything it draws, every statement with its rows, every message and every answer."""
    once = same.digests(campaign["output"])
    again = same.digests(same.simulated(OTHERWISE, 1, SEEDS_AGAIN))

    assert len(again) == SEEDS_AGAIN
    assert again == {seed: once[seed] for seed in again}

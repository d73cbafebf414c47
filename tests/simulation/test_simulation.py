"""Some hundreds of seeds, as CI runs them; and that a seed is a history, and a failure is short."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cdk.stages import STAGES
from tests.simulation import effects_in_code as effects
from tests.simulation.regressions import REGRESSIONS

ROOT = Path(__file__).parents[2]
SEEDS = 150  # and a run more for every crash point that these did not cover
SECONDS_MAX = 3000


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    """The simulator as its command line, in processes of their own: its seams stay there."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        env={
            "PYTHONPATH": f"{ROOT}:{ROOT}/layers/shared/python",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        },
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def digests(output: str) -> dict[str, str]:
    """Seed → digest of its history."""
    lines = [line.split() for line in output.splitlines() if line.startswith("seed ")]
    return {words[1]: next(word for word in words if word.startswith("[")) for words in lines}


@pytest.fixture(scope="session")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the seeds of CI have seen."""
    path = tmp_path_factory.mktemp("simulation") / "report.json"
    done = simulate("--seeds", str(SEEDS), "--cover", "--report", str(path))
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
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


def test_the_same_seed_is_the_same_history() -> None:
    once, again = simulate("--seeds", "6"), simulate("--seeds", "6", "--workers", "1")

    assert once.returncode == again.returncode == 0, once.stdout[-3000:] + again.stdout[-3000:]
    assert digests(once.stdout) == digests(again.stdout)
    assert len(digests(once.stdout)) == 6


@pytest.mark.parametrize(("seed", "words"), REGRESSIONS.items())
def test_what_a_seed_has_found_stays_mended(seed: int, words: Sequence[str]) -> None:
    done = simulate("--seeds", "1", "--first", str(seed))

    assert done.returncode == 0, f"{words}\n{done.stdout[-10_000:]}"

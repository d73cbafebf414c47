"""What a door loads when it starts: nobody pays for what only others use."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdk.stages import STAGES

ROOT = Path(__file__).parents[2]
PATHS = f"{ROOT}:{ROOT / 'layers/shared/python'}"
PROGRAM = """
import importlib, json, sys
importlib.import_module(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
NEVER = {"pydantic", "aws_xray_sdk", "web3", "eth_account"}
ZONES = {
    "edge": NEVER | {"psycopg2", "requests"},
    "ledger": NEVER | {"requests"},
    "vault": NEVER | {"requests"},
    "outbound": NEVER | {"psycopg2"},
}
SECONDS_MAX = 60


def loaded(stage: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"functions.{stage}.handler"],
        env={"PYTHONPATH": PATHS, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.fixture(scope="module")
def all_loaded() -> dict[str, set[str]]:
    names = [stage.name for stage in STAGES]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(names, pool.map(loaded, names), strict=True))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_door_loads_only_what_its_zone_may_need(
    all_loaded: dict[str, set[str]], stage: object
) -> None:
    assert all_loaded[stage.name] & ZONES[stage.zone] == set()  # type: ignore[attr-defined]


def test_what_is_loaded_is_seen(all_loaded: dict[str, set[str]]) -> None:
    assert "microbatch" in all_loaded["accumulator"]
    assert "psycopg2" in all_loaded["migrator"]
    assert "requests" in all_loaded["swap_monitor"]

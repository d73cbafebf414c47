"""No effect of the product passes by the simulator: a new one turns a test red."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import effects_in_code as effects
from tests.simulation.secrets_and_events import EventsClient, KmsClient, SecretsClient
from tests.simulation.sqs import SqsClient

ROOT = Path(__file__).parents[2]
CLIENTS = (SqsClient, SecretsClient, EventsClient, KmsClient)

PASSES_BY = {
    "a socket": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "a process": "import subprocess; subprocess.run(['true'])",
    "a file": "open('/tmp/simulation-guard', 'w')",
    "sleeping": "import time; time.sleep(0)",
    "another client": "standing.world.aws_client('dynamodb')",
    "another call": "standing.world.aws_client('sqs').purge_queue",
}
STEP = """
import sys
from types import SimpleNamespace
from tests.simulation import guard
from tests.simulation.chance import Chance
from tests.simulation.installed import standing
from tests.simulation.seams import Doing, Seams, UnknownEffect, set_current
from tests.simulation.sqs import Sqs, SqsClient
from tests.simulation.clock import Clock
from tests.simulation.world import World

chance = Chance(1)
world = World.__new__(World)
world._clients = {"sqs": SqsClient(Sqs(chance, Clock(), 0), Seams(chance, 0))}
standing.world = world
guard.install()
set_current(Doing("a stage"))
try:
    exec(sys.argv[1])
except UnknownEffect as unknown:
    set_current(None)
    print(unknown)
    sys.exit(42)
sys.exit(0)
"""


def found(search: object) -> list[effects.Found]:
    return [each for name, text in effects.files() for each in search(name, text)]  # type: ignore[operator]


def test_every_library_that_touches_the_world_is_called_behind_a_seam() -> None:
    called = {each.called for each in found(effects.library_calls)}

    assert called == effects.SEAMS.keys() | effects.HARMLESS


def test_of_the_standard_library_only_what_touches_memory_is_imported() -> None:
    touching = {(each.file, each.called) for each in found(effects.imports_that_touch)}

    assert touching == {("wiring/environment", "os")}, "settings come from the environment alone"


def test_no_file_is_opened() -> None:
    assert found(effects.file_calls) == []


def test_every_call_of_an_aws_client_is_one_of_the_simulated_ones() -> None:
    simulated = {name for client in CLIENTS for name in vars(client) if not name.startswith("_")}

    assert {each.called for each in found(effects.client_calls)} <= simulated


@pytest.mark.parametrize(
    ("search", "text"),
    [
        (effects.library_calls, "import requests\ndef f():\n    requests.get('x')"),
        (effects.library_calls, "from psycopg2.pool import ThreadedConnectionPool as P\nP(1)"),
        (effects.imports_that_touch, "def f():\n    import subprocess"),
        (effects.imports_that_touch, "from urllib.request import urlopen"),
        (effects.file_calls, "def f(path):\n    path.write_text('x')"),
        (effects.client_calls, "def f(self):\n    self._client.purge_queue()"),
        (effects.client_calls, "def f(self, name):\n    getattr(self._client, name)()"),
    ],
)
def test_the_search_sees_what_is_new(search: object, text: str) -> None:
    new = list(search("platform/new", text))  # type: ignore[operator]

    known = effects.SEAMS.keys() | effects.HARMLESS
    assert new
    assert not {each.called for each in new} & known


@pytest.mark.parametrize("what", PASSES_BY)
def test_a_step_that_passes_by_the_seams_is_stopped(what: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STEP, PASSES_BY[what]],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT}/layers/shared/python", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 42, done.stdout + done.stderr
    assert "passes no seam" in done.stdout

"""What a ledger door costs to import, against the libraries that it cannot do without.

Our layer is the one that is deployed, and Python may not write, as on Lambda.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Ratio, in_turns, ratio
from bench.server import Server
from cdk import layers, shared_layer
from cdk.stages import STAGES

# The libraries alone, with the parts of Powertools that every door on a queue uses.
ALONE = (
    "import boto3, psycopg2.extras, aws_lambda_powertools.utilities.batch,"
    " aws_lambda_powertools.utilities.data_classes.sqs_event; "
    "from aws_lambda_powertools import Logger, Metrics"
)
TIMED = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
PROJECT = Path(__file__).parent.parent
DOORS = [stage.name for stage in STAGES if stage.zone == "ledger"]
# What a door leaves to its first message: a part of its start all the same.
FIRST_MESSAGE = (
    "import boto3, psycopg2, microbatch.platform.database, microbatch.platform.queues,"
    " microbatch.platform.retry"
)


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """One row: of all ledger doors the slowest."""
    del server
    rounds = 1 if small else 7
    doors = DOORS[:1] if small else DOORS
    taken = in_turns(
        rounds,
        first_too=small,
        alone=lambda: _seconds(ALONE),
        **{name: _of_door(name) for name in doors},
    )
    found = [
        ratio(
            "import_vs_libraries",
            f"importing {name}, and what its first message imports",
            "importing boto3, psycopg2 and Powertools alone",
            taken[name],
            taken["alone"],
            goal=1.15,
            at_least=False,
            milliseconds={
                each: [round(s * 1000) for s in of_each] for each, of_each in taken.items()
            },
        )
        for name in doors
    ]
    yield max(found, key=lambda each: each.median)


def _of_door(name: str):  # type: ignore[no-untyped-def]
    statement = f"import functions.{name}.handler; {FIRST_MESSAGE}"
    return lambda: _seconds(statement)


def _seconds(statement: str) -> float:
    """In a process of its own, as a function starts."""
    layer = shared_layer.built("local", layers.root("local"))
    deployed = {"PYTHONPATH": str(layer.folder / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TIMED.format(statement)],
        cwd=PROJECT,
        env=os.environ | deployed,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)

"""The memory of the process that distributes: it holds no row, however many there are."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from bench import distribute, millions
from bench.measure import Ratio, ratio
from bench.server import Server

LIMIT_MB = 512
PROGRAM = """
import json, resource, sys
limit = int(sys.argv[2]) * 1024 * 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from bench import distribute
fields, count = json.loads(sys.argv[1])
distribute.share_out(fields, count)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def rows(server: Server, *, small: bool) -> Iterator[Ratio]:
    """The row of the table."""
    few, many = (500, 1000) if small else (10_000, millions.MILLION)
    with ExitStack() as stack:
        taken = {}
        for count in (few, many):
            fields = stack.enter_context(distribute.swapping(server, count))
            taken[count] = server.on_a_copy(fields, peak_kb, count)
    yield ratio(
        "memory_of_distribution",
        f"peak memory of a process of at most {LIMIT_MB} MB that distributes over {many:,} rows",
        f"over {few:,}",
        [taken[many]],
        [taken[few]],
        goal=1.1,
        at_least=False,
        peak_mb={str(count): round(kb / 1024, 1) for count, kb in taken.items()},
    )


def peak_kb(fields: Mapping[str, Any], count: int) -> float:
    """What a process needs at most that shares out over these rows. It may not have more."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([dict(fields), count]), str(LIMIT_MB)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])

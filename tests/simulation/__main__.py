"""Simulates: python -m tests.simulation --seeds 50 --first 1 [--trace] [--no-shrink]."""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

from tests.simulation import report
from tests.simulation.databases import server
from tests.simulation.outcome import Outcome
from tests.simulation.workers import Task, Workers, workers

WORKERS = 2
POSTGRES = "SIMULATION_POSTGRES"  # fields of a server to use, as JSON; else one is started
COMMAND = "python -m tests.simulation"


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(
        prog="tests.simulation", description="Runs the product through a world drawn from seeds"
    )
    parser.add_argument("--seeds", type=int, default=50, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--workers", type=int, default=WORKERS, help="seeds at a time")
    parser.add_argument("--trace", action="store_true", help="print every history")
    parser.add_argument("--report", type=Path, help="write the figures here, as JSON")
    parser.add_argument("--quiet", action="store_true", help="no line for each seed")
    return parser.parse_args(words)


@contextmanager
def _workers(options: argparse.Namespace) -> Iterator[Workers]:
    given = os.environ.get(POSTGRES)
    standing: Any = nullcontext(json.loads(given)) if given else server()
    with standing as fields, workers(fields, options.workers) as made:
        yield made


def main(words: Sequence[str]) -> int:
    """Run all seeds until one fails; the summary is the last line. 1 when one has failed."""
    options, began = arguments(words), time.monotonic()
    tally, failed = report.Tally(), None
    with _workers(options) as pool:
        seeds = range(options.first, options.first + options.seeds)
        for outcome in pool.run_all(Task(seed, keeps_history=options.trace) for seed in seeds):
            tally.add(outcome)
            _tell(outcome, options)
            if not outcome.good:
                failed = outcome
                break
    if failed is not None:
        how = f"{COMMAND} --first {failed.seed} --seeds 1 --trace"
        print(report.failure(failed, how))
    elapsed_seconds = time.monotonic() - began
    if options.report:
        tally.write(options.report, elapsed_seconds)
    print(tally.table())
    print(tally.summary(elapsed_seconds), flush=True)
    return 1 if failed else 0


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    if options.trace and outcome.good:
        print("\n".join(outcome.history))
    if not options.quiet:
        print(report.line(outcome), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Simulates: python -m tests.simulation --seeds 50 --first 1 [--trace] [--no-shrink]."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")

from tests.simulation import report, shrink
from tests.simulation.campaign import Campaign
from tests.simulation.databases import PLANNERS, server
from tests.simulation.outcome import Outcome
from tests.simulation.plan import draw_plan
from tests.simulation.workers import Task, Workers, workers

WORKERS = 2
POSTGRES = "SIMULATION_POSTGRES"  # fields of a server to use, as JSON; else one is started


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(
        prog="tests.simulation", description="Runs the product through a world drawn from seeds"
    )
    parser.add_argument("--seeds", type=int, default=50, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--workers", type=int, default=WORKERS, help="seeds at a time")
    parser.add_argument("--again", type=Path, help="run what was written here, step by step")
    parser.add_argument("--trace", action="store_true", help="print every history")
    parser.add_argument("--cover", action="store_true", help="end processes everywhere")
    parser.add_argument("--no-shrink", action="store_true", help="leave a failing history long")
    parser.add_argument("--planner", choices=PLANNERS, default="usual", help="how rows are found")
    parser.add_argument("--reversed", action="store_true", help="the last seed first")
    parser.add_argument("--roughest", action="store_true", help="the roughest worlds first")
    parser.add_argument("--traces", type=Path, help="write every line of each run into this folder")
    parser.add_argument("--report", type=Path, help="write the figures here, as JSON")
    parser.add_argument("--quiet", action="store_true", help="no line for each seed")
    return parser.parse_args(words)


@contextmanager
def _workers(options: argparse.Namespace) -> Iterator[Workers]:
    given = os.environ.get(POSTGRES)
    standing: Any = nullcontext(json.loads(given)) if given else server()
    with standing as fields, workers(fields, options.workers, options.planner) as made:
        yield made


def main(words: Sequence[str]) -> int:
    """Run all seeds until one fails; the summary is the last line. 1 when one has failed."""
    options, began = arguments(words), time.monotonic()
    # a terminated run ends like an interrupted one: its server ends with it
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with _workers(options) as pool:
        campaign = Campaign(pool, print)
        campaign.run(_tasks(options), lambda outcome: _tell(outcome, options))
        if options.cover:
            campaign.cover(lambda outcome: _tell(outcome, options))
        campaign.explain(shrinks=not (options.no_shrink or options.again))
    elapsed_seconds = time.monotonic() - began
    if options.report:
        campaign.tally.write(options.report, elapsed_seconds)
    print(campaign.tally.table())
    if campaign.failed:
        outcome = campaign.failed[1]
        print(f"seed {outcome.seed} broke {outcome.broken}")
    print(campaign.tally.summary(elapsed_seconds), flush=True)
    return 1 if campaign.failed else 0


def _tasks(options: argparse.Namespace) -> Iterator[Task]:
    if options.again:
        yield shrink.read(options.again)
        return
    seeds = range(options.first, options.first + options.seeds)
    order = list(reversed(seeds)) if options.reversed else list(seeds)
    if options.roughest:
        order.sort(key=lambda seed: -draw_plan(seed).severity)
    for seed in order:
        trace_to = options.traces / f"{seed}.trace" if options.traces else None
        yield Task(seed, keeps_history=options.trace, trace_to=trace_to)


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    if options.trace and outcome.good:
        print("\n".join(outcome.history))
    if not options.quiet:
        print(report.line(outcome), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

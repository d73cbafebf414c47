"""Tortures the host payment, a seed a run: python -m tests.torture --seeds 50 --first 1."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from tests.torture import report
from tests.torture.workers import outcomes_of

WORKERS = 2


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(
        prog="tests.torture", description="Runs host payments through faults drawn from seeds"
    )
    parser.add_argument("--seeds", type=int, default=50, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    parser.add_argument("--workers", type=int, default=WORKERS, help="seeds at a time")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run all seeds; a line for each, a table, a summary. 1 when any of them failed."""
    options, began = arguments(words), time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seeds = range(options.first, options.first + options.seeds)
    outcomes = []
    for outcome in outcomes_of(seeds, options.workers):
        outcomes.append(outcome)
        print(report.line(outcome), flush=True)
        if not outcome.good:
            print(report.failure(outcome), flush=True)
    print(report.table(outcomes))
    print(report.summary(outcomes, time.monotonic() - began), flush=True)
    return 0 if all(each.good for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

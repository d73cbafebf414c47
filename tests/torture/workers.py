"""Seeds side by side: each worker is a process, each run has a database and a chain of its own."""

import logging
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from tests.torture.databases import fresh, server
from tests.torture.outcome import Outcome
from tests.torture.seed import torment


def outcomes_of(seeds: Sequence[int], workers: int) -> Iterator[Outcome]:
    """What comes of every seed, as they end."""
    context = multiprocessing.get_context("spawn")
    with server() as fields, ProcessPoolExecutor(workers, context, _be_quiet) as pool:
        try:
            for each in as_completed([pool.submit(_run, seed, fields) for seed in seeds]):
                yield each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _be_quiet() -> None:
    """The product's own log would drown what is said; ended, a worker ends its chain too."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.disable(logging.CRITICAL)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives


def _run(seed: int, server_fields: dict[str, Any]) -> Outcome:
    try:
        with fresh(server_fields, f"torture_{seed}") as fields:
            return torment(seed, fields)
    except Exception:  # what the run needs could not be had: this seed has proved nothing
        return Outcome(seed=seed, crash=traceback.format_exc())

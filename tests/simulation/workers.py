"""Seeds side by side: each worker is a process with a database of its own."""

import gc
import logging
import multiprocessing
import os
import signal
import sys
import traceback
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulation.outcome import Outcome

AHEAD = 4  # tasks a worker that wait, so that none of them is idle


@dataclass(frozen=True)
class Task:
    """One run: a seed, and what of it is left out or forced."""

    seed: int
    only: frozenset[str] | None = None  # of all faults, what may strike
    payments: frozenset[int] | None = None  # of all payments, what comes in
    acts: frozenset[int] | None = None  # of all acts, what is done
    clients: frozenset[str] | None = None  # of all clients, who is registered
    crash_at: frozenset[tuple[str, str]] = frozenset()  # (point, side)
    keeps_history: bool = False
    trace_to: Path | None = None  # where every line of it is written


class Workers:
    """Processes that run tasks."""

    def __init__(self, databases: Sequence[dict[str, Any]]) -> None:
        # fork: what is imported once need not be imported by each
        context = multiprocessing.get_context("fork")
        self._count = len(databases)
        free = context.SimpleQueue()
        for fields in databases:
            free.put(fields)
        self._pool = ProcessPoolExecutor(self._count, context, _begin, (free,))

    def run(self, task: Task) -> Outcome:
        """One task, now."""
        return self._pool.submit(_run, task).result()

    def run_each(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """All of these side by side, each with what came of it."""
        waiting = [(task, self._pool.submit(_run, task)) for task in tasks]
        for task, future in waiting:
            yield task, future.result()

    def run_all(self, tasks: Iterator[Task] | Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """What comes of every task, in their order: who is faster changes nothing."""
        waiting: deque[tuple[Task, Future[Outcome]]] = deque()
        for task in tasks:
            waiting.append((task, self._pool.submit(_run, task)))
            if len(waiting) == self._count * AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for task, future in waiting:
            yield task, future.result()

    def close(self) -> None:
        """What has not begun is not done any more."""
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def workers(fields: dict[str, Any], count: int, planner: str = "usual") -> Iterator[Workers]:
    """So many workers on this server."""
    from tests.simulation.databases import migrated  # noqa: PLC0415 - heavy

    with ExitStack() as stack:
        # one after the other: Postgres copies a database for one at a time
        names = (f"simulation_{os.getpid()}_{number}" for number in range(1, count + 1))
        databases = [stack.enter_context(migrated(fields, name, planner)) for name in names]
        made = Workers(databases)
        stack.callback(made.close)
        yield made


_own: dict[str, Any] = {}


def _begin(free: Any) -> None:
    """In a worker, once: its database, and every seam."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - metrics are printed, and nobody reads them

    from tests.simulation import installed  # noqa: PLC0415 - heavy
    from tests.simulation.books import Books  # noqa: PLC0415
    from tests.simulation.connections import Pool, plain_connection  # noqa: PLC0415
    from tests.simulation.databases import Emptied  # noqa: PLC0415

    own = free.get()
    pool = Pool(own)
    installed.install(pool)
    connection = plain_connection(own)
    _own.update(pool=pool, emptied=Emptied(connection), books=Books(connection))
    installed.forget()
    gc.freeze()  # what is imported stays: nobody need look through it again


def _run(task: Task) -> Outcome:
    from tests.simulation.chance import Chance  # noqa: PLC0415
    from tests.simulation.one_seed import simulate  # noqa: PLC0415
    from tests.simulation.plan import draw_plan, part_of  # noqa: PLC0415
    from tests.simulation.trace import Trace  # noqa: PLC0415

    try:
        _own["emptied"].empty()
        plan = part_of(draw_plan(task.seed), task.payments, task.acts, task.clients)
        trace = Trace(keeps=task.trace_to is not None)
        chance = Chance(task.seed, task.only, trace)
        outcome = simulate(plan, _own["pool"], _own["books"], chance, task.crash_at)
        if task.trace_to is not None:
            trace.write(task.trace_to)
    except Exception:  # what a run needs could not be had: this seed has proved nothing
        return Outcome(seed=task.seed, broken="simulation", seen=traceback.format_exc())
    if outcome.good and not task.keeps_history:
        outcome.history, outcome.struck = [], []
    return outcome

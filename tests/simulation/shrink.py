"""Makes a failing history short: leaves out whatever it fails without, in the same way."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.simulation.outcome import Outcome
from tests.simulation.plan import draw_plan
from tests.simulation.workers import Task, Workers

BUDGET_SECONDS = 400
PARTS = ("crash_at", "only", "acts", "payments", "clients")


class Shrinker:
    """Looks for a smaller task that breaks the same invariant."""

    def __init__(
        self, pool: Workers, failed: Outcome, crash_at: frozenset[tuple[str, str]]
    ) -> None:
        plan = draw_plan(failed.seed)
        self._pool, self._broken = pool, failed.broken
        self._until = time.monotonic() + BUDGET_SECONDS
        self.runs = 0
        self.best = Task(
            failed.seed,
            only=frozenset(failed.struck),
            payments=frozenset(payment.number for payment in plan.payments),
            acts=frozenset(act.number for act in plan.acts),
            clients=frozenset(client.client_id for client in plan.clients),
            crash_at=crash_at,
            keeps_history=True,
        )
        self.outcome = failed

    def shrink(self) -> bool:
        """Whether it could be made to fail again at all; then `best` and `outcome` are short."""
        outcome = self._pool.run(self.best)
        if outcome.broken != self._broken:
            return False
        self._take(self.best, outcome)
        while time.monotonic() < self._until:
            before = _size(self.best)
            for part in PARTS:
                self._reduce(part)
            if _size(self.best) == before:
                break
        return True

    def _reduce(self, part: str) -> None:
        """Leave out halves, then quarters … of one part, as long as it still fails."""
        chunks = 2
        while time.monotonic() < self._until:
            things = sorted(getattr(self.best, part))
            if not things:
                return
            candidates = list(_without_one_chunk(self.best, part, things, chunks))
            if self._first_that_fails(candidates):
                chunks = max(2, chunks - 1)
            elif chunks >= len(things):
                return
            else:
                chunks = min(len(things), 2 * chunks)

    def _first_that_fails(self, candidates: list[Task]) -> bool:
        for pair in (candidates[start : start + 2] for start in range(0, len(candidates), 2)):
            outcomes = dict.fromkeys(pair)
            for task, outcome in self._pool.run_each(pair):
                self.runs += 1
                outcomes[task] = outcome
            for task, outcome in outcomes.items():
                if outcome is not None and outcome.broken == self._broken:
                    self._take(task, outcome)
                    return True
            if time.monotonic() > self._until:
                return False
        return False

    def _take(self, task: Task, outcome: Outcome) -> None:
        struck = frozenset(outcome.struck) & (task.only or frozenset())
        self.best, self.outcome = replace(task, only=struck), outcome


def _without_one_chunk(task: Task, part: str, things: list[Any], chunks: int) -> Iterator[Task]:
    size = -(-len(things) // chunks)
    for start in range(0, len(things), size):
        kept = things[:start] + things[start + size :]
        yield replace(task, **{part: frozenset(kept)})  # type: ignore[arg-type]


def _size(task: Task) -> int:
    return sum(len(getattr(task, part) or ()) for part in PARTS)


def write(task: Task, path: Path) -> None:
    """A task to be run again."""
    fields = {
        "seed": task.seed,
        "only": None if task.only is None else sorted(task.only),
        "payments": None if task.payments is None else sorted(task.payments),
        "acts": None if task.acts is None else sorted(task.acts),
        "clients": None if task.clients is None else sorted(task.clients),
        "crash_at": sorted(task.crash_at),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(fields, indent=1), encoding="utf-8")


def read(path: Path) -> Task:
    """What `write` has written."""
    fields = json.loads(path.read_text(encoding="utf-8"))
    crash_at = fields.pop("crash_at")
    parts = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in fields.items()
    }
    return Task(**parts, crash_at=frozenset(map(tuple, crash_at)), keeps_history=True)

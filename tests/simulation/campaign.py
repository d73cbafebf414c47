"""Many seeds: run, covered, and what failed made short."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tests.simulation import report, shrink
from tests.simulation.outcome import Outcome
from tests.simulation.workers import Task, Workers

COMMAND = "python -m tests.simulation"
FOLDER = Path(__file__).parents[2] / ".local/simulation"
ROUNDS_MAX = 8  # of covering: what ends elsewhere comes to new places
ENDS_MAX = 12  # of processes, told to one run: each changes what comes after it


class Campaign:
    """Runs seeds until one fails."""

    def __init__(self, pool: Workers, say: Callable[[str], None]) -> None:
        self._pool, self._say = pool, say
        self.tally = report.Tally()
        self.failed: tuple[Task, Outcome] | None = None

    def run(self, tasks: Iterator[Task] | Sequence[Task], tell: Callable[[Outcome], None]) -> None:
        """All tasks, or up to the first that fails."""
        for task, outcome in self._pool.run_all(tasks):
            self.tally.add(outcome, task.crash_at)
            tell(outcome)
            if not outcome.good:
                self.failed = (task, outcome)
                return

    def cover(self, tell: Callable[[Outcome], None]) -> None:
        """End processes wherever none has ended yet, in a seed that comes there."""
        for number in range(ROUNDS_MAX):
            if not self.tally.missing or self.failed:
                return
            most = max(1, ENDS_MAX >> number)
            self.run([Task(seed, crash_at=ends) for seed, ends in self._aimed(most)], tell)

    def _aimed(self, most: int) -> Iterator[tuple[int, frozenset[tuple[str, str]]]]:
        """Seed, and where in it processes are to end: at up to so many more places."""
        places: dict[tuple[int, tuple[tuple[str, str], ...]], list[tuple[str, str]]] = {}
        for each in self.tally.missing:
            way = self.tally.seen_in[each[0]]
            places.setdefault((way.seed, way.ends), []).append(each)
        for (seed, ends), found in sorted(places.items()):
            for start in range(0, len(found), most):
                yield seed, frozenset([*ends, *found[start : start + most]])

    def explain(self, *, shrinks: bool) -> None:
        """What has failed, as short as it can be made, and how to see it again."""
        if self.failed is None:
            return
        task, outcome = self.failed
        again = f"{COMMAND} --first {task.seed} --seeds 1 --trace"
        if task.crash_at or task.only is not None:
            again = self._written(task)
        if shrinks and outcome.broken != "simulation":
            began = time.monotonic()
            shrinker = shrink.Shrinker(self._pool, outcome, task.crash_at)
            if shrinker.shrink():
                short, kept = shrinker.outcome, len(shrinker.best.only or ())
                self._say(
                    f"made short in {shrinker.runs} runs, {time.monotonic() - began:.0f} s:"
                    f" {len(outcome.history)} lines, {len(outcome.struck)} faults →"
                    f" {len(short.history)} lines, {kept} faults"
                )
                outcome, again = (
                    shrinker.outcome,
                    f"{again}\n--- short: {self._written(shrinker.best)}",
                )
                self._say("--- what strikes:\n" + "\n".join(sorted(shrinker.best.only or ())))
        self._say(report.failure(outcome, again))

    def _written(self, task: Task) -> str:
        path = FOLDER / f"seed-{task.seed}-{len(task.only or ())}.json"
        shrink.write(replace(task), path)
        return f"{COMMAND} --again {path.relative_to(FOLDER.parents[1])}"

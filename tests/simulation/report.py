"""What came of the seeds, for people: what struck, what was covered, and one line for all of it."""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.simulation.outcome import Outcome

PARTS = {
    "crash": "crashes",
    "message": "messages",
    "send": "messages",
    "sqs": "messages",
    "node": "nodes",
    "chain": "chain",
    "exchange": "exchange",
    "database": "database",
    "commit": "database",
    "act": "people",
}


class Way(NamedTuple):
    """How a run came to a place: some are only seen after processes have ended elsewhere."""

    ends_count: int
    steps: int
    seed: int
    ends: tuple[tuple[str, str], ...]


class Tally:
    """Everything that all runs so far have seen."""

    def __init__(self) -> None:
        self.seeds = self.payments = self.steps = self.duplicates = self.losses = 0
        self.faults: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.reached: Counter[str] = Counter()
        self.crashed: Counter[tuple[str, str]] = Counter()
        self.seen_in: dict[str, Way] = {}  # crash point → the shortest way there
        self.seconds = 0.0

    def add(self, outcome: Outcome, ends: frozenset[tuple[str, str]] = frozenset()) -> None:
        """One more; `ends`: where its processes were told to end."""
        self.seeds += 1
        self.payments += outcome.payments
        self.steps += outcome.steps
        self.duplicates += outcome.duplicates
        self.losses += outcome.losses
        self.seconds += outcome.seconds
        self.faults += outcome.faults
        self.ends += outcome.ends
        self.reached += outcome.reached
        self.crashed += outcome.crashed
        way = Way(len(ends), outcome.steps, outcome.seed, tuple(sorted(ends)))
        for point in outcome.reached:
            self.seen_in[point] = min(way, self.seen_in.get(point, way))

    @property
    def missing(self) -> list[tuple[str, str]]:
        """Crash points, with their side, where no process has ended yet."""
        sides = [(point, side) for point in sorted(self.reached) for side in ("before", "after")]
        return [each for each in sides if each not in self.crashed]

    def summary(self, elapsed_seconds: float) -> str:
        """The last line."""
        parts: Counter[str] = Counter()
        for kind, count in self.faults.items():
            parts[PARTS.get(kind.partition("_")[0], "other")] += count
        faults = ", ".join(f"{part} {count}" for part, count in parts.most_common())
        points = 2 * len(self.reached)
        covered = points - len(self.missing)
        every = " (all)" if covered == points else ""
        per_second = self.payments / elapsed_seconds if elapsed_seconds else 0
        return " · ".join(
            [
                f"seeds {self.seeds}",
                f"payments {self.payments}",
                f"faults {sum(self.faults.values())} ({faults})",
                f"crash points covered {covered} of {points}{every}",
                f"duplicates {self.duplicates}",
                f"losses {self.losses}",
                f"{self.steps} steps in {elapsed_seconds:.0f} s, {per_second:.1f} payments/s",
            ]
        )

    def table(self) -> str:
        """How often each kind of fault struck."""
        width = max(map(len, self.faults), default=0)
        rows = [f"  {kind:<{width}}  {count:>8}" for kind, count in sorted(self.faults.items())]
        return "\n".join(["faults that struck, by kind:", *rows])

    def write(self, path: Path, elapsed_seconds: float) -> None:
        """All of it as JSON."""
        fields = {
            "seeds": self.seeds,
            "payments": self.payments,
            "steps": self.steps,
            "seconds": round(elapsed_seconds, 1),
            "faults": dict(sorted(self.faults.items())),
            "ends": dict(sorted(self.ends.items())),
            "reached": dict(sorted(self.reached.items())),
            "missing": self.missing,
            "duplicates": self.duplicates,
            "losses": self.losses,
        }
        path.write_text(json.dumps(fields, indent=1), encoding="utf-8")


def line(outcome: Outcome) -> str:
    """One seed's line."""
    ends = ", ".join(f"{count} {state}" for state, count in sorted(outcome.ends.items()) if count)
    hours = outcome.virtual_seconds / 3600
    said = (
        f"seed {outcome.seed}  {outcome.seconds:.2f} s  {outcome.steps} steps  {hours:.1f} h"
        f"  {sum(outcome.faults.values())} faults  [{outcome.digest}]  {ends}"
    )
    return said if outcome.good else f"{said}  BROKEN {outcome.broken}"


def failure(outcome: Outcome, how: str) -> str:
    """The whole history of a run that went wrong, and how to see it again."""
    return "\n".join(
        [
            f"--- seed {outcome.seed}, step by step:",
            *outcome.history,
            f"--- broken invariant: {outcome.broken}",
            *outcome.seen.splitlines()[:60],
            f"--- again: {how}",
        ]
    )

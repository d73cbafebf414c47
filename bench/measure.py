"""Ratios of two things that are run in turns, so that what else the machine does hits both."""

import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
Run = Callable[[], float]  # one round; seconds, of what is compared and nothing else


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """One row of the table: what was measured against what, and how often the one is the other."""

    name: str
    what: str
    against: str
    median: float
    low: float  # quartiles of the rounds
    high: float
    goal: float
    at_least: bool  # the goal is a floor; else a ceiling
    rounds: int
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the median is on the right side of the goal."""
        return self.median >= self.goal if self.at_least else self.median <= self.goal

    @property
    def line(self) -> str:
        """The result in one line."""
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.met else "MISSED"
        spread = f"({self.low:.3g} to {self.high:.3g})"
        return f"{self.name:34} {self.median:8.3g} {spread:22} {sign} {self.goal:<6g} {verdict}"

    @property
    def fields(self) -> dict[str, Any]:
        """For the JSON."""
        return {**asdict(self), "met": self.met}


def seconds_of(act: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def in_turns(rounds: int, *, first_too: bool = False, **runs: Run) -> dict[str, list[float]]:
    """Seconds of every round of every run: A, B, A, B, …

    A first round is thrown away, unless each round begins anew as it is.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds if first_too else rounds + 1):
        for name, run in runs.items():
            taken = run()
            if number or first_too:
                seconds[name].append(taken)
    return seconds


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """(lower quartile, median, upper quartile)."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, statistics.median(values), high


def ratio(
    name: str,
    what: str,
    against: str,
    over: list[float],
    under: list[float],
    *,
    goal: float,
    at_least: bool,
    **figures: Any,
) -> Ratio:
    """The ratio over/under, round by round: each is of one moment of the machine."""
    low, median, high = quartiles([a / b for a, b in zip(over, under, strict=True)])
    return Ratio(
        name=name,
        what=what,
        against=against,
        median=median,
        low=low,
        high=high,
        goal=goal,
        at_least=at_least,
        rounds=len(over),
        figures=figures,
    )


@contextmanager
def said(text: str) -> Iterator[None]:
    """Say what is being prepared, and how long it took."""
    began = time.perf_counter()
    print(f"  {text} …", end="", file=sys.stderr, flush=True)
    yield
    print(f" {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What it was measured on, as far as it matters and names nobody."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    models = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    load = Path("/proc/loadavg")
    return {
        "processor": models[0] if models else platform.machine(),
        "processors": len(models) or None,
        "load_average_1_min": float(load.read_text().split()[0]) if load.exists() else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }

"""Whether the simulator finds faults: python -m tests.simulation.detection [--seeds 100] [NAME …].

Each fault is made in a copy of the project, and the copy is simulated until a seed is broken.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import beliefs, bytes_sent, nonces, project
from tests.mutation.project import PACKAGE, Edit
from tests.simulation.faults import FAULTS

SEEDS = 100
CONTROL = "no_fault"  # the project as it is, on the same seeds: nothing may be broken
AT_ONCE = 2
ENDED = re.compile(r"^seed (\d+)  (.*?)(?:  BROKEN (\S+))?$", re.MULTILINE)
# Not of our code but of the simulation itself: that proves nothing.
NO_PROOF = frozenset({"simulation"})


@dataclass(frozen=True, slots=True)
class Found:
    """What came of simulating one fault."""

    name: str
    seeds: int  # that were run to their end
    seed: int | None = None  # that was broken
    invariant: str = ""
    seconds: float = 0.0
    output: str = ""

    @property
    def caught(self) -> bool:
        """Whether a seed has shown it."""
        return self.seed is not None and self.invariant not in NO_PROOF

    @property
    def row(self) -> str:
        """For the table."""
        how = f"{self.seed} | {self.invariant}" if self.caught else f"– | {self.invariant or '–'}"
        return f"| `{self.name}` | {how} | {self.seeds} |"


def faults() -> dict[str, tuple[Edit, ...]]:
    """Every fault by its name: none, ours, and those of the peers."""
    peers = (*nonces.MUTANTS, *bytes_sent.MUTANTS, *beliefs.MUTANTS)
    return {CONTROL: (), **{each.name: each.edits for each in (*FAULTS, *peers)}}


def simulated(name: str, edits: Sequence[Edit], folder: Path, seeds: int) -> Found:
    """Simulate a copy with these edits until a seed is broken, or so many were good."""
    began = time.monotonic()
    with project.copied(folder / name) as copy:
        project.apply(copy, edits)
        words = [sys.executable, "-m", "tests.simulation", "--first", "1", "--seeds", str(seeds)]
        ended = subprocess.run(
            [*words, "--workers", "1", "--no-shrink"],
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy / PACKAGE.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
    lines = ENDED.findall(ended.stdout)
    broken = next(((int(seed), how) for seed, _, how in lines if how), (None, ""))
    if ended.returncode and broken[0] is None:
        broken = (None, "did not run")
    seconds = time.monotonic() - began
    return Found(name, len(lines), *broken, seconds, ended.stdout[-4000:] + ended.stderr[-4000:])


def all_simulated(names: Iterable[str], seeds: int, at_once: int) -> Iterator[Found]:
    """What came of each, in their order; each on a server of its own."""
    known = faults()
    with (
        tempfile.TemporaryDirectory(prefix="microbatch-detection-") as folder,
        ThreadPoolExecutor(at_once) as pool,
    ):
        yield from pool.map(lambda name: simulated(name, known[name], Path(folder), seeds), names)


def main(words: Sequence[str]) -> int:
    """Simulate the faults and print the table; 1 when one was not caught, or the control was."""
    parser = argparse.ArgumentParser(prog="tests.simulation.detection")
    parser.add_argument("names", nargs="*", help="these faults only")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="the most for each")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="faults at a time")
    options = parser.parse_args(words)
    missed = 0
    print("| fault | seed | broken invariant | seeds run |\n|---|--:|---|--:|", flush=True)
    for found in all_simulated(options.names or list(faults()), options.seeds, options.at_once):
        print(found.row, flush=True)
        missed += found.caught is (found.name == CONTROL)
        if found.invariant in {*NO_PROOF, "did not run"}:
            print(found.output, flush=True)
    print(f"\nnot as it should be: {missed}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

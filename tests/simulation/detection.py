"""Whether the simulator finds faults: python -m tests.simulation.detection [--seeds 60] [NAME …].

Each fault is made in a copy of the project, and the copy is simulated until a seed is broken. What
has come of it is written into docs/reliability.md; the seed that stands there is tried first.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation import beliefs, bytes_sent, nonces, project
from tests.mutation.project import PACKAGE, Edit
from tests.simulation.databases import migrated, server
from tests.simulation.faults import FAULTS

SEEDS = 60
CONTROL = "no_fault"  # the project as it is, on the same seeds: nothing may be broken
AT_ONCE = 2
DOCUMENT = project.ROOT / "docs/reliability.md"
HEAD = "| fault | broken invariant | seed | steps |\n|---|---|--:|--:|\n"
ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (\d*) \| (\d*) \|$", re.MULTILINE)
ENDED = re.compile(r"^seed (\d+) .*? (\d+) steps .*?(?:  BROKEN (\S+))?$", re.MULTILINE)
# Not of our code but of the simulation itself: that proves nothing.
NO_PROOF = frozenset({"simulation", "did not run"})
GUARDED = {
    **{fault.name: fault.guarded_by for fault in FAULTS if fault.guarded_by},
    "error_counted_as_absence": "the bytes: what seems absent is sent again as it is",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What came of simulating one fault."""

    name: str
    seeds: int = 0  # that were run to their end
    invariant: str = ""
    seed: int | None = None  # that was broken
    steps: int = 0  # of its, up to where it was
    output: str = ""

    @property
    def caught(self) -> bool:
        """Whether a seed has shown it."""
        return self.seed is not None and self.invariant not in NO_PROOF

    @property
    def as_it_should_be(self) -> bool:
        """Whether it was caught, or is none."""
        if self.name == CONTROL or self.name in GUARDED:
            return not self.caught and self.invariant not in NO_PROOF
        return self.caught

    @property
    def row(self) -> str:
        """For the table."""
        if self.caught:
            return f"| `{self.name}` | {self.invariant} | {self.seed} | {self.steps} |"
        clean = f"none in {self.seeds} seeds"
        guard = GUARDED.get(self.name, "")
        said = f"{clean}: guarded by {guard}" if guard else self.invariant or clean
        return f"| `{self.name}` | {said} |  |  |"


def faults() -> dict[str, tuple[Edit, ...]]:
    """Every fault by its name: none, ours, and those of the peers."""
    peers = (*nonces.MUTANTS, *bytes_sent.MUTANTS, *beliefs.MUTANTS)
    return {CONTROL: (), **{each.name: each.edits for each in (*FAULTS, *peers)}}


def known() -> dict[str, Found]:
    """What stands in the document."""
    found = {}
    for name, said, seed, steps in ROW.findall(DOCUMENT.read_text(encoding="utf-8")):
        caught = {"invariant": said, "seed": int(seed), "steps": int(steps)} if seed else {}
        found[name] = Found(name, **caught)
    return found


def simulated(
    name: str, folder: Path, postgres: Mapping[str, Any], seeds: int, first: int = 1
) -> Found:
    """Simulate a copy with this fault until a seed is broken, or so many were good."""
    edits = faults()[name]
    with project.copied(folder / f"{name}-{first}") as copy:
        if edits:
            project.apply(copy, edits)
        words = ["--first", str(first), "--seeds", str(seeds), "--workers", "1", "--no-shrink"]
        ended = subprocess.run(
            [sys.executable, "-m", "tests.simulation", *words, "--roughest"],
            cwd=copy,
            env={
                **os.environ,
                "PYTHONPATH": f"{copy}:{copy / PACKAGE.parent}",
                "SIMULATION_POSTGRES": json.dumps(dict(postgres)),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    lines = ENDED.findall(ended.stdout)
    output = ended.stdout[-4000:] + ended.stderr[-4000:]
    for seed, steps, invariant in lines:
        if invariant:
            return Found(name, len(lines), invariant, int(seed), int(steps), output)
    return Found(name, len(lines), "did not run" if ended.returncode else "", output=output)


def searched(name: str, folder: Path, postgres: Mapping[str, Any], seeds: int) -> Found:
    """What came of a fault: by the seed that has shown it before, else by any."""
    before = known().get(name)
    if before is not None and before.seed is not None:
        again = simulated(name, folder, postgres, 1, before.seed)
        if again.caught:
            return again
    return simulated(name, folder, postgres, seeds)


def all_searched(names: Iterable[str], seeds: int, at_once: int) -> Iterator[Found]:
    """What came of each, as they end; all on one server."""
    with (
        tempfile.TemporaryDirectory(prefix="microbatch-detection-") as folder,
        server() as postgres,
        ThreadPoolExecutor(at_once) as pool,
    ):
        with migrated(postgres, "first"):
            pass  # the roles belong to the server: two who begin at once would both make them
        try:
            begun = [pool.submit(searched, name, Path(folder), postgres, seeds) for name in names]
            for ended in as_completed(begun):
                yield ended.result()
        except BaseException:  # interrupted: what has not begun is not done any more
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def write(found: Found) -> None:
    """Put a row into the document's table, in the order of the faults."""
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = {match[1]: match[0] for match in ROW.finditer(text)} | {found.name: found.row}
    start = text.index(HEAD) + len(HEAD)
    end = start + sum(len(match[0]) + 1 for match in ROW.finditer(text, start))
    body = "".join(f"{rows[name]}\n" for name in faults() if name in rows)
    DOCUMENT.write_text(text[:start] + body + text[end:], encoding="utf-8")


def main(words: Sequence[str]) -> int:
    """Simulate the faults and print the table; 1 when one was not caught, or the control was."""
    parser = argparse.ArgumentParser(prog="tests.simulation.detection")
    parser.add_argument("names", nargs="*", help="these faults only")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="the most for each")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="faults at a time")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its server ends with it
    wrong = 0
    print(HEAD, end="", flush=True)
    for found in all_searched(options.names or list(faults()), options.seeds, options.at_once):
        print(found.row, flush=True)
        write(found)
        wrong += not found.as_it_should_be
        if found.invariant in NO_PROOF:
            print(found.output, flush=True)
    print(f"\nnot as it should be: {wrong}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

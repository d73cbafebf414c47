"""Whether a seed is one history: python -m tests.simulation.same [--seeds 60] [--load 2].

The same seeds are run again and again, each time under other conditions that must not matter. Where
two runs differ, the first line in which they do is shown.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEDS = 60
CONTEXT_LINES = 6
LINE_CHARACTERS_MAX = 1500
BUSY = "while True: pass"


@dataclass(frozen=True)
class Condition:
    """Something that must not matter."""

    name: str
    hash_seed: str
    words: tuple[str, ...]


CONDITIONS = (
    Condition("two workers", "0", ("--workers", "2")),
    Condition("one worker, the last seed first", "1", ("--workers", "1", "--reversed")),
    Condition("rows found by scans", "2", ("--workers", "2", "--planner", "scans")),
    Condition("rows found by indexes", "3", ("--workers", "2", "--planner", "indexes")),
)


def digests(output: str) -> dict[int, str]:
    """Seed → digest of its history; of a seed that was run more than once, the first."""
    found: dict[int, str] = {}
    for line in output.splitlines():
        words = line.split()
        if line.startswith("seed ") and "steps" in words:
            digest = next(word for word in words if word.startswith("["))
            found.setdefault(int(words[1]), digest)
    return found


def simulated(condition: Condition, first: int, seeds: int, *more: str) -> str:
    """What the simulator has printed under this condition."""
    words = ["--first", str(first), "--seeds", str(seeds), "--no-shrink", *condition.words, *more]
    ended = subprocess.run(
        [sys.executable, "-m", "tests.simulation", *words],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/shared/python'}",
            "PYTHONHASHSEED": condition.hash_seed,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        print(ended.stdout[-6000:], ended.stderr[-3000:])
    return ended.stdout


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that take time from everybody."""
    running = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def first_difference(seed: int, one: Condition, other: Condition) -> str:
    """The first line in which two runs of a seed differ, with what came before it."""
    with tempfile.TemporaryDirectory(prefix="microbatch-same-") as folder:
        traces = []
        for number, condition in enumerate((one, other)):
            place = Path(folder) / str(number)
            simulated(condition, seed, 1, "--traces", str(place))
            traces.append((place / f"{seed}.trace").read_text(encoding="utf-8").split("\n"))
    for number, pair in enumerate(zip_longest(*traces, fillvalue="(it is over)")):
        if pair[0] != pair[1]:
            before = traces[0][max(0, number - CONTEXT_LINES) : number]
            lines = [f"line {number + 1}", *before, f"- {pair[0]}", f"+ {pair[1]}"]
            return "\n".join(line[:LINE_CHARACTERS_MAX] for line in lines)
    return "alike when they are run alone"


def main(words: Sequence[str]) -> int:
    """1 when a seed has had two histories."""
    parser = argparse.ArgumentParser(prog="tests.simulation.same")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--load", type=int, default=0, help="processes that take time away")
    parser.add_argument("--conditions", type=int, default=len(CONDITIONS), help="the first of them")
    options = parser.parse_args(words)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its server ends with it
    usual = CONDITIONS[0]
    expected: dict[int, str] = {}
    different = 0
    with busy(options.load):
        for condition in CONDITIONS[: options.conditions]:
            began = time.monotonic()
            found = digests(simulated(condition, options.first, options.seeds))
            expected = expected or found
            differ = sorted(seed for seed in expected if found.get(seed) != expected[seed])
            different += len(differ)
            print(
                f"{condition.name}: {len(found)} seeds, {len(differ)} differ,"
                f" {time.monotonic() - began:.0f} s",
                flush=True,
            )
            for seed in differ[:2]:
                print(f"seed {seed}: {first_difference(seed, usual, condition)}", flush=True)
    print(f"histories that differ: {different}")
    return 1 if different or not expected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

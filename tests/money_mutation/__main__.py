"""Changes the money modules a little at a time: python -m tests.money_mutation [--sample 8]."""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence

from tests.money_mutation import child, report
from tests.money_mutation.equivalent import EQUIVALENT, Equivalent
from tests.money_mutation.found import mutants_of
from tests.money_mutation.modules import MODULES, Module
from tests.money_mutation.mutant import Mutant
from tests.money_mutation.report import Tally
from tests.money_mutation.runs import Baseline, Runs, standing

WORKERS = 2


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser(
        prog="tests.money_mutation",
        description="Runs the tests of the money modules on every small change to those modules",
    )
    parser.add_argument("--only", nargs="*", default=[], help="these modules, not all")
    parser.add_argument("--sample", type=int, default=1, help="every so manieth mutant only")
    parser.add_argument("--workers", type=int, default=WORKERS, help="runs at a time")
    return parser.parse_args(words)


def claim_of(mutant: Mutant) -> Equivalent | None:
    """Why a mutant is said to change nothing, if it is."""
    return next((each for each in EQUIVALENT if each.is_of(mutant)), None)


def stale_claims(mutants: Iterable[Mutant], paths: Iterable[str]) -> list[str]:
    """What is called equivalent in these files, and is no mutant."""
    known, looked_at = list(mutants), set(paths)
    return [
        f"{each.path}, {each.within}: no such mutant any more: {each.after}"
        for each in EQUIVALENT
        if each.path in looked_at and not any(each.is_of(mutant) for mutant in known)
    ]


def tally_of(
    module: Module,
    mutants: Sequence[Mutant],
    baseline: Baseline,
    runs: Runs,
    options: argparse.Namespace,
) -> Tally:
    """Run a module's mutants; every survivor is printed as it is found."""
    tally = Tally(module.path, len(mutants))
    chosen = mutants[:: options.sample]
    for mutant, fate in runs.fates(module, chosen, baseline, options.workers):
        if tally.add(mutant, fate, claim_of(mutant)):
            print(report.difference(mutant, fate), flush=True)
    return tally


def main(words: Sequence[str]) -> int:
    """Run the mutants and print the table; 1 when too many survive in a module, or of a sample."""
    options, began = arguments(words), time.monotonic()
    modules = [each for each in MODULES if not options.only or each.path in options.only]
    mutants = {
        each.path: list(mutants_of(child.PACKAGE, each.path, each.functions)) for each in modules
    }
    problems = stale_claims(
        [one for all_ in mutants.values() for one in all_], [each.path for each in modules]
    )
    tallies: list[Tally] = []
    baselines: dict[tuple[str, ...], Baseline] = {}
    with standing(modules) as runs:
        for module in modules:
            if module.tests not in baselines:
                baselines[module.tests] = runs.baseline(module)
            baseline = baselines[module.tests]
            tallies.append(tally_of(module, mutants[module.path], baseline, runs, options))
    print(report.table(tallies))
    problems += [claim for each in tallies for claim in each.false_claims]
    for problem in problems:
        print(problem)
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    judged = tallies if options.sample == 1 else [report.total_of(tallies)]  # of one a few are few
    return 0 if all(each.good for each in judged) and not problems else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

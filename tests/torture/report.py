"""What came of the seeds, for people: a line each, a table, and one line for all of them."""

from collections import Counter
from collections.abc import Sequence

from tests.torture.outcome import Outcome

PARTS = {
    "node": "node",
    "message": "messages",
    "crash": "crashes",
    "chain": "chain",
    "money": "money",
    "key": "key",
    "exchange": "exchange",
    "people": "people",
}


def line(outcome: Outcome) -> str:
    """One seed's line."""
    verdict = outcome.verdict
    ends = ", ".join(f"{count} {state}" for state, count in sorted(outcome.ends.items()))
    struck = sum(outcome.faults.values())
    said = (
        f"seed {outcome.seed:>4}  {outcome.seconds:5.1f} s  {struck:>5} faults"
        f"  duplicates {len(verdict.duplicates)}, losses {len(verdict.losses)},"
        f" gaps {len(verdict.gaps)}  [{outcome.digest}]  {ends}  ({outcome.character})"
    )
    return said if outcome.good else f"{said}  FAILED"


def failure(outcome: Outcome) -> str:
    """What is wrong with a seed, how to see it again, and all that was done to it."""
    again = f"make torture FIRST={outcome.seed} SEEDS=1"
    if "crowded" in outcome.character:
        again += "  (which of its signers comes first is up to the machine)"
    return "\n".join(
        [
            f"--- seed {outcome.seed} failed; again: {again}",
            *outcome.verdict.complaints,
            *outcome.crash.splitlines(),
            "--- what was done to it, step by step:",
            *outcome.trace,
            f"--- end of seed {outcome.seed}",
        ]
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """How often each kind of fault struck, and how seldom."""
    faults = _faults(outcomes)
    width = max(map(len, faults), default=0)
    seeds = {kind: sum(kind in each.faults for each in outcomes) for kind in faults}
    lines = [
        f"  {kind:<{width}}  {faults[kind]:>7}  in {seeds[kind]} seeds" for kind in sorted(faults)
    ]
    return "\n".join(["faults that struck, by kind:", *lines])


def summary(outcomes: Sequence[Outcome], seconds: float) -> str:
    """The last line."""
    faults = _faults(outcomes)
    by_part = Counter[str]()
    for kind, count in faults.items():
        by_part[PARTS[kind.partition(".")[0]]] += count
    parts = ", ".join(f"{part} {count}" for part, count in by_part.most_common())
    said = [
        f"seeds {len(outcomes)}",
        f"payments made {sum(each.verdict.payments_made for each in outcomes)}",
        f"faults injected {sum(faults.values())} ({parts})",
        f"duplicates {sum(len(each.verdict.duplicates) for each in outcomes)}",
        f"losses {sum(len(each.verdict.losses) for each in outcomes)}",
        f"gaps {sum(len(each.verdict.gaps) for each in outcomes)}",
    ]
    failed = sum(not each.good for each in outcomes)
    said += [f"seeds failed {failed}"] if failed else []
    return " · ".join([*said, f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"])


def _faults(outcomes: Sequence[Outcome]) -> Counter[str]:
    return sum((each.faults for each in outcomes), Counter[str]())

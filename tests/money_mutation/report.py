"""What a run prints: survivors as they are found, then a table, one row a module."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.money_mutation.equivalent import Equivalent
from tests.money_mutation.mutant import Mutant
from tests.money_mutation.runs import Fate

SCORE_MIN_PERCENT = 90
ALIVE = (Fate.SURVIVED, Fate.NOT_COVERED)


@dataclass
class Tally:
    """What became of a module's mutants."""

    path: str
    mutants: int  # that the module has; fewer may have been run
    fates: Counter[Fate] = field(default_factory=Counter)
    equivalent: int = 0
    false_claims: list[str] = field(default_factory=list)  # "equivalent", and yet killed

    def add(self, mutant: Mutant, fate: Fate, claim: Equivalent | None) -> bool:
        """Count a fate; whether it is a survivor that somebody has to look at."""
        if claim is None:
            self.fates[fate] += 1
            return fate in ALIVE
        if fate in ALIVE:
            self.equivalent += 1
        else:
            self.false_claims.append(f"{mutant.name} is called equivalent, and was {fate.value}")
        return False

    @property
    def killed(self) -> int:
        """Those that a test has noticed; by not ending, too."""
        return self.fates[Fate.KILLED] + self.fates[Fate.TIMED_OUT]

    @property
    def survived(self) -> int:
        """Those that no test has noticed."""
        return sum(self.fates[fate] for fate in ALIVE)

    @property
    def run(self) -> int:
        """Those that count for the score."""
        return self.killed + self.survived

    @property
    def score_permille(self) -> int:
        """Killed of those that count, rounded down."""
        return 1000 * self.killed // self.run if self.run else 1000

    @property
    def good(self) -> bool:
        """Whether enough were killed, and nothing was called equivalent that is not."""
        return self.score_permille >= 10 * SCORE_MIN_PERCENT and not self.false_claims


def difference(mutant: Mutant, fate: Fate) -> str:
    """A survivor, for a person."""
    return f"{fate.value}: {mutant.name}\n  - {mutant.before}\n  + {mutant.after}"


def total_of(tallies: Sequence[Tally]) -> Tally:
    """All modules as one."""
    total = Tally("all", sum(each.mutants for each in tallies))
    for each in tallies:
        total.fates += each.fates
        total.equivalent += each.equivalent
        total.false_claims += each.false_claims
    return total


def table(tallies: Sequence[Tally]) -> str:
    """Markdown, one row a module and one for all."""
    rows = [_row(each) for each in [*tallies, total_of(tallies)]]
    heading = "| module | mutants | run | killed | by time-out | survived | equivalent | score |"
    return "\n".join([heading, "|---|--:|--:|--:|--:|--:|--:|--:|", *rows])


def _row(tally: Tally) -> str:
    timed_out = tally.fates[Fate.TIMED_OUT]
    whole, tenth = divmod(tally.score_permille, 10)
    return (
        f"| `{tally.path}` | {tally.mutants} | {tally.run + tally.equivalent} | {tally.killed}"
        f" | {timed_out} | {tally.survived} | {tally.equivalent} | {whole}.{tenth} % |"
    )

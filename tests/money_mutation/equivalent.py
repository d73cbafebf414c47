"""Mutants that no test can kill, because nothing that can happen tells them from the code.

Each with its reason. A run fails when one of them does not exist any more, or is killed.
"""

from dataclasses import dataclass

from tests.money_mutation.mutant import Mutant


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant by what it changes, and why that changes nothing."""

    path: str
    within: str
    before: str
    after: str
    reason: str

    def is_of(self, mutant: Mutant) -> bool:
        """Whether it is this mutant."""
        return (self.path, self.within, self.before, self.after) == (
            mutant.path,
            mutant.within,
            mutant.before,
            mutant.after,
        )


EQUIVALENT: tuple[Equivalent, ...] = ()

"""A deliberate fault in our own code: one rule taken out, and why that loses money."""

from dataclasses import dataclass

from tests.mutation.project import Edit


@dataclass(frozen=True, slots=True)
class Fault:
    """One place, as it stands and as the fault has it, and what comes of it."""

    name: str
    path: str  # within the package
    before: str  # stands there exactly once
    after: str
    loses: str  # a sentence
    guarded_by: str = ""  # what else stands in its way, so that alone it does no harm
    also: tuple[Edit, ...] = ()  # what goes with it: that which else stood in its way

    @property
    def edits(self) -> tuple[Edit, ...]:
        """For a copy of the project."""
        return (Edit(self.path, self.before, self.after), *self.also)

    def __str__(self) -> str:
        return self.name

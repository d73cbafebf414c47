"""At the end: every payment is where it may be, and the chain agrees to the unit."""

from tests.simulation.judge import Judge
from tests.simulation.world import World


class Verdict:
    """The last look."""

    def __init__(self, world: World, judge: Judge) -> None:
        self._world, self._judge = world, judge

    def give(self) -> None:
        """Raises Wrong."""

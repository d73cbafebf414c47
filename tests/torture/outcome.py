"""What came of one seed, for whoever reports it."""

from collections import Counter
from dataclasses import dataclass, field

from tests.torture.verdict import Verdict


class Wrong(Exception):
    """Something is wrong on the way already."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


@dataclass(kw_only=True)
class Outcome:
    """What came of one seed."""

    seed: int
    character: str = ""
    verdict: Verdict = field(default_factory=Verdict)
    crash: str = ""  # what the run itself could not go on from
    faults: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)
    digest: str = ""
    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.verdict.faultless and not self.crash

"""What came of one seed."""

from collections import Counter
from dataclasses import dataclass, field


class Wrong(BaseException):
    """Something that must never be so is so: the name of what is broken, and what was seen.

    Not an Exception: nothing of ours may catch it.
    """

    def __init__(self, name: str, seen: str) -> None:
        super().__init__(f"{name}: {seen}")
        self.name, self.seen = name, seen


@dataclass(kw_only=True)
class Outcome:
    """What came of one run, for whoever reports it or makes it shorter."""

    seed: int
    broken: str = ""  # name of the invariant
    seen: str = ""
    history: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)  # crash points
    crashed: Counter[tuple[str, str]] = field(default_factory=Counter)
    payments: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    losses: int = 0
    steps: int = 0
    seconds: float = 0.0
    virtual_seconds: float = 0.0
    digest: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.broken

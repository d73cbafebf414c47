"""What was done to one run, step by step, and how often, by kind."""

import hashlib
from collections import Counter


class Trace:
    """Kinds are `part.what`: of the node, a message, a crash, the chain, the money, people."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._steps: list[tuple[str, list[str]]] = []

    def begin(self, step: str) -> None:
        """Whatever follows happens in this step."""
        self._steps.append((step, []))

    def note(self, kind: str, detail: str = "") -> None:
        """One thing went wrong."""
        self.counts[kind] += 1
        self.tell(f"{kind} {detail}".strip())

    def tell(self, what: str) -> None:
        """Something that is no fault, but belongs to the story."""
        if not self._steps:
            self.begin("before")
        self._steps[-1][1].append(what)

    def lines(self) -> list[str]:
        """A line for each step in which something happened; what came several times, counted."""
        return [f"{step}: {_joined(events)}" for step, events in self._steps if events]

    def digest(self, *more: str) -> str:
        """The same for the same history."""
        text = "\n".join([*self.lines(), *more])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _joined(events: list[str]) -> str:
    counted = Counter(events)  # keeps the order of the first of each
    return ", ".join(f"{what} ×{times}" if times > 1 else what for what, times in counted.items())

"""What happens by chance: drawn from the seed and from what it is about, never from an order.

So leaving one fault out changes no draw of another, and a failing history can be made shorter.
"""

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

from tests.simulation.trace import Trace

T = TypeVar("T")

UNIT = 2**64


class Chance:
    """Every draw of one seed. `only`: of all that could strike, what may; None for everything."""

    def __init__(
        self, seed: int, only: frozenset[str] | None = None, trace: Trace | None = None
    ) -> None:
        self.seed = seed
        self.trace = trace or Trace()
        self.troubled = True  # else nothing strikes
        self.struck: list[str] = []
        self.faults: Counter[str] = Counter()
        self._only = only
        self._asked: Counter[str] = Counter()

    def strikes(self, kind: str, about: str, likely: float) -> bool:
        """Whether this kind of fault strikes here and now."""
        if not self.troubled:
            return False
        name = self.numbered(f"{kind}:{about}")
        hit = self.unit(name) < likely if self._only is None else name in self._only
        self.trace.note(f"draw {name} {hit}")
        if hit:
            self.struck.append(name)
            self.faults[kind] += 1
        return hit

    def unit(self, about: str) -> float:
        """A number from 0 to 1, always the same for the same thing."""
        digest = blake2b(f"{self.seed}|{about}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / UNIT

    def next_unit(self, about: str) -> float:
        """A number from 0 to 1, another one each time."""
        name = self.numbered(about)
        self.trace.note(f"draw {name}")
        return self.unit(name)

    def pick(self, about: str, options: Sequence[T]) -> T:
        """One of the options, another one each time."""
        return options[int(self.next_unit(about) * len(options))]

    def between(self, about: str, least: float, most: float) -> float:
        """A number within these, another one each time."""
        return least + (most - least) * self.next_unit(about)

    def source(self, about: str) -> Random:
        """A source of many draws about one thing."""
        return Random(f"{self.seed}|{about}")

    def numbered(self, name: str) -> str:
        """The name with how often it was asked for."""
        self._asked[name] += 1
        return f"{name}#{self._asked[name]}"

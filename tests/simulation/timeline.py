"""What happens next: messages when they are visible, schedules when it is their time, plans."""

import heapq
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.simulation.clock import Clock

LONGEST_SECONDS = 900
STRETCH = 1.7


class Timeline:
    """A heap of what is to come; what happens at the same time happens in the order it came in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[datetime, int, str, Any]] = []
        self._number = 0
        self._counts: Counter[str] = Counter()

    def at(self, when: datetime, kind: str, what: Any) -> None:
        """Something is to happen then."""
        self._number += 1
        self._counts[kind] += 1
        heapq.heappush(self._heap, (when, self._number, kind, what))

    def next(self) -> tuple[str, Any]:
        """The next that happens; it is its time now."""
        when, _, kind, what = heapq.heappop(self._heap)
        self._counts[kind] -= 1
        self._clock.to(max(when, self._clock.now))
        return kind, what

    def take_soon(
        self, seconds: float, wanted: Callable[[str, Any], bool]
    ) -> list[tuple[str, Any]]:
        """The next that comes within so many seconds and is wanted: it happens now. Or nothing."""
        until = self._clock.after(seconds)
        soon = [each for each in self._heap if each[0] <= until and wanted(each[2], each[3])]
        if not soon:
            return []
        taken = min(soon)
        self._heap.remove(taken)
        heapq.heapify(self._heap)
        self._counts[taken[2]] -= 1
        return [(taken[2], taken[3])]

    def has(self, kind: str) -> bool:
        """Whether anything of a kind is to come."""
        return self._counts[kind] > 0


class Schedule:
    """A stage that is started every so often; less often while nothing goes on."""

    def __init__(self, name: str, period_seconds: float) -> None:
        self.name, self.period_seconds = name, period_seconds
        self._wait_seconds = period_seconds

    def next_wait(self, busy: bool) -> float:
        """Seconds to its next turn. A schedule that misses turns is nothing unusual."""
        if busy:
            self._wait_seconds = 2 * self.period_seconds
        else:
            longest = max(LONGEST_SECONDS, self.period_seconds)
            self._wait_seconds = min(self._wait_seconds * STRETCH, longest)
        return self._wait_seconds

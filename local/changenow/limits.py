"""The rate limit (30 calls a second and 1800 a minute for each key), and a count of calls."""

import threading
import time
from collections import Counter
from collections.abc import Callable

CALLS_PER_SECOND = 30
CALLS_PER_MINUTE = 1800


class Bucket:
    """A token bucket; not thread-safe by itself."""

    def __init__(self, capacity: int, period_seconds: float, now: float) -> None:
        self._capacity = capacity
        self._per_second = capacity / period_seconds
        self._tokens = float(capacity)
        self._at = now

    def has_token(self, now: float) -> bool:
        """Whether a call is allowed now."""
        self._tokens = min(self._capacity, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        return self._tokens >= 1

    def take(self) -> None:
        """Use one token."""
        self._tokens -= 1


class RateLimit:
    """Both limits, for each caller by itself. Thread-safe."""

    def __init__(
        self,
        per_second: int = CALLS_PER_SECOND,
        per_minute: int = CALLS_PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sizes = ((per_second, 1.0), (per_minute, 60.0))
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, list[Bucket]] = {}

    def allows(self, caller: str) -> bool:
        """Count one call; False when it is one too many."""
        with self._lock:
            now = self._clock()
            buckets = self._buckets.get(caller)
            if buckets is None:
                buckets = [Bucket(size, period, now) for size, period in self._sizes]
                self._buckets[caller] = buckets
            if not all([bucket.has_token(now) for bucket in buckets]):  # noqa: C419 - refill both
                return False
            for bucket in buckets:
                bucket.take()
            return True


class CallCounts:
    """How often each endpoint was called. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, call: str) -> None:
        """Count one call."""
        with self._lock:
            self._counts[call] += 1

    def so_far(self) -> dict[str, int]:
        """Every endpoint called, with its number of calls."""
        with self._lock:
            return dict(self._counts)

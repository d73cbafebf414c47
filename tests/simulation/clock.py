"""The only clock there is: it stands still until the next thing happens."""

from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import Any, Self

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NANOSECONDS = 1_000_000_000
# Only secrets are kept by this clock; read anew every five minutes they would be most of all calls.
MONOTONIC_SLOWNESS = 24


class Clock:
    """The time of day, as everybody in the simulation sees it."""

    def __init__(self) -> None:
        self.now = START

    def to(self, when: datetime) -> None:
        """Let time pass until then."""
        assert when >= self.now, f"time does not go back from {self.now} to {when}"
        self.now = when

    def after(self, seconds: float) -> datetime:
        """The time so many seconds from now, to the millisecond."""
        return self.now + timedelta(milliseconds=round(seconds * 1000))

    @property
    def elapsed_seconds(self) -> float:
        """Since the simulation began."""
        return (self.now - START).total_seconds()


class _IsAnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


def datetime_of(clock: Clock) -> type[datetime]:
    """The class `datetime` with this clock's now()."""

    class SimulatedDatetime(datetime, metaclass=_IsAnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            assert tz is not None, "a time without a zone"
            return clock.now.astimezone(tz)  # type: ignore[return-value]

    return SimulatedDatetime


def time_of(clock: Clock) -> Any:
    """The module `time` as far as it tells the time; anything else of it is not there."""
    return SimpleNamespace(
        time=lambda: clock.now.timestamp(),  # noqa: PLW0108 - of another clock each time
        monotonic_ns=lambda: int(clock.elapsed_seconds * NANOSECONDS) // MONOTONIC_SLOWNESS,
    )

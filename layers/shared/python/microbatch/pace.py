"""How often a row that waits is asked about, and when it has stood still for too long."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

SQS_DELAY_SECONDS_MAX = 900
MARGIN_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Standstill:
    """For which rows the reconciler sends a message again.

    The wait grows with the time a row has been in its state, from `stale_after_seconds` to half
    that time, up to an hour: an outage of a day does not pile up hundreds of copies.
    """

    SQL: ClassVar[str] = (
        "%(now)s - greatest(state_since, asked_at) >= least("
        " greatest(%(stale)s, (%(now)s - state_since) / 2), %(longest)s)"
    )

    now: datetime
    stale_after_seconds: int
    longest_seconds: int

    @property
    def parameters(self) -> dict[str, object]:
        """For the SQL."""
        return {"now": self.now, "stale": self._stale, "longest": self._longest}

    @property
    def _stale(self) -> timedelta:
        return timedelta(seconds=self.stale_after_seconds)

    @property
    def _longest(self) -> timedelta:
        return timedelta(seconds=max(self.longest_seconds, self.stale_after_seconds))

    def due_at(self, state_since: datetime, asked_at: datetime | None) -> datetime:
        """From when on the SQL finds a row of this state and question."""
        asked = max(state_since, asked_at or state_since)
        already = asked - state_since
        half_of_its_age = max(asked + self._stale, asked + already)
        return min(half_of_its_age, asked + self._longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Polling is not retrying: one question, one answer, and a guard before the next."""

    poll_wait_seconds: int
    slow_poll_wait_seconds: int
    slow_poll_after_seconds: int
    stale_after_seconds: int

    def wait_seconds(self, since: datetime, now: datetime) -> int:
        """Seconds between two questions about a row that has waited since then."""
        slow = now - since >= timedelta(seconds=self.slow_poll_after_seconds)
        return self.slow_poll_wait_seconds if slow else self.poll_wait_seconds

    def delay_seconds(self, since: datetime, now: datetime) -> int:
        """The delay of the next question's message.

        SQS delays by 15 minutes at most: past that the reconciler asks, when the time has come.
        """
        wait_seconds = self.wait_seconds(since, now)
        return wait_seconds if wait_seconds <= SQS_DELAY_SECONDS_MAX else 0

    def not_since(self, since: datetime, now: datetime) -> datetime:
        """A question may be asked again when the last one is not younger than this.

        A little less than the wait, so that the answer to the question before always passes and
        its duplicates never do.
        """
        wait_seconds = self.wait_seconds(since, now)
        return now - timedelta(seconds=wait_seconds - min(wait_seconds / 4, MARGIN_SECONDS))

    def standstill(self, now: datetime) -> "Standstill":
        """When a row has stood still for too long at this time."""
        return Standstill(now, self.stale_after_seconds, self.slow_poll_wait_seconds)

    @property
    def stale_after(self) -> timedelta:
        """After so long without progress a row is sent its message again."""
        return timedelta(seconds=self.stale_after_seconds)

    def given_up_before(self, now: datetime) -> datetime:
        """What was begun before then and has not been paid for is given up."""
        return now - timedelta(seconds=self.slow_poll_after_seconds)

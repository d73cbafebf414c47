"""One row on the way of somebody's money: where it stands, and what is to be said of that."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from microbatch.operations.facts import Facts
from microbatch.operations.lifetimes import Act, Ages, Lifetime, lifetime
from microbatch.operations.reasons import explain
from microbatch.operations.reasons.reason import Reason
from microbatch.operations.requests import Surroundings
from microbatch.pace import Pace
from microbatch.pauses import service as pauses
from microbatch.pauses.model import Part, Pause
from microbatch.platform.database import Transaction

Row = dict[str, Any]

ENDS = {
    Act.ALARM: "counts as over age from then on, with an alarm",
    Act.RELEASE: "is given up: what it was to pay goes back, and is tried again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is needed to explain any row: the books, the clock and the rules of time."""

    tx: Transaction
    now: datetime
    ages: Ages
    pace: Pace
    confirmations: int
    schedule_seconds: Mapping[str, int]  # period of each schedule, by its function
    paused: Mapping[Part, Pause]  # those that are

    @classmethod
    def of(cls, tx: Transaction, now: datetime, surroundings: Surroundings) -> "Look":
        """With the rules of the surroundings."""
        return cls(
            tx=tx,
            now=now,
            ages=surroundings.policies.ages,
            pace=surroundings.policies.pace,
            confirmations=surroundings.policies.swap.confirmations,
            schedule_seconds=surroundings.schedule_seconds,
            paused={each.part: each for each in pauses.shown(tx) if each.paused_at is not None},
        )

    def ago(self, at: datetime) -> int:
        """Seconds since then."""
        return max(0, int((self.now - at).total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What happens by itself: what, by whom, and when at the earliest; None: at its next run."""

    does: str
    by: str
    at: datetime | None

    def shown(self) -> Facts:
        """As JSON can have it."""
        return {"does": self.does, "by": self.by, "at": self.at.isoformat() if self.at else None}


@dataclass(slots=True, kw_only=True)
class Link:
    """A row, and why it is where it is."""

    entity: str
    row_id: str
    state: str
    since: datetime
    life: Lifetime | None  # None: nothing follows any more
    reason: str | None = None  # as it is stored
    waits_since: datetime | None = None  # for this reason
    unblocked_by: str | None = None  # unless it is what the reason, or the state, says
    details: list[str] = field(default_factory=list)
    next: Next | None = None
    last: Next | None = None

    @property
    def meaning(self) -> Reason | None:
        """What the reason's code means."""
        return explain(self.reason) if self.reason else None

    def shown(self, now: datetime) -> Facts:
        """As JSON can have it."""
        meaning, life = self.meaning, self.life
        return {
            "entity": self.entity,
            "id": self.row_id,
            "state": self.state,
            "final": life is None,
            "since": self.since.isoformat(),
            "seconds": max(0, int((now - self.since).total_seconds())),
            "waits_for": life.waits_for if life else None,
            "reason": self.reason,
            "waits_since": self.waits_since.isoformat() if self.waits_since else None,
            "meaning": meaning.meaning if meaning else None,
            "unblocked_by": self.unblocked_by or _unblocked_by(life, meaning),
            "fix": meaning.fix if meaning else None,
            "details": self.details,
            "next": self.next.shown() if self.next else None,
            "last": self.last.shown() if self.last else None,
        }


def wait_for(look: Look, made: Link, *parts: Part) -> None:
    """A paused part is the reason, whatever else there is: before it goes on nothing else counts.

    Who paused it, and why, is said with it.
    """
    for part in parts:
        pause = look.paused.get(part)
        if pause is not None:
            made.reason, made.waits_since = part.reason, pause.paused_at
            made.details.append(f"{part.value} was paused by {pause.who}: {pause.why}")
            return


def _unblocked_by(life: Lifetime | None, meaning: Reason | None) -> str | None:
    """Who or what ends it: the reason knows better than the state, as far as it is known."""
    if life is None:
        return None
    return meaning.unblocked_by if meaning is not None and meaning.code else life.unblocked_by


def link(
    look: Look,
    entity: str,
    row_id: str,
    row: Row,
    *,
    state: str | None = None,
    since: datetime | None = None,
    begun: datetime | None = None,
) -> Link:
    """A row with what its lifetime says of its state.

    `since`: when it came there; `begun`: from when on its greatest age counts.
    """
    state = row["state"] if state is None else state
    since = row["state_since"] if since is None else since
    life = lifetime(entity, state)
    made = Link(entity=entity, row_id=row_id, state=state, since=since, life=life)
    if life is not None and life.max_age and life.act is not Act.FOLLOW:
        at = (begun or since) + timedelta(seconds=look.ages.seconds(life.max_age))
        made.last = Next(does=ENDS.get(life.last_act, life.does), by="reconciler", at=at)
    return made


def nothing_by_itself() -> Next:
    """What a row that waits for a person says of its next act."""
    return Next(does="nothing happens by itself: a person decides", by="an operator", at=None)


def sent_again(look: Look, life: Lifetime, row: Row, *, polled_by: str | None = None) -> Next:
    """When a row that stands still is asked about: by the question that is under way, or anew."""
    asked_at: datetime | None = row.get("asked_at")
    if polled_by is not None and asked_at is not None:
        wait = look.pace.delay_seconds(row["state_since"], look.now)
        polled_at = asked_at + timedelta(seconds=wait)
        if wait and polled_at > look.now:
            return Next(does="it is asked again, and so on until it goes on", by=polled_by,
                        at=polled_at)  # fmt: skip
    due_at = look.pace.standstill(look.now).due_at(row["state_since"], asked_at)
    return Next(does=life.does, by="reconciler", at=max(due_at, look.now))


def at_next_run(life: Lifetime, schedule: str, not_before: datetime | None) -> Next:
    """What a schedule does at its next run, or at the first one from a time on."""
    return Next(does=life.does, by=schedule, at=not_before)

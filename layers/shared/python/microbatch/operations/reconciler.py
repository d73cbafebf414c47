"""Do for every row that has stood still for too long what its lifetime says.

Each row has a transaction of its own, each chore its share of the time: what can not be helped
holds up nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from microbatch.errors import RetryLater
from microbatch.messages import Outgoing
from microbatch.operations import standstill_store
from microbatch.operations.chores import CHORES, Chore
from microbatch.operations.chores import Policies as Policies  # noqa: PLC0414 - for wiring
from microbatch.operations.measuring import measure
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, count_unhandled, logger


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a run works with."""

    transact: Callable[..., Any]  # act(tx, now, *arguments), in a transaction of its own
    send: Callable[[list[Outgoing]], None]
    milliseconds_left: Callable[[], int]


def reconcile(policies: Policies, means: Means) -> dict[str, int]:
    """How many messages were sent for each chore; then what waits is measured.

    Every row's message comes from the same function the handlers use, through the same guard: a
    lost message is made good, a slow one is not doubled. Raises RetryLater without a database.
    """
    means.transact(_bounded, _reach)
    sent: dict[str, int] = {}
    for place, chore in enumerate(CHORES):
        left = means.milliseconds_left()
        share = left // (len(CHORES) - place + 1)  # one is left for the measuring
        sent[chore.name] = _Run(chore, policies, means, left - share).sent()
    resent = {name: messages for name, messages in sent.items() if messages}
    resent.pop("observations", None)
    if resent:
        count("resent", sum(resent.values()))
        logger.warning("rows_stood_still", messages=sum(resent.values()), chores=resent)
    try:
        means.transact(_bounded, measure, policies)
    except Exception as error:
        _tell_failure(error, "measuring")
    return sent


@dataclass(frozen=True, slots=True)
class _Run:
    chore: Chore
    policies: Policies
    means: Means
    stop_at_milliseconds: int

    def sent(self) -> int:
        """Do the chore for every row it finds, as long as its share of the time lasts."""
        outgoing, helped = [], []
        for key in self._found():
            if self.means.milliseconds_left() < self.stop_at_milliseconds:
                logger.warning("reconciler_cut_short", chore=self.chore.name)
                break
            messages = self._done(key)
            if messages:
                outgoing += messages
                helped.append(key)
            else:  # whatever the reason: it must not stand before the others
                self._note([key], looked_at=True)
        return len(outgoing) if self._send(outgoing, helped) else 0

    def _found(self) -> list[str]:
        try:
            found: list[str] = self.means.transact(_bounded, self.chore.find, self.policies)
        except Exception as error:
            _tell_failure(error, self.chore.name)
            return []
        return found

    def _done(self, key: str) -> list[Outgoing]:
        try:
            messages: list[Outgoing] = self.means.transact(
                _bounded, self.chore.do, key, self.policies
            )
        except Exception as error:
            _tell_failure(error, self.chore.name, key)
            return []
        return messages

    def _send(self, outgoing: list[Outgoing], helped: list[str]) -> bool:
        """Whether all went out; else the rows are found again in the next run."""
        if not outgoing:
            return True
        try:
            self.means.send(outgoing)
        except Exception as error:
            _tell_failure(error, self.chore.name)
            self._note(helped, looked_at=False)
            return False
        return True

    def _note(self, keys: list[str], *, looked_at: bool) -> None:
        def note(tx: Transaction, now: datetime) -> None:
            at = now if looked_at else None
            standstill_store.set_asked(tx, self.chore.table, keys, at)

        try:
            self.means.transact(_bounded, note)
        except Exception as error:
            _tell_failure(error, self.chore.name, *keys[:3])


def _bounded(tx: Transaction, now: datetime, act: Callable[..., Any], *arguments: Any) -> Any:
    standstill_store.bound(tx)
    return act(tx, now, *arguments)


def _reach(tx: Transaction, now: datetime) -> None:
    """The database answers; without it every chore would fail by itself."""
    del tx, now


def _tell_failure(error: Exception, chore: str, *rows: str) -> None:
    """Called while an error is handled: the log has it. One that is the server's is no bug."""
    if isinstance(error, RetryLater):  # away, too slow, or somebody else is at work on the row
        logger.warning("reconciler_item_waits", chore=chore, rows=rows, reason=str(error))
        return
    count("reconciler_item_failed")
    count_unhandled()
    logger.exception("reconciler_item_failed", chore=chore, rows=rows)

"""An operator's acts: each is checked, done once, and recorded with who and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from microbatch.messages import Outgoing
from microbatch.operations import clients, holding, pausing, redriving, settings, unparking
from microbatch.operations.looking import LOOKS, Looked
from microbatch.operations.requests import (
    Request,
    Surroundings,
    act_in,
    check_author,
    is_dry_run,
)
from microbatch.platform.database import Transaction
from microbatch.platform.observability import rehearsal

Done = tuple[dict[str, Any], list[Outgoing]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What an act does, and whether that changes anything."""

    do: Callable[[Request, Transaction, datetime, Surroundings], Done]
    changes: bool = True  # so it wants who and why
    rehearsed: bool = False  # it moves or releases money: `dry_run` says what would happen


def _looking(look: Callable[[Request, Transaction, datetime, Surroundings], Looked]) -> Act:
    return Act(do=lambda *asked: (look(*asked), []), changes=False)


ACTS_IN_ONE_TRANSACTION: dict[str, Act] = {
    "accept": Act(do=holding.accept, rehearsed=True),
    "cancel": Act(do=unparking.cancel, rehearsed=True),
    "clients add": Act(do=clients.add),
    "clients address": Act(do=clients.set_address),
    "clients list": Act(do=clients.show_all, changes=False),
    "clients pause": Act(do=clients.pause),
    "clients resume": Act(do=clients.pause),
    "clients show": Act(do=clients.show, changes=False),
    "pause": Act(do=pausing.pause),
    "reject": Act(do=holding.reject, rehearsed=True),
    "release": Act(do=unparking.release, rehearsed=True),
    "resume": Act(do=pausing.resume),
    "retry": Act(do=unparking.retry, rehearsed=True),
    "threshold get": Act(do=settings.get_threshold, changes=False),
    "threshold set": Act(do=settings.set_threshold),
    "wallets activate": Act(do=unparking.activate, rehearsed=True),
    **{name: _looking(look) for name, look in LOOKS.items()},
}
ACTS = frozenset({*ACTS_IN_ONE_TRANSACTION, *redriving.ACTS})


def perform(request: Request, tx: Transaction, now: datetime, surroundings: Surroundings) -> Done:
    """(what came of it, messages to send). Raises InvalidInput, having changed nothing."""
    name = act_in(request, sorted(ACTS))
    act = ACTS_IN_ONE_TRANSACTION[name]
    if act.changes:
        check_author(request)
    if not is_dry_run(request, act.rehearsed):
        answer, outgoing = act.do(request, tx, now, surroundings)
        return ({**answer, "sent": _counted(outgoing)} if act.changes else answer), outgoing
    with rehearsal(), tx.savepoint() as point:  # done in earnest, and undone
        answer, outgoing = act.do(request, tx, now, surroundings)
        tx.execute("SET CONSTRAINTS ALL IMMEDIATE")
        point.rollback()
    return {**answer, "dry_run": True, "sent": _counted(outgoing)}, []


def _counted(outgoing: Sequence[Outgoing]) -> dict[str, int]:
    return dict(sorted(Counter(each.queue for each in outgoing).items()))

"""An operator's acts on dead letters: what became of their rows decides what is sent, if anything.

Each has a transaction of its own. Its row is looked at; what the row calls for now is signed anew
and sent; only then is it thrown away. Ending in between is harmless: it is found again, and a
message that comes twice changes nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

from microbatch.errors import InvalidInput, InvalidToken, RetryLater
from microbatch.messages import QUEUES, EventOccurred, Message, Outgoing, PaymentReceived
from microbatch.operations import letter_store
from microbatch.operations.chores import Policies
from microbatch.operations.letters import About, about
from microbatch.operations.requests import (
    Request,
    act_in,
    check_author,
    is_dry_run,
    number_in,
    text_in,
)
from microbatch.operations.standing import Standing, stand
from microbatch.platform.database import Transaction
from microbatch.platform.observability import count, logger

LIMIT = 100
LIMIT_MAX = 1000
HIDDEN_SECONDS = 120  # longer than any run; a run that ends early gives back what it keeps
SPARE_MILLISECONDS = 8_000  # for giving back, and for the answer


class Letter(Protocol):
    """One dead letter (platform.dead_letters)."""

    queue: str
    message_id: str
    body: str

    @property
    def reason(self) -> str:
        """Why its consumer gave up."""
        ...

    @property
    def first_sent_ms(self) -> int:
        """When it was first sent, Unix time."""
        ...


class Letters(Protocol):
    """The dead-letter queues (platform.dead_letters.DeadLetters)."""

    def receive(self, queue: str, hidden_seconds: int) -> list[Any]:
        """Some of them, hidden from others."""
        ...

    def move(self, letter: Any) -> None:
        """To its queue, as it is."""
        ...

    def delete(self, letter: Any) -> None:
        """For good."""
        ...

    def give_back(self, letter: Any) -> None:
        """Seen by others again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a run works with."""

    letters: Letters
    read: Callable[[str, str], Message]  # (queue, body), its signature checked and not its age
    transact: Callable[..., Any]  # act(tx, now, *arguments), in a transaction of its own
    send: Callable[[list[Outgoing]], None]
    milliseconds_left: Callable[[], int]
    policies: Policies


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to become of one dead letter, and why."""

    outcome: str  # "sent", "moved", "nothing_to_send" or "kept"
    why: str
    row: str = ""
    outgoing: list[Outgoing] = field(default_factory=list)
    kind: str = ""  # of message; "" when it cannot be read


def redrive(request: Request, means: Means) -> dict[str, Any]:
    """Send again what the rows of a queue's dead letters call for. Raises InvalidInput.

    What cannot be read stays, and the answer says what is wrong with it; `discard_poison` throws
    it away once it is recorded.
    """
    queue = text_in(request, "queue", "|".join(QUEUES))
    limit = number_in(request, "limit", LIMIT, LIMIT_MAX)
    dry_run = is_dry_run(request, can_be_rehearsed=True)
    discards = request.get("discard_poison", False)
    if not isinstance(discards, bool):
        raise InvalidInput("discard_poison must be true or false")
    run = _Run(request, means, queue, limit, dry_run, discards)
    if not dry_run:
        check_author(request)
        run.act_id = means.transact(letter_store.begin, request, queue)
    return run.answer()


def dead(request: Request, means: Means) -> dict[str, Any]:
    """What is in a queue's dead letters, and how their rows stand; nothing is changed."""
    queue = text_in(request, "queue", "|".join(QUEUES))
    limit = number_in(request, "limit", LIMIT, LIMIT_MAX)
    shown = _Run(request, means, queue, limit, dry_run=True, discards=False).answer()
    return {"queue": queue, "letters": shown["letters"], "more": shown["more"]}


ACTS: dict[str, Callable[[Request, Means], dict[str, Any]]] = {"redrive": redrive, "dead": dead}


@dataclass
class _Run:
    request: Request
    means: Means
    queue: str
    limit: int
    dry_run: bool
    discards: bool
    act_id: int = 0
    done: list[dict[str, Any]] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    rows: set[About] = field(default_factory=set)
    sent: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    def answer(self) -> dict[str, Any]:
        """Handle what there is within limit and time, and say what became of it."""
        try:
            self._work()
        except RetryLater as unwell:  # what is handled is handled; the rest is there next time
            self.stopped = str(unwell)
        self._give_back()
        outcomes = dict(sorted(Counter(each["outcome"] for each in self.done).items()))
        result = {
            "changed": not self.dry_run and bool(set(outcomes) - {"kept"}),
            "before": {"dead_letters": len(self.done)},
            "after": {"dead_letters": len(self.kept), **outcomes},
            "sent": dict(sorted(self.sent.items())),
            "letters": self.done,
            "more": bool(self.stopped) or len(self.done) >= self.limit,
        }
        if self.stopped:
            result["stopped"] = self.stopped
        if self.dry_run:
            return {**result, "dry_run": True}
        self.means.transact(letter_store.end, self.act_id, result["after"])
        return result

    def _work(self) -> None:
        while len(self.done) < self.limit:
            if self.means.milliseconds_left() < SPARE_MILLISECONDS:
                self.stopped = "no time is left: say it again"
                return
            found = self.means.letters.receive(self.queue, HIDDEN_SECONDS)
            if not found:
                return
            for place, letter in enumerate(found):
                if len(self.done) >= self.limit:
                    self.kept += found[place:]
                    return
                self._handle(letter)

    def _handle(self, letter: Letter) -> None:
        self.kept.append(letter)
        plan = self._plan(letter)
        outcome = plan.outcome
        if not self.dry_run:
            outcome = self._carry_out(letter, plan)
        self.sent.update(each.queue for each in plan.outgoing)
        if plan.outcome == "moved":
            self.sent[letter.queue] += 1
        self.done.append(
            {
                "message_id": letter.message_id,
                "kind": plan.kind,
                "row": plan.row,
                "outcome": outcome,
                "why": plan.why,
                "reason": letter.reason,
                "first_sent_at": datetime.fromtimestamp(
                    letter.first_sent_ms // 1000, UTC
                ).isoformat(),
                "body_sha256": hashlib.sha256(letter.body.encode()).hexdigest(),
            }
        )

    def _carry_out(self, letter: Letter, plan: _Plan) -> str:
        """Send, then delete; or keep. What became of it."""
        if plan.outcome == "kept" and not self.discards:
            return "kept"
        if plan.outcome == "kept":
            self.means.transact(letter_store.discard, letter, plan.why, self.request)
            count("dead_letters_discarded")
            logger.warning("dead_letter_discarded", queue=letter.queue, reason=plan.why)
        elif plan.outcome == "moved":
            self.means.letters.move(letter)
        else:
            self.means.send(plan.outgoing)
        self.means.letters.delete(letter)
        self.kept.remove(letter)
        logger.info("dead_letter_redriven", queue=letter.queue, outcome=plan.outcome, row=plan.row)
        return "discarded" if plan.outcome == "kept" else plan.outcome

    def _plan(self, letter: Letter) -> _Plan:
        """What is to become of it; the row has asked now if it is to be sent for."""
        try:
            message = self.means.read(letter.queue, letter.body)
        except InvalidToken as error:
            return _Plan("kept", error.reason)
        plan = self._plan_of(message)
        return replace(plan, kind=type(message).__name__)

    def _plan_of(self, message: Message) -> _Plan:
        if isinstance(message, PaymentReceived):
            why = "until it is stored, the message is the payment"
            return _Plan("moved", why, f"payments {message.payment_id}")
        if isinstance(message, EventOccurred):
            told: _Plan = self.means.transact(_sign_anew, message)
            return told
        row = about(message)
        if row in self.rows:
            return _Plan("nothing_to_send", "its row was sent for in this run", row.row_id)
        plan: _Plan = self.means.transact(self._look, row, message)
        if plan.outcome == "sent":
            self.rows.add(row)
        return plan

    def _look(self, tx: Transaction, now: datetime, row: About, message: Any) -> _Plan:
        standing = stand(tx, now, row, self.means.policies)
        if standing is None:
            return _Plan("kept", f"unknown row: nothing of ours is {row.row_id}", row.row_id)
        if standing.waits_for:
            return _Plan("nothing_to_send", standing.waits_for, standing.row)
        if _has_moved_on(standing, message.timestamp):
            return _Plan("nothing_to_send", "its row has moved on since", standing.row)
        with tx.savepoint() as point:
            outgoing = standing.send()
            if self.dry_run:
                point.rollback()
        if not outgoing:
            return _Plan("nothing_to_send", "its message was sent a moment ago", standing.row)
        return _Plan("sent", "what its row calls for", standing.row, outgoing)

    def _give_back(self) -> None:
        for letter in self.kept:
            try:
                self.means.letters.give_back(letter)
            except RetryLater:  # its time of being hidden ends by itself
                logger.warning("dead_letter_hidden", queue=letter.queue, id=letter.message_id)


def _has_moved_on(standing: Standing, sent_seconds: int) -> bool:
    """Whether the row came to where it is after the message was made: it waits for another."""
    return standing.since is not None and int(standing.since.timestamp()) > sent_seconds


def _sign_anew(tx: Transaction, now: datetime, message: EventOccurred) -> _Plan:
    del tx
    told = replace(message, timestamp=int(now.timestamp()))
    why = "told late is better than never"
    return _Plan("sent", why, f"event {message.event_id}", [Outgoing("events", told)])


def operate_on_letters(request: Request, means: Means) -> dict[str, Any]:
    """One of these acts. Raises InvalidInput."""
    return ACTS[act_in(request, sorted(ACTS))](request, means)

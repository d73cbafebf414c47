"""One seed's run: a storm, a calm, and the books against the world after every step."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cdk.stages import BY_NAME, CONSUMER
from tests.simulation.books import Books
from tests.simulation.chain.ledger import TREASURY
from tests.simulation.chain.transactions import Mined
from tests.simulation.chance import Chance
from tests.simulation.clock import START
from tests.simulation.connections import Pool
from tests.simulation.interleaving import Interleaving
from tests.simulation.judge import Judge
from tests.simulation.lambdas import record_of
from tests.simulation.outcome import Wrong
from tests.simulation.people import People
from tests.simulation.plan import HOUR, MINUTE, Plan
from tests.simulation.seams import Doing, Killed, set_current
from tests.simulation.sqs import Held
from tests.simulation.timeline import Schedule, Timeline
from tests.simulation.twice import Twice
from tests.simulation.verdict import Verdict
from tests.simulation.world import World

PERIODS = {
    "threshold_check": 15 * MINUTE,
    "payout_scheduler": 5 * MINUTE,
    "reconciler": MINUTE,
}
STORM_SECONDS = 3 * HOUR  # after the last payment
REORGANISES = 0.12
OBJECTS, OBJECTS_WITHIN_SECONDS = 0.08, 120
STEPS_MAX = 8000  # an outage of an hour takes thousands, of tries in vain
OVERLAP_SECONDS = 20
DAYS_MAX = 2.5
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Run:
    """One run, from its plan to its verdict."""

    def __init__(
        self,
        plan: Plan,
        chance: Chance,
        pool: Pool,
        books: Books,
        crash_at: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self.plan = plan
        self.world = World(plan, chance, pool, crash_at)
        self.timeline = Timeline(self.world.clock)
        self.judge = Judge(self.world, books)
        self.world.before_bytes_leave = self.judge.before_bytes_leave
        self.world.sqs.before_delete = self.judge.before_delete
        self.world.before_signature = self.judge.before_signature
        self._twice = Twice(self.world, self.judge)
        self.people = People(self.world, self.invoke, lambda: self.judge.page)
        self.interleaving = Interleaving(chance, books.one)
        self.world.seams.switch = self.interleaving.switch
        self.world.lines.execute = self.interleaving.statement
        self.world.lines.settle = self.interleaving.settle
        self.people.after = lambda seconds, then: self.timeline.at(
            self.world.clock.after(seconds), "later", then
        )
        self.steps = 0
        self._announced: set[str] = set()  # payouts
        self.world.chain.on_mined.append(self._perhaps_reorganise)
        self._schedules = [Schedule(name, period) for name, period in PERIODS.items()]
        self.world.sqs.due = self._note_message
        self._handlers: dict[str, Callable[[Any], None]] = {
            "message": self._deliver,
            "schedule": self._start,
            "rerun": lambda schedule: self.invoke(schedule.name, {}) and None,
            "payment": self._pay,
            "act": self._act,
            "later": lambda then: then(),
            "reorganise": self._reorganise,
        }

    # --- the loop --------------------------------------------------------------------------------

    def run(self) -> None:
        """To its end. Raises Wrong as soon as something is."""
        self.people.register_clients()
        self._plan_ahead()
        while not self._is_over():
            kind, what = self.timeline.next()
            self.world.chain.advance()
            self.world.office.advance()
            self._together(kind, what)
            self.judge.look()
            self._perhaps_objects()
            if self.steps > STEPS_MAX or self.world.clock.elapsed_seconds > DAYS_MAX * 24 * HOUR:
                raise Wrong("comes_to_rest", self.judge.restless())
        self.world.office.notice(END_OF_TIME)
        self.world.chain.settle()
        self.judge.look()
        Verdict(self.world, self.judge.page, self.people, self.judge.checks()).give()

    def _perhaps_objects(self) -> None:
        """A client who is about to be paid may not want it any more."""
        for payout in self.judge.page.payouts:
            if payout["payout_id"] in self._announced:
                continue
            self._announced.add(payout["payout_id"])
            likely = OBJECTS * self.plan.severity
            if self.world.chance.strikes("client_objects", payout["client_id"], likely):
                seconds = self.world.chance.between("objects after", 1, OBJECTS_WITHIN_SECONDS)
                client_id = payout["client_id"]
                self.people.after(seconds, lambda client_id=client_id: self._pause(client_id))

    def _pause(self, client_id: str) -> None:
        self.people.operate({"act": "clients pause", "client_id": client_id})

    def _together(self, kind: str, what: Any) -> None:
        """What comes next; at times with what comes soon after, interleaved."""
        chance = self.world.chance
        jobs = [(kind, what)]
        if self._may_meet(kind, what) and chance.strikes("overlap", kind, self.plan.overlaps):
            soon = self.timeline.take_soon(OVERLAP_SECONDS, self._may_meet)
            jobs += soon or [self._once_more(kind, what)]
        self.steps += len(jobs)
        if len(jobs) == 1:
            self._handlers[kind](what)
            return
        self.world.tell(f"overlap: {len(jobs)} at once")
        acts = [lambda job=job: self._handlers[job[0]](job[1]) for job in jobs]
        self.interleaving.run(acts)
        if self.interleaving.deadlocks:
            chance.faults["deadlock"] += self.interleaving.deadlocks
            self.interleaving.deadlocks = 0

    def _once_more(self, kind: str, what: Any) -> tuple[str, Any]:
        """The same at the same time: a schedule that is started twice, a message's copy."""
        if kind == "schedule":
            return "rerun", what
        copy = self.world.sqs.copied(what[0])
        return "message", (copy, copy.visible_at)

    def _may_meet(self, kind: str, what: Any) -> bool:
        """Whether this is an invocation of something with a database."""
        if kind == "message":
            message, visible_at = what
            return not message.gone and message.visible_at == visible_at
        return kind == "schedule"

    def _plan_ahead(self) -> None:
        clock, timeline = self.world.clock, self.timeline
        for number, schedule in enumerate(self._schedules):
            timeline.at(clock.after(1 + number), "schedule", schedule)
        for payment in self.plan.payments:
            for copy in range(payment.again):
                timeline.at(clock.after(payment.at_seconds + 40 * copy), "payment", (payment, copy))
        for act in self.plan.acts:
            timeline.at(clock.after(act.at_seconds), "act", act)
        ends = [each.at_seconds for each in (*self.plan.payments, *self.plan.acts)]
        self._storm_ends = max(ends, default=0) + STORM_SECONDS

    def _is_over(self) -> bool:
        if self.world.chance.troubled and self._all_came() and self._is_late():
            self.world.chance.troubled = False
            self.people.make_good()
            self.judge.look()
            self.world.tell("calm")
        return not self.world.chance.troubled and self.judge.is_quiet(self._all_came)

    def _is_late(self) -> bool:
        late = self.world.clock.elapsed_seconds > self._storm_ends
        return late or self.judge.is_quiet(self._all_came)

    def _all_came(self) -> bool:
        return not any(self.timeline.has(kind) for kind in ("payment", "act", "later"))

    # --- what happens ----------------------------------------------------------------------------

    def _note_message(self, message: Held) -> None:
        if message.queue in CONSUMER:
            self.timeline.at(message.visible_at, "message", (message, message.visible_at))

    def _deliver(self, what: tuple[Held, Any]) -> None:
        message, visible_at = what
        if message.gone or message.visible_at != visible_at:
            return
        batch = [message, *self._others(message)]
        received = [each for each in batch if self.world.sqs.receive(each)]
        if received:
            self._hand_over(message.queue, received)

    def _others(self, message: Held) -> list[Held]:
        """Lambda takes more of what is there at once."""
        most = CONSUMER[message.queue].batch_size - 1
        now = self.world.clock.now
        waiting = self.world.sqs.queues[message.queue].messages
        others = [each for each in waiting if each is not message and each.visible_at <= now]
        return others[:most] if self.world.chance.next_unit("batch") < 0.5 else []

    def _hand_over(self, queue: str, batch: list[Held]) -> None:
        name = CONSUMER[queue].name
        event = {"Records": [record_of(queue, each) for each in batch]}
        answer = self.invoke(name, event)
        if answer is None:
            return
        failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        done = [each for each in batch if each.message_id not in failed]
        if not failed and not self.interleaving.busy:
            self._twice.perhaps(queue, batch)
        self._delete(name, queue, done)

    def _delete(self, name: str, queue: str, done: list[Held]) -> None:
        """Lambda deletes what was done; it may end before that."""

        def delete() -> None:
            for message in done:
                self.judge.before_delete(message)
                self.world.sqs.queues[queue].remove(message)

        if done:
            set_current(Doing(f"lambda {name}"))
            try:
                self.world.seams.effect("delete", delete)
            except Killed:
                pass
            finally:
                set_current(None)

    def _start(self, schedule: Schedule) -> None:
        before = self.world.sqs.sent
        self.invoke(schedule.name, {})
        stirred = self.world.sqs.sent > before
        if not self.world.chance.troubled:
            self.people.tend()
        wait_seconds = schedule.next_wait(stirred)
        self.timeline.at(self.world.clock.after(wait_seconds), "schedule", schedule)

    def _pay(self, what: Any) -> None:
        payment, copy = what
        if not self.people.notify(payment, copy):
            self.timeline.at(self.world.clock.after(60), "payment", what)  # it is sent again

    def _act(self, act: Any) -> None:
        self.people.act(act)

    def _perhaps_reorganise(self, mined: Mined) -> None:
        """Just before what concerns us lies deep enough, its block may be undone."""
        concerns_us = mined.sent.is_ours or mined.sent.sender == TREASURY
        depth = self.plan.confirmations - 1
        likely = REORGANISES * self.plan.severity
        if not concerns_us or not depth:
            return
        if self.world.chance.strikes("chain_reorganises", mined.sent.tx_hash, likely):
            seconds = self.world.chain.time_of(mined.number + depth) - 0.5
            if seconds > self.world.clock.elapsed_seconds:
                when = START + timedelta(seconds=seconds)
                self.timeline.at(when, "reorganise", depth)

    def _reorganise(self, depth: int) -> None:
        self.world.chain.reorganise(depth, dropped=0.4)

    def invoke(self, name: str, event: dict[str, Any], about: str = "") -> Any:
        """One invocation of a function; None when its process has ended, or it raised."""
        assert name in BY_NAME
        self.world.tell(f"{name} {about}")
        try:
            answer = self.world.functions.invoke(name, event, about)
        except Killed:
            return None
        except Exception as error:
            self.world.failed(error)
            return None
        self.world.chance.trace.note(f"answer {answer}")
        return answer

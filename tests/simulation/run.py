"""One seed's run: a storm, a calm, and the books against the world after every step."""

import hashlib
import time
import traceback
from collections.abc import Callable
from typing import Any

from cdk.stages import BY_NAME, CONSUMER
from tests.simulation.books import Books
from tests.simulation.chance import Chance
from tests.simulation.connections import Pool
from tests.simulation.judge import Judge
from tests.simulation.lambdas import record_of
from tests.simulation.outcome import Outcome, Wrong
from tests.simulation.people import People
from tests.simulation.plan import HOUR, MINUTE, Plan
from tests.simulation.seams import Doing, Killed, set_current
from tests.simulation.sqs import Held
from tests.simulation.timeline import Schedule, Timeline
from tests.simulation.verdict import Verdict
from tests.simulation.world import World

PERIODS = {
    "threshold_check": 15 * MINUTE,
    "payout_scheduler": 5 * MINUTE,
    "reconciler": MINUTE,
}
STORM_SECONDS = 3 * HOUR  # after the last payment
STEPS_MAX = 6000
DAYS_MAX = 4


class Run:
    """One run, from its plan to its verdict."""

    def __init__(
        self,
        plan: Plan,
        chance: Chance,
        pool: Pool,
        books: Books,
        crash_at: tuple[str, str] | None = None,
    ) -> None:
        self.plan = plan
        self.world = World(plan, chance, pool, crash_at)
        self.timeline = Timeline(self.world.clock)
        self.judge = Judge(self.world, books)
        self.people = People(self.world, self.invoke)
        self.steps = 0
        self._schedules = [Schedule(name, period) for name, period in PERIODS.items()]
        self._active = True
        self.world.sqs.due = self._note_message
        self._handlers: dict[str, Callable[[Any], None]] = {
            "message": self._deliver,
            "schedule": self._start,
            "payment": self._pay,
            "act": self._act,
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
            self._handlers[kind](what)
            self.steps += 1
            self.judge.look()
            if self.steps > STEPS_MAX or self.world.clock.elapsed_seconds > DAYS_MAX * 24 * HOUR:
                raise Wrong("comes_to_rest", self.judge.restless())
        Verdict(self.world, self.judge).give()

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
            self.world.tell("calm")
        return not self.world.chance.troubled and self.judge.is_quiet(self._all_came)

    def _is_late(self) -> bool:
        late = self.world.clock.elapsed_seconds > self._storm_ends
        return late or self.judge.is_quiet(self._all_came)

    def _all_came(self) -> bool:
        return not (self.timeline.has("payment") or self.timeline.has("act"))

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
        self._active = True
        done = [each for each in batch if each.message_id not in failed]
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
        before = (self.world.sqs.sent, self.world.lines.commits)
        self.invoke(schedule.name, {})
        stirred = self.world.sqs.sent > before[0]
        wait_seconds = schedule.next_wait(self._active or stirred)
        if schedule.name == "reconciler":
            self._active = False
        self.timeline.at(self.world.clock.after(wait_seconds), "schedule", schedule)

    def _pay(self, what: Any) -> None:
        payment, copy = what
        self._active = True
        if not self.people.notify(payment, copy):
            self.timeline.at(self.world.clock.after(60), "payment", what)  # it is sent again

    def _act(self, act: Any) -> None:
        self._active = True
        self.people.act(act)

    def invoke(self, name: str, event: dict[str, Any], about: str = "") -> Any:
        """One invocation of a function; None when its process has ended, or it raised."""
        assert name in BY_NAME
        self.world.tell(f"{name} {about}")
        try:
            return self.world.functions.invoke(name, event, about)
        except Killed:
            return None
        except Exception as error:
            self.world.failed(error)
            return None


def simulate(
    plan: Plan,
    pool: Pool,
    books: Books,
    only: frozenset[str] | None = None,
    crash_at: tuple[str, str] | None = None,
) -> Outcome:
    """Run one plan on an empty database."""
    from tests.simulation.installed import standing  # noqa: PLC0415 - installs nothing by itself

    began = time.monotonic()
    chance = Chance(plan.seed, only)
    run = Run(plan, chance, pool, books, crash_at)
    standing.world = run.world
    outcome = Outcome(seed=plan.seed)
    try:
        run.run()
    except Wrong as wrong:
        outcome.broken, outcome.seen = wrong.name, wrong.seen
        run.world.tell(f"BROKEN {wrong}")
    except Exception:  # of the simulation itself: this seed has proved nothing
        outcome.broken, outcome.seen = "simulation", traceback.format_exc()
    finally:
        set_current(None)
        run.world.functions.end_all()
        pool.take_all_back()
    _note(outcome, run)
    outcome.seconds = time.monotonic() - began
    return outcome


def _note(outcome: Outcome, run: Run) -> None:
    world = run.world
    outcome.history = world.history
    outcome.struck, outcome.faults = world.chance.struck, world.chance.faults
    outcome.reached.update({str(point): n for point, n in world.seams.reached.items()})
    outcome.crashed.update({(str(p), side): n for (p, side), n in world.seams.crashed.items()})
    outcome.payments = run.people.accepted_count
    outcome.ends = run.judge.ends()
    outcome.steps, outcome.virtual_seconds = run.steps, world.clock.elapsed_seconds
    outcome.digest = hashlib.sha256("\n".join(world.history).encode()).hexdigest()[:12]

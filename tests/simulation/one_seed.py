"""One seed, from its plan to what came of it."""

import time
import traceback

from tests.simulation.books import Books
from tests.simulation.chance import Chance
from tests.simulation.connections import Pool
from tests.simulation.installed import forget, standing
from tests.simulation.outcome import Outcome, Wrong
from tests.simulation.plan import Plan
from tests.simulation.run import Run
from tests.simulation.seams import set_current


def simulate(
    plan: Plan,
    pool: Pool,
    books: Books,
    chance: Chance,
    crash_at: frozenset[tuple[str, str]] = frozenset(),
) -> Outcome:
    """Run one plan on an empty database."""
    began = time.monotonic()
    run = Run(plan, chance, pool, books, crash_at)
    standing.world = run.world
    forget()
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
    outcome.duplicates = run.judge.duplicates()
    outcome.losses = run.judge.losses(run.people.readable())
    # a run ends before its last message of a payment goes: that it would is counted all the same
    outcome.losses = max(outcome.losses, int(outcome.broken == "a_payment_is_never_lost"))
    outcome.ends = run.judge.ends()
    outcome.steps, outcome.virtual_seconds = run.steps, world.clock.elapsed_seconds
    outcome.digest = world.chance.trace.digest

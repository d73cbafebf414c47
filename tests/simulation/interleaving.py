"""Invocations that run into each other: threads of which one runs at a time, switched by chance.

A thread may be switched at every statement and every effect. One that waits for a row's lock is
found by asking Postgres who blocks whom; so what comes first is drawn, and never up to the machine.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.chance import Chance

SWITCHES = 0.35  # how likely at one point
PATIENCE_SECONDS = 0.002  # before Postgres is asked whether a statement waits
GIVES_UP_SECONDS = 600  # of a machine that may be very busy


@dataclass
class Job:
    """One invocation in a thread of its own."""

    number: int
    act: Callable[[], None]
    go: threading.Event = field(default_factory=threading.Event)
    pid: int = 0  # of the server's process that is at a statement of ours; 0: none
    statement: int = 0  # its number: one that waits is not taken for the next
    blocked: bool = False
    paused: bool = True
    ended: bool = False
    error: BaseException | None = None


class Interleaving:
    """Runs jobs side by side; everybody else runs as if this were not there."""

    def __init__(self, chance: Chance, ask: Callable[..., Any]) -> None:
        self._chance, self._ask = chance, ask
        self._jobs: list[Job] = []
        self._changed = threading.Condition()
        self._of_thread = threading.local()
        self.deadlocks = 0

    @property
    def busy(self) -> bool:
        """Whether jobs run side by side now."""
        return bool(self._jobs)

    # --- in the threads --------------------------------------------------------------------------

    def switch(self) -> None:
        """Another job may go on here."""
        job = self._own()
        if job is not None and self._chance.next_unit("switch") < SWITCHES:
            self._pause(job)

    def statement(self, pid: int, act: Callable[[], None]) -> None:
        """A statement; while it waits for a lock, others go on."""
        job = self._own()
        if job is None:
            act()
            return
        with self._changed:
            job.pid, job.statement = pid, job.statement + 1
        try:
            act()
        finally:
            with self._changed:
                job.pid = 0
                waited, job.blocked = job.blocked, False
                job.paused = waited
                self._changed.notify_all()
            if waited:
                self._wait_for_turn(job)
            else:
                self.settle()

    def _own(self) -> Job | None:
        return getattr(self._of_thread, "job", None)

    def _pause(self, job: Job) -> None:
        with self._changed:
            job.paused = True
            self._changed.notify_all()
        self._wait_for_turn(job)

    def _wait_for_turn(self, job: Job) -> None:
        if not job.go.wait(GIVES_UP_SECONDS):
            raise RuntimeError("the turn of an interleaved job never came")
        job.go.clear()

    def _body(self, job: Job) -> None:
        self._of_thread.job = job
        try:
            self._wait_for_turn(job)
            job.act()
        except BaseException as error:
            job.error = error
        with self._changed:
            job.ended = job.paused = True
            self._changed.notify_all()

    # --- outside of them -------------------------------------------------------------------------

    def run(self, acts: Sequence[Callable[[], None]]) -> None:
        """All of them, interleaved. Raises the first error of any."""
        self._jobs = [Job(number, act) for number, act in enumerate(acts)]
        threads = [threading.Thread(target=self._body, args=(job,)) for job in self._jobs]
        for thread in threads:
            thread.start()
        while any(not job.ended for job in self._jobs):
            self.settle()
            ready = [job for job in self._jobs if job.paused and not job.ended]
            if ready:
                self._give_turn(self._chance.pick("turn", ready))
            elif any(job.blocked for job in self._jobs):
                self._break_deadlock()
        for thread in threads:
            thread.join()
        errors = [job.error for job in self._jobs if job.error is not None]
        self._jobs = []
        if errors:
            raise errors[0]

    def _give_turn(self, job: Job) -> None:
        with self._changed:
            job.paused = False
            job.go.set()
        self._wait_until_it_rests(job)

    def _wait_until_it_rests(self, job: Job) -> None:
        until = time.monotonic() + GIVES_UP_SECONDS
        while time.monotonic() < until:
            with self._changed:
                if self._changed.wait_for(lambda: job.paused, PATIENCE_SECONDS):
                    return
                pid, statement = job.pid, job.statement
            if pid and self._is_blocked(pid):
                with self._changed:
                    if job.pid and job.statement == statement and not job.paused:
                        job.blocked = True
                        return
        raise RuntimeError("an interleaved job does not come to rest")

    def settle(self) -> None:
        """Whoever waited for a lock has it by now, and its statement is over; or it still waits.

        After every statement: else it would run beside the next ones of whoever has let it go, and
        the machine would say which of them comes first.
        """
        for job in self._jobs:
            while True:
                with self._changed:
                    if not job.blocked:
                        break
                    pid = job.pid
                if pid and self._is_blocked(pid):
                    break
                with self._changed:
                    self._changed.wait_for(lambda job=job: not job.blocked, PATIENCE_SECONDS)

    def _is_blocked(self, pid: int) -> bool:
        return bool(self._ask("SELECT cardinality(pg_blocking_pids(%s)) > 0", pid))

    def _break_deadlock(self) -> None:
        """All wait for each other: one of them is told so, as Postgres would."""
        self.deadlocks += 1
        victim = next(job for job in self._jobs if job.blocked)
        self._ask("SELECT pg_cancel_backend(%s)", victim.pid)
        with self._changed:
            self._changed.wait_for(lambda: not victim.blocked, GIVES_UP_SECONDS)

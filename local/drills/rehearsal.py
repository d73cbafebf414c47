"""One drill from its first payment to its verdict."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.drills import books, verdict
from local.drills.faults import DRILLS, POLL_SECONDS, Fault
from local.drills.site import Site
from local.drills.traffic import CLIENTS, Clock, Senders
from local.progress import step
from local.verdict import Finding

KNOWN_SECONDS = 60.0  # for the first price and range, and verdicts on addresses
OBSERVATIONS_MIN = 9
STORED_SECONDS = 30.0
QUIET_LOOKS = 3
SPREAD_SECONDS = 180.0  # no function has run yet
WAVE_SECONDS = 2.0
ROWS_MAX = 60  # on their way at once: a machine that is slow is not sent more
WAVES_DURING = 2
LONGER_MAX = 2
# What a drill waits for before it begins: some of everything is somewhere on its way.
SPREAD = frozenset(
    {"payment", "batch", "swap", "instant-payout", "threshold-payout", "transfer", "bytes"}
)
SPREAD_STATES = 10
SENT_AGAIN_SECONDS = 2.0


class DrillError(Exception):
    """The drill could not be made at all; says why."""


@dataclass(kw_only=True)
class Result:
    """What a drill has found."""

    name: str
    says: str
    day_seconds: int
    fault_seconds: float
    caught: Counter[str]  # rows on their way when it began, by kind and state
    stood: Counter[str]  # the same at its end
    facts: Mapping[str, int]
    recovery_seconds: float | None  # None: not within the limit
    payments: int
    refused: int  # notifications that were not taken at once
    schedule_failures: Counter[str]
    dead: Counter[tuple[str, str]]  # dead letters by queue and reason
    redriven: Counter[str]  # what became of them
    given_up: Mapping[str, int]
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether all has recovered in time and adds up."""
        return self.recovery_seconds is not None and all(each.holds for each in self.findings)


def rehearse(name: str, site: Site, limit_seconds: float) -> Result:
    """Make one drill. Raises DrillError."""
    return _Rehearsal(name, site).run(limit_seconds)


class _Rehearsal:
    def __init__(self, name: str, site: Site) -> None:
        self._name = name
        self._site = site
        self._fault: Fault = DRILLS[name](site)
        self._senders = Senders(site)
        self._listener = f"drill-{time.time_ns()}"
        self._told: list[dict[str, Any]] = []

    def run(self, limit_seconds: float) -> Result:
        site, fault = self._site, self._fault
        with step("clients, price, range"):
            self._prepare()
        (started,) = site.rows("SELECT now() AS at")
        with Clock(site) as clock:
            with step("payments, batches and payouts of every kind"):
                caught = self._spread()
            with step(f"without {fault.says}"):
                try:
                    self._go_without()
                finally:
                    fault.lift()
                stood = books.on_their_way(site)
            with step("until all is quiet"):
                recovery_seconds = self._recover(clock, limit_seconds)
            dead = site.dead_letters()
            with step("dead letters redriven"):
                redriven, kept = self._redrive()
                is_quiet = self._until(lambda: self._is_quiet(clock), limit_seconds)
        with step("books, chain and exchange compared"):
            self._until(self._all_told, STORED_SECONDS)
            findings = [
                Finding("dead letters that nobody can read", str(fault.poison), str(kept)),
                Finding("quiet after redriving", "yes", "yes" if is_quiet else "no"),
                *verdict.judge(site, self._senders, self._heard(), started["at"]),
            ]
        return Result(
            name=self._name,
            says=fault.says,
            day_seconds=site.day_seconds,
            fault_seconds=self._lasted_seconds,
            caught=caught,
            stood=stood,
            facts=fault.facts(),
            recovery_seconds=recovery_seconds,
            payments=len(self._senders.credited),
            refused=self._senders.refused,
            schedule_failures=clock.failures,
            dead=dead,
            redriven=redriven,
            given_up=books.given_up(site, started["at"]),
            findings=findings,
        )

    def _prepare(self) -> None:
        self._site.shorten_visibility()
        self._site.listen(self._listener)
        for queue in self._site.endpoints.queues:
            self._site.purge(queue, dead=True)
        for client in CLIENTS:
            self._site.operate("clients add", why="a drill", **client.fields)
        self._site.invoke("reconciler")
        if not self._until(self._all_known, KNOWN_SECONDS):
            raise DrillError("price, range or an address is not known; see the stack's logs")

    def _all_known(self) -> bool:
        (found,) = self._site.rows(
            "SELECT (SELECT count(DISTINCT name) FROM observations) AS observed,"
            " (SELECT count(*) FROM clients WHERE address_state <> 'verified') AS unverified"
        )
        return (found["observed"] >= OBSERVATIONS_MIN, found["unverified"]) == (True, 0)

    def _spread(self) -> Counter[str]:
        """Waves of payments until some of everything is on its way; what that is.

        Raises DrillError when it never comes to that.
        """
        wave_at = time.monotonic()
        ends = wave_at + SPREAD_SECONDS
        while (now := time.monotonic()) < ends:
            caught = books.on_their_way(self._site)
            if now >= wave_at and caught.total() < ROWS_MAX:
                self._senders.wave()
                wave_at = time.monotonic() + WAVE_SECONDS
            if {each.split()[0] for each in caught} >= SPREAD and len(caught) >= SPREAD_STATES:
                return caught
            time.sleep(POLL_SECONDS)
        raise DrillError(f"nothing to catch but {books.left_to_do(self._site)}; see the logs")

    def _go_without(self) -> None:
        """The fault for its time; payments come in meanwhile, and are sent again where refused."""
        fault, waves = self._fault, 0
        fault.begin()
        began = again_at = time.monotonic()
        while self._lasts(gone := time.monotonic() - began):
            part = min(gone / fault.seconds, 1.0)
            fault.go_on(part)
            if part * WAVES_DURING > waves and waves < WAVES_DURING:
                waves += 1
                self._senders.wave()
            if time.monotonic() - again_at > SENT_AGAIN_SECONDS:
                self._senders.send_again()
                again_at = time.monotonic()
            time.sleep(POLL_SECONDS)
        self._lasted_seconds = time.monotonic() - began

    def _lasts(self, gone_seconds: float) -> bool:
        """Its time; and, as the last hour of a compressed day is short, until a deadline passed."""
        if gone_seconds < self._fault.seconds:
            return True
        if not self._fault.kills or gone_seconds > self._fault.seconds * LONGER_MAX:
            return False
        return not any(self._site.depth(queue, dead=True) for queue in self._fault.kills)

    def _recover(self, clock: Clock, limit_seconds: float) -> float | None:
        """Seconds until nothing was left to do, one more wave included; None: not in time."""
        began = time.monotonic()
        self._senders.wave()

        if not self._until(lambda: self._is_quiet(clock), limit_seconds):
            return None
        return time.monotonic() - began

    def _redrive(self) -> tuple[Counter[str], int]:
        """(what became of the dead letters, how many nobody could read); none is left."""
        done = Counter[str]()
        for queue in self._dying():
            done += self._site.redrive(queue)
        kept = done.pop("kept", 0)
        for queue in self._dying():
            done += self._site.redrive(queue, discards=True)
        return done, kept

    def _dying(self) -> list[str]:
        """Queues that have dead letters."""
        return [each for each in self._site.endpoints.queues if self._site.depth(each, dead=True)]

    def _is_quiet(self, clock: Clock) -> bool:
        self._senders.send_again()
        if self._senders.untaken or books.left_to_do(self._site):
            return False
        return clock.stopped(self._queues_are_empty)

    def _queues_are_empty(self) -> bool:
        """For several looks: a message that a function has in hand may be in no queue."""
        for _ in range(QUIET_LOOKS):
            if self._site.busy() or books.left_to_do(self._site):
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _all_told(self) -> bool:
        self._told += self._site.heard(self._listener)
        return not self._site.depth("events")

    def _heard(self) -> list[dict[str, Any]] | None:
        return None if self._fault.loses_events else self._told

    def _until(self, arrived: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not arrived():
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

"""What is taken away, and how: each begins, goes on for its time, and is lifted."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping

import psycopg2

from local.drills.site import Site

FOR_EVER = -1
ANY = "*"
PAYMENTS = "payments"
POLL_SECONDS = 0.2
CATCH_SECONDS = 3.0  # how long a crash of Postgres waits for a transaction to break
DAY_AND_AN_HOUR = 25 / 24  # so that what began to wait with it has reached its deadline


class Fault(ABC):
    """One thing that is wrong with the outside for a while."""

    says: str  # what is taken away
    days: float = DAY_AND_AN_HOUR
    # It lasts until a message of one of these queues has reached its deadline, too.
    kills: tuple[str, ...] = ()
    poison: int = 0  # messages that nobody can read, which it leaves behind
    loses_events: bool = False  # of those that are queued already: SQS keeps them, nobody else

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seconds = site.day_seconds * self.days

    @abstractmethod
    def begin(self) -> None:
        """From now on it is wrong."""

    def go_on(self, part: float) -> None:  # noqa: B027 - most are wrong all the time alike
        """So much of its time, 0 to 1, is over."""

    @abstractmethod
    def lift(self) -> None:
        """It is well again; more than once does no harm."""

    def facts(self) -> Mapping[str, int]:
        """What happened, counted."""
        return {}


class _InWays(Fault):
    """An outage that looks one way first, then another."""

    ways: tuple[str, ...]

    def begin(self) -> None:
        self._now = 0
        self.fail(self.ways[0])

    def go_on(self, part: float) -> None:
        place = min(int(part * len(self.ways)), len(self.ways) - 1)
        if place != self._now:
            self._now = place
            self.fail(self.ways[place])

    @abstractmethod
    def fail(self, way: str) -> None:
        """Fail this way from now on."""


class ChangeNowOutage(_InWays):
    """ChangeNOW answers nobody: no connection, then a gateway's error page, then 500."""

    says = "ChangeNOW"
    kills = ("swap-quote", "swap-create", "swap-monitor", "hostpay-status-check")
    ways = ("drop", "html", "status")

    def begin(self) -> None:
        self._refused, self._before = 0, self.site.calls_of_changenow()
        super().begin()

    def fail(self, way: str) -> None:
        """Every call, for ever."""
        self.site.unscript_changenow()
        self.site.script_changenow(path=ANY, kind=way, times=FOR_EVER)

    def lift(self) -> None:
        self._refused = self.site.calls_of_changenow() - self._before
        self.site.unscript_changenow()

    def facts(self) -> Mapping[str, int]:
        return {"calls that failed": self._refused}


class RpcOutage(_InWays):
    """The node answers nobody: no connection; then it gets every call, and only its answers are
    lost, so that bytes are mined of which nobody hears; then 503.
    """

    says = "the Ethereum node"
    kills = ("chain-requests",)
    ways = ("drop", "drop_answer", "status")

    def begin(self) -> None:
        self._failed = 0
        super().begin()

    def fail(self, way: str) -> None:
        """Every call, for ever."""
        self._failed += self.site.unscript_node()
        self.site.script_node(kind=way, method=ANY, times=FOR_EVER)

    def lift(self) -> None:
        self._failed += self.site.unscript_node()

    def facts(self) -> Mapping[str, int]:
        return {"calls that failed": self._failed}


class SqsOutage(_InWays):
    """No function can send, hide or count a message. First the queues go on handing out what they
    have, so that every act is committed and its message lost; then they do not.
    """

    says = "SQS"
    ways = ("drop", "unavailable", "drop")

    def begin(self) -> None:
        self._delivers, self._refused = True, 0
        self._before = self.site.open_sqs()
        super().begin()

    def fail(self, way: str) -> None:
        """Every call of every function, for ever."""
        self.site.close_sqs(way)

    def go_on(self, part: float) -> None:
        super().go_on(part)
        if self._delivers and part > 1 / 3:
            self._delivers = False
            self.site.deliver(enabled=False)

    def lift(self) -> None:
        self._refused = self.site.open_sqs() - self._before
        self.site.deliver(enabled=True)

    def facts(self) -> Mapping[str, int]:
        return {"calls that failed": self._refused}


class PostgresRestarts(Fault):
    """Postgres crashes and comes back, several times, each time with a transaction open."""

    says = "Postgres, again and again"
    days = 0.75
    times = 5

    def begin(self) -> None:
        self._crashes = self._broken = 0

    def go_on(self, part: float) -> None:
        if part * self.times > self._crashes and self._crashes < self.times:
            self._broken += self._until_one_is_open()
            self.site.postgres.crash()
            self._crashes += 1

    def _until_one_is_open(self) -> int:
        """How many transactions of functions are open, as soon as one is."""
        ends = time.monotonic() + CATCH_SECONDS
        found = 0
        while not found and time.monotonic() < ends:
            try:
                (row,) = self.site.rows(
                    "SELECT count(*) AS open FROM pg_stat_activity"
                    " WHERE xact_start IS NOT NULL AND application_name LIKE 'microbatch-%%'"
                )
                found = int(row["open"])
            except psycopg2.OperationalError:
                return 0
        return found

    def lift(self) -> None:
        if not self.site.postgres.running():
            self.site.postgres.start()

    def facts(self) -> Mapping[str, int]:
        return {"crashes of Postgres": self._crashes, "transactions broken off": self._broken}


class PostgresOutage(Fault):
    """Postgres is away for a day, so payments that came in are dead letters at its end; and there
    is one message that nobody can read.
    """

    says = "Postgres, for a day"
    kills = (PAYMENTS,)
    poison = 1

    def begin(self) -> None:
        self._dead = 0
        self.site.put("swap-results", "nobody can read this")
        self.site.postgres.stop()

    def lift(self) -> None:
        self._dead = self.site.depth(PAYMENTS, dead=True)
        if not self.site.postgres.running():
            self.site.postgres.start()

    def facts(self) -> Mapping[str, int]:
        return {"payments among the dead": self._dead}


class LostMessages(Fault):
    """Messages are lost, of all queues but `payments`: that one is the payment itself. First those
    that no function has taken yet; then no function gets any, and every one is lost.
    """

    says = "every message but the payments"
    days = 0.5
    loses_events = True

    def begin(self) -> None:
        self._lost, self._delivers = 0, True

    def go_on(self, part: float) -> None:
        if self._delivers and part > 1 / 2:
            self._delivers = False
            self.site.deliver(enabled=False, but=PAYMENTS)
        for queue in self.site.endpoints.queues:
            if queue != PAYMENTS:
                self._lost += self.site.purge(queue)

    def lift(self) -> None:
        self.site.deliver(enabled=True)

    def facts(self) -> Mapping[str, int]:
        return {"messages lost": self._lost}


DRILLS: dict[str, type[Fault]] = {
    "changenow-outage": ChangeNowOutage,
    "rpc-outage": RpcOutage,
    "sqs-outage": SqsOutage,
    "postgres-restart": PostgresRestarts,
    "lost-messages": LostMessages,
    "redrive": PostgresOutage,
}

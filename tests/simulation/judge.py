"""After every step: all invariants of the books, and the books against chain and exchange."""

from collections import Counter
from collections.abc import Callable

from tests.simulation.books import Books, Page
from tests.simulation.outcome import Wrong
from tests.simulation.sqs import Held
from tests.simulation.world import World

OPEN = {
    "payments": ("swapping", "in_payout"),
    "batches": ("claimed", "exchange_created", "pay_ordered", "paid", "finished"),
    "swaps": ("requested", "quoted", "created", "paid"),
    "payouts": ("claimed", "paid"),
    "transfers": ("requested", "approved", "signed", "broadcast", "mined", "confirmed"),
}


class Judge:
    """Looks, and raises Wrong."""

    def __init__(self, world: World, books: Books) -> None:
        self._world, self._books = world, books
        self._seen_at = (-1, -1)
        self.page: Page = books.read()

    def look(self) -> None:
        """Unless nothing has changed since the last look."""
        at = (self._world.lines.commits, self._world.chain.version)
        if at == self._seen_at:
            return
        self._seen_at = at
        self.page = self._books.read()
        if self.page.broken:
            raise Wrong(self.page.broken[0], ", ".join(self.page.broken))

    def before_delete(self, message: Held) -> None:
        """A payment's message may only go once it is stored."""
        del message

    def is_quiet(self, all_came: Callable[[], bool]) -> bool:
        """Whether nothing is left to do."""
        return all_came() and not self._open() and not self._messages() and self._rested()

    def _rested(self) -> bool:
        return not any(row["state"] == "waiting_instant" for row in self.page.payments)

    def _open(self) -> list[str]:
        return [
            f"{table} {row['state']}"
            for table, states in OPEN.items()
            for row in getattr(self.page, table)
            if row["state"] in states
        ]

    def _messages(self) -> int:
        return sum(
            len(q.messages) for n, q in self._world.sqs.queues.items() if not n.endswith("-dlq")
        )

    def restless(self) -> str:
        """What is still going on."""
        return f"{self._open()} {self._messages()} messages"

    def ends(self) -> Counter[str]:
        """How many payments are in each state."""
        states = Counter(row["state"] for row in self.page.payments)
        states["held"] += len(self.page.held)
        return states

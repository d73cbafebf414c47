"""After every step: all invariants of the books, and the books against chain and exchange."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from cdk.settings import Settings
from tests.simulation import seen_on_chain, seen_over_time
from tests.simulation.books import Books, Page
from tests.simulation.chain.transactions import Transaction, decoded
from tests.simulation.ends import CHECK_WAITS, behind_parked_transfers, ids_of
from tests.simulation.outcome import Wrong
from tests.simulation.seen_depth import Depths
from tests.simulation.sqs import NEVER_LOST, Held
from tests.simulation.world import World

OPEN = {
    "batches": ("claimed", "exchange_created", "pay_ordered", "paid", "finished"),
    "swaps": ("requested", "quoted", "created", "paid"),
    "payouts": ("claimed", "paid"),
    "transfers": ("requested", "approved", "signed", "broadcast", "mined", "confirmed"),
}
# What an approval is worth by the settings, and the time that our own clock may be behind.
APPROVED_WITHIN = timedelta(seconds=Settings(chain_id=0).approval_max_age_seconds + 60)
WAITS_FOR_GOOD = ("below_minimum", "gas_too_dear")


class Judge:
    """Looks, and raises Wrong."""

    def __init__(self, world: World, books: Books) -> None:
        self.world, self.books = world, books
        self._seen_at = (-1, -1)
        self.page: Page = books.read()
        self.memory = seen_over_time.Memory()
        self._signed_for: set[str] = set()  # payin addresses
        self.depths = Depths(world.plan.confirmations)

    def look(self) -> None:
        """Unless nothing has changed since the last look."""
        at = (self.world.lines.commits, self.world.chain.version)
        if at == self._seen_at:
            return
        self._seen_at = at
        self.page = self.books.read()
        self.world.chance.trace.note(f"books {self.page}")
        if self.page.broken:
            raise Wrong(self.page.broken[0], self._found(self.page.broken))
        self.memory.take(self.page, self.world.clock.now)
        seen_on_chain.look(self.page, self.world.chain)
        self.depths.look(self.page, self.world.chain)
        seen_on_chain.look_for_duplicates(self.page, self.memory, self.world)

    def _found(self, names: list[str]) -> str:
        rows = {table: getattr(self.page, table) for table in OPEN}
        lines = [f"{table}: {row}" for table, found in rows.items() for row in found]
        return "\n".join([", ".join(names), *lines])

    # --- at a seam -------------------------------------------------------------------------------

    def before_delete(self, message: Held) -> None:
        """A payment's message may only go once the payment is stored."""
        if not message.queue.startswith(NEVER_LOST):
            return
        payment_id = message.about
        if self._elsewhere(message):
            return
        stored = self.books.one(
            "SELECT 1 FROM payments WHERE payment_id = %s"
            " UNION ALL SELECT 1 FROM held_payments WHERE payment_id = %s LIMIT 1",
            payment_id,
            payment_id,
        )
        if stored is None:
            raise Wrong("a_payment_is_never_lost", f"payment {payment_id} is in no table")

    def _elsewhere(self, message: Held) -> bool:
        """Whether it was renewed, or lies among the dead letters."""
        queues = (self.world.sqs.queues[name] for name in (NEVER_LOST, f"{NEVER_LOST}-dlq"))
        others = (each for queue in queues for each in queue.messages if each is not message)
        return any(each.about == message.about for each in others)

    def before_bytes_leave(self, raw: bytes) -> None:
        """What a node is given is committed, and pays what all bytes on its nonce pay."""
        found = self.books.all(
            "SELECT raw_transaction, nonce, kind FROM transfer_attempts WHERE tx_hash = %s",
            decoded(raw).tx_hash,
        )
        if not found or bytes(found[0][0]) != raw:
            raise Wrong("bytes_are_committed_before_they_leave", decoded(raw).tx_hash)
        self.memory.take_bytes(decoded(raw))

    def before_signature(self, fields: dict[str, Any]) -> None:
        """Nothing is signed for a client who wants it elsewhere, or not at all, by now."""
        call = Transaction("", "", 0, "", 0, fields["data"]).token_transfer
        payee, units = call or (fields["to_address"].lower(), fields["value_wei"])
        row = self.books.all(
            "SELECT o.to_address, c.wallet_address, c.paused_at IS NOT NULL,"
            " c.address_state FROM transfers t JOIN payouts o USING (unique_id)"
            " JOIN clients c USING (client_id) WHERE t.state = 'approved'"
            " AND t.amount_units = %s AND lower(t.to_address) = %s",
            units,
            payee,
        )
        if row and (row[0][0] != row[0][1] or row[0][2] or row[0][3] != "verified"):
            raise Wrong("nothing_is_signed_against_the_clients_will", str(row[0]))
        self._look_at_exchange(payee)

    def _look_at_exchange(self, payin_address: str) -> None:
        """The first bytes that pay an exchange are signed soon after it has said that it waits."""
        exchange = self.world.office.paid_at(payin_address)
        if exchange is None or payin_address in self._signed_for:
            return
        self._signed_for.add(payin_address)
        said_at = exchange.said_waiting_at
        if said_at is None or self.world.clock.now - said_at > APPROVED_WITHIN:
            said = f"{exchange.exchange_id}, which last said so at {said_at}"
            raise Wrong("an_exchange_is_paid_soon_after_it_says_it_waits", said)

    # --- the end ---------------------------------------------------------------------------------

    def is_quiet(self, all_came: Callable[[], bool]) -> bool:
        """Whether nothing is left to do."""
        return all_came() and not (
            self._open()
            or self._messages()
            or self._untold()
            or self._waiting()
            or self._unchecked()
            or self._held_by_pauses()
        )

    def _held_by_pauses(self) -> list[str]:
        """What was held because something was paused is decided about once it goes on."""
        paused = {row["client_id"] for row in self.page.clients if row["paused_at"]}
        return [
            row["payment_id"]
            for row in self.page.held
            if row["state"] == "held"
            and row["reason"] in ("client_paused", "ingress_paused")
            and row["client_id"] not in paused
        ]

    def _untold(self) -> list[str]:
        stuck = behind_parked_transfers(self.page)
        return [
            str(row)
            for table in ("batches", "payouts")
            for row in getattr(self.page, table)
            if row["announced_state"] != row["state"]
            and not (row["state"] in OPEN[table] and stuck & ids_of(row))
        ]

    def _waiting(self) -> list[str]:
        """Payments that are to be paid, and nothing speaks against it for good."""
        clients = {row["client_id"]: row for row in self.page.clients}
        available: Counter[str] = Counter()
        found = []
        for row in self.page.payments:
            client = clients[row["client_id"]]
            if client["paused_at"] or client["address_state"] == "refused":
                continue
            if row["state"] == "waiting_instant":
                found.append(row["payment_id"])
            elif row["state"] == "converted":
                units = row["share_microusdt"] - row["payout_loss_microusdt"]
                available[row["client_id"]] += units
        for client_id, units in available.items():
            client = clients[client_id]
            waits = (client["payout_wait_reason"] or "").startswith(WAITS_FOR_GOOD)
            if units >= Decimal(client["payout_threshold_usd"]) * 10**6 and not waits:
                found.append(client_id)
        return found

    def _unchecked(self) -> bool:
        """Whether anything pending has not been looked at since it is so."""
        pending = [row for row in self.page.payments if row["state"] == "pending"]
        if not pending:
            return False
        checks = self.checks()
        since = max(datetime.fromisoformat(row["state_since"]) for row in pending)
        return not checks or checks[-1][2] < since or checks[-1][1] not in CHECK_WAITS

    def checks(self) -> list[Any]:
        """Decision, reason and time of every threshold check."""
        return self.books.all(
            "SELECT decision, reason, at FROM threshold_checks ORDER BY check_id DESC LIMIT 1"
        )

    def _open(self) -> list[str]:
        """What has not ended; a transfer whose exchange a person has to look at has."""
        parked = {row["swap_id"] for row in self.page.swaps if row["state"] == "parked"}
        stuck = behind_parked_transfers(self.page)
        return [
            str(row)
            for table, states in OPEN.items()
            for row in getattr(self.page, table)
            if row["state"] in states
            and not (row["state"] == "confirmed" and row.get("swap_id") in parked)
            and not stuck & ids_of(row)
        ]

    def _messages(self) -> int:
        queues = self.world.sqs.queues
        return sum(len(queues[name].messages) for name in queues if not name.endswith("-dlq"))

    def restless(self) -> str:
        """What is still going on."""
        first = f"{self._messages()} messages, waiting {self._waiting()}, untold {self._untold()}"
        return "\n".join([first, f"last check {self.checks()}", *self._open()])

    def duplicates(self) -> int:
        """How often, in all, more was paid than once: for a payment, or into an exchange."""
        exchanges = self.world.office.exchanges.values()
        into = sum(max(0, len(each.deposits) - 1) for each in exchanges)
        self.page = self.books.read()
        return into + seen_on_chain.paid_too_often(self.page, self.memory, self.world).total()

    def losses(self, told: Iterable[str]) -> int:
        """Of the payments that we have said we have: how many are nowhere any more."""
        self.page = self.books.read()
        rows = (*self.page.payments, *self.page.held)
        kept = {row["payment_id"] for row in rows}
        queues = (self.world.sqs.queues[name] for name in (NEVER_LOST, f"{NEVER_LOST}-dlq"))
        kept |= {each.about for queue in queues for each in queue.messages}
        return len((set(told) | self.memory.states.keys()) - kept)

    def ends(self) -> Counter[str]:
        """How many payments are in each state."""
        states = Counter(row["state"] for row in self.page.payments)
        states["held"] += len(self.page.held)
        return states

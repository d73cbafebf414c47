"""What only shows over time: where a payment has been before, and what a nonce has paid before."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from microbatch.swap.moves import NOT_THE_PAYMENTS_FAULT
from tests.simulation.books import Page
from tests.simulation.chain.transactions import Transaction
from tests.simulation.outcome import Wrong

# From which state a payment may be seen in which next; what happens in one step may pass several.
PAYMENT_MOVES = {
    "": {"pending", "waiting_instant", "in_payout"},
    "pending": {"swapping", "held"},
    "waiting_instant": {"in_payout", "pending", "held"},
    "held": {"pending", "waiting_instant"},
    "swapping": {"pending", "converted", "parked"},
    "converted": {"in_payout"},
    "in_payout": {"paid", "converted", "waiting_instant", "pending", "parked"},
    "parked": {"pending", "waiting_instant", "converted"},
    "paid": set(),
}


@dataclass
class Memory:
    """What was seen in earlier pages."""

    states: dict[str, str] = field(default_factory=dict)  # payment → its state
    owners: dict[str, set[str]] = field(default_factory=dict)  # payment → batches and payouts
    pays: dict[tuple[str, int], Transaction] = field(default_factory=dict)  # (wallet, nonce)
    payouts: set[str] = field(default_factory=set)

    def take(self, page: Page, now: datetime) -> None:
        """One more page. Raises Wrong when a payment has moved as it may not."""
        self._look_at_new_payouts(page, now)
        failed = {
            row["batch_id"]
            for row in page.batches
            if row["state"] == "released"
            and not row["reason"].removeprefix("rejected: ").startswith(NOT_THE_PAYMENTS_FAULT)
        }
        for row in page.payments:
            payment_id, state = row["payment_id"], row["state"]
            before = self.states.get(payment_id, "")
            if state != before and state not in _reachable(before):
                said = f"payment {payment_id} went from {before or 'nothing'} to {state}"
                raise Wrong("a_payment_moves_along_its_table", said)
            self.states[payment_id] = state
            owners = self.owners.setdefault(payment_id, set())
            owners.update(str(row[name]) for name in ("batch_id", "payout_id") if row[name])
            self._look_at_tries(row, failed)
        lost = self.states.keys() - {row["payment_id"] for row in page.payments}
        if lost:
            raise Wrong("a_payment_is_never_lost", f"rows are gone: {sorted(lost)}")

    def _look_at_tries(self, row: dict[str, Any], failed: set[str]) -> None:
        """Every batch that failed with it was a try: else it would be tried for ever."""
        tries = len(self.owners[row["payment_id"]] & failed)
        if row["attempts"] < tries:
            said = f"payment {row['payment_id']} has failed {tries} times, not {row['attempts']}"
            raise Wrong("a_try_is_counted", said)

    def _look_at_new_payouts(self, page: Page, now: datetime) -> None:
        """None to an address that is so new that its owner may not have heard of it."""
        clients = rows_by(page.clients, "client_id")
        for row in page.payouts:
            client = clients[row["client_id"]]
            matures_at = client["address_matures_at"]
            if (
                row["payout_id"] not in self.payouts
                and row["to_address"] == client["wallet_address"]
                and matures_at
                and now < datetime.fromisoformat(matures_at)
            ):
                raise Wrong("a_new_address_is_not_paid_at_once", f"{row}, {client}")
            self.payouts.add(row["payout_id"])

    def take_bytes(self, sent: Transaction) -> None:
        """Bytes that leave. Raises Wrong when others on their nonce paid something else."""
        is_cancel = (sent.to, sent.value_wei, sent.data) == (sent.sender, 0, b"")
        if is_cancel:
            return
        before = self.pays.setdefault((sent.sender, sent.nonce), sent)
        if before.pays != sent.pays:
            raise Wrong("a_nonce_pays_one_thing", f"{before} and {sent}")


def _reachable(state: str) -> set[str]:
    """Whatever may be seen after this state; one look may come after several moves."""
    found: set[str] = set()
    frontier = set(PAYMENT_MOVES[state])
    while frontier:
        found |= frontier
        frontier = set().union(*(PAYMENT_MOVES[each] for each in frontier)) - found
    return found


def rows_by(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """Rows by one of their columns."""
    return {str(row[name]): row for row in rows}

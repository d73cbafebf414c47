"""What operators do about what is held, parked, paused, frozen or dead, through the real acts."""

from collections.abc import Callable
from typing import Any

from microbatch.messages import QUEUES
from tests.simulation.books import Page
from tests.simulation.sqs import NEVER_LOST

Operate = Callable[[dict[str, Any]], Any]
# Held for these reasons, the money is with us all the same.
ARRIVED = ("client_paused", "redeposit")
PARTS = ("ingress", "conversion", "hostpay", "payout")


class Operators:
    """Acts drawn by number from what stands in the books."""

    def __init__(
        self, operate: Operate, page: Callable[[], Page], dead: Callable[[], list[str]]
    ) -> None:
        self._operate, self._page = operate, page
        self._dead = dead  # queues that have dead letters
        self.accepted: set[str] = set()  # held payments that a person has vouched for
        self.rejected: set[str] = set()

    def pause_part(self, number: int) -> None:
        """A part stops before its next irreversible step."""
        self._operate({"act": "pause", "part": PARTS[number % len(PARTS)]})

    def resume_parts(self, until_done: Operate) -> None:
        """Everything goes on."""
        for part in PARTS:
            until_done({"act": "resume", "part": part})

    def accept(self, number: int) -> None:
        """A held payment counts; one that was acted on and went unheard may count as well."""
        row = self._held(number, ARRIVED)
        if row is not None:
            self.accepted.add(row["payment_id"])
            self._operate({"act": "accept", "payment_id": row["payment_id"]})

    def reject(self, number: int) -> None:
        """A held payment never counts."""
        row = self._held(number, None)
        if row is not None:
            self.rejected.add(row["payment_id"])
            self._operate({"act": "reject", "payment_id": row["payment_id"]})

    def _held(self, number: int, reasons: tuple[str, ...] | None) -> dict[str, Any] | None:
        held = [
            row
            for row in self._page().held
            if row["state"] == "held" and (reasons is None or row["reason"] in reasons)
        ]
        return held[number % len(held)] if held else None

    def retry(self, number: int) -> None:
        """Something parked goes on."""
        subject = self._parked(number)
        if subject is not None:
            self._operate({"act": "retry", "id": subject})

    def release(self, number: int) -> None:
        """Something parked is given back, if nothing can pay it any more."""
        subject = self._parked(number)
        if subject is not None:
            self._operate({"act": "release", "id": subject})

    def _parked(self, number: int) -> str | None:
        page = self._page()
        tables = (
            (page.payments, "payment_id"),
            (page.batches, "batch_id"),
            (page.payouts, "payout_id"),
            (page.transfers, "unique_id"),
        )
        parked = [row[name] for rows, name in tables for row in rows if row["state"] == "parked"]
        return str(parked[number % len(parked)]) if parked else None

    def activate_wallets(self, _number: int = 0) -> None:
        """Frozen wallets sign again, once the chain has counted what was given out."""
        for wallet in self._page().wallets:
            if wallet["status"] == "frozen":
                self._operate({"act": "wallets activate", "address": wallet["address"]})

    def redrive_any(self, number: int) -> None:
        """What the dead letters of a queue call for is sent again."""
        full = self._dead() or sorted(QUEUES)
        self._operate({"act": "redrive", "queue": full[number % len(full)]})

    def redrive_all(self) -> None:
        """Likewise, of every queue that has any; what nobody can read is thrown away."""
        for queue in self._dead():
            discards = {} if queue == NEVER_LOST else {"discard_poison": True}
            self._operate({"act": "redrive", "queue": queue, **discards})

    def look(self, number: int) -> None:
        """Acts that only look."""
        looks = ("status", "held", "parked", "clients list", "threshold get")
        self._operate({"act": looks[number % len(looks)]})

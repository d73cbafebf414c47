"""What an operator means by an id."""

from dataclasses import dataclass
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.operations import subject_store
from microbatch.operations.requests import Request, text_in
from microbatch.platform.database import Transaction

ID = r"[!-~]{1,255}"


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing of ours. All but a payment stand on one swap, or one transfer, of this id."""

    entity: str  # payments, batches, payouts or transfers
    subject_id: str
    unique_id: str | None

    def shown(self, tx: Transaction) -> Any:
        """How it stands, for an answer and for the record of an act."""
        if self.entity == "payments":
            return subject_store.payment(tx, self.subject_id)
        assert self.unique_id is not None
        return subject_store.chain_of(tx, self.unique_id)


def subject_in(request: Request, tx: Transaction) -> Subject:
    """What `id` names. Raises InvalidInput when it is nothing of ours, or two things."""
    subject_id = text_in(request, "id", ID)
    found = subject_store.find(tx, subject_id)
    if not found:
        raise InvalidInput(
            f"id {subject_id!r} is no payment, batch, payout, swap or transfer of ours"
        )
    if len(found) > 1:
        names = ", ".join(row["entity"] for row in found)
        raise InvalidInput(f"id {subject_id!r} is in {names}: name what belongs to it instead")
    return Subject(found[0]["entity"], subject_id, found[0]["unique_id"])

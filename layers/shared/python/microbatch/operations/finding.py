"""What a person means by an id: a whole one, or how exactly one begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from microbatch.errors import InvalidInput
from microbatch.operations import finding_store
from microbatch.platform.database import Transaction

PREFIX_CHARACTERS = 4  # fewer begin too much
CANDIDATES_MAX = 10

# Of the same money's rows the first tells the whole story.
ORDER = ("payments", "held_payments", "batches", "payouts", "swaps", "transfers", "clients",
         "wallets", "observations")  # fmt: skip
SAME_MONEY = (("payments", "held_payments"), ("swaps", "transfers"))


@dataclass(frozen=True, slots=True)
class Found:
    """One row that an id is of."""

    entity: str
    row_id: str


def find(tx: Transaction, text: str, among: Sequence[str] = ORDER) -> Found:
    """The one thing that this id is of. Raises InvalidInput when there is none, or several."""
    rows = [row for row in finding_store.begin_with(tx, text) if row["entity"] in among]
    exact = {Found(row["entity"], row["id"]) for row in rows if _same(row["by"], text)}
    found = exact or {Found(row["entity"], row["id"]) for row in rows}
    if not found:
        raise InvalidInput(
            f"nothing has the id {text}, or begins with it; looked through: {', '.join(among)},"
            " and the ids of exchanges and transactions"
        )
    if not exact and len(text) < PREFIX_CHARACTERS:
        raise InvalidInput(f"{text} is no id; of how one begins at least {PREFIX_CHARACTERS}")
    one, *others = sorted(found, key=lambda each: (ORDER.index(each.entity), each.row_id))
    if any(not _goes_for(one, other) for other in others):
        several = [one, *others]
        named = ", ".join(f"{each.entity} {each.row_id}" for each in several[:CANDIDATES_MAX])
        more = ", …" if len(several) > CANDIDATES_MAX else ""
        raise InvalidInput(f"{text} is of several: {named}{more}; say more of it, or of what it is")
    return one


def _goes_for(one: Found, other: Found) -> bool:
    """Whether what is told of one tells of the other: both are the same money's."""
    return one.row_id == other.row_id and (one.entity, other.entity) in SAME_MONEY


def _same(by: str, text: str) -> bool:
    """An id is typed in any case, and a UUID without its hyphens too."""
    return by.replace("-", "").lower() == text.replace("-", "").lower()

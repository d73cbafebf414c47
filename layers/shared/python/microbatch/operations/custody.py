"""The rows that a payment's money goes through: batch or payout, each with its way to the chain."""

from dataclasses import dataclass, field

from microbatch.operations import looking_store as store
from microbatch.platform.database import Transaction

Row = store.Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A batch or a payout with its swap, its transfer and the bytes of it, as far as they are."""

    entity: str  # batches, or payouts
    owner: Row
    swap: Row | None
    transfer: Row | None
    attempts: list[Row]

    @property
    def owner_id(self) -> str:
        """The batch's id, or the payout's."""
        return str(self.owner["batch_id" if self.entity == "batches" else "payout_id"])

    @property
    def ids(self) -> list[str]:
        """Every id an operator may have acted on."""
        found = [self.owner_id]
        found += [str(self.swap["swap_id"])] if self.swap else []
        found += [str(self.transfer["unique_id"])] if self.transfer else []
        return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Custody:
    """What there is of a payment, or of a batch or payout alone."""

    payment: Row | None = None
    held: list[Row] = field(default_factory=list)
    batch: Leg | None = None  # in which it was converted, or is
    payout: Leg | None = None  # in which it was paid, or is

    @property
    def legs(self) -> list[Leg]:
        """In the order in which the money goes through them."""
        return [leg for leg in (self.batch, self.payout) if leg is not None]

    @property
    def ids(self) -> list[str]:
        """Every id an operator may have acted on."""
        found = [str(row["payment_id"]) for row in (self.payment, *self.held) if row is not None]
        return list(dict.fromkeys([*found, *(each for leg in self.legs for each in leg.ids)]))


def of_payment(tx: Transaction, payment_id: str) -> Custody:
    """From a payment, or from what was held under its id, on."""
    payment = store.payment(tx, payment_id)
    batch_id = payment["batch_id"] if payment else None
    payout_id = payment["payout_id"] if payment else None
    return Custody(
        payment=payment,
        held=store.held_of(tx, payment_id),
        batch=of_batch(tx, batch_id) if batch_id else None,
        payout=of_payout(tx, payout_id) if payout_id else None,
    )


def of_batch(tx: Transaction, batch_id: str) -> Leg | None:
    """From a batch on."""
    batch = store.batch(tx, batch_id)
    if batch is None:
        return None
    swap = store.swap_of(tx, "batch", batch_id)
    transfer = store.transfer(tx, swap["swap_id"]) if swap else None
    return Leg(entity="batches", owner=batch, swap=swap, transfer=transfer,
               attempts=_bytes_of(tx, transfer))  # fmt: skip


def of_payout(tx: Transaction, payout_id: str) -> Leg | None:
    """From a payout on."""
    payout = store.payout(tx, payout_id)
    return _of_payout_row(tx, payout) if payout else None


def of_swap(tx: Transaction, swap_id: str) -> Leg | None:
    """The leg that a swap is part of."""
    swap = store.swap(tx, swap_id)
    if swap is None:
        return None
    of_owner = of_batch if swap["context"] == "batch" else of_payout
    return of_owner(tx, swap["owner_id"])


def of_transfer(tx: Transaction, unique_id: str) -> Leg | None:
    """The leg that a transfer is part of; one of an exchange has the id of its swap."""
    leg = of_swap(tx, unique_id)
    if leg is not None:
        return leg
    payout = store.payout_of(tx, unique_id)
    return _of_payout_row(tx, payout) if payout else None


def _of_payout_row(tx: Transaction, payout: Row) -> Leg:
    swap = store.swap(tx, payout["unique_id"]) if payout["kind"] == "exchange" else None
    transfer = store.transfer(tx, payout["unique_id"])
    return Leg(entity="payouts", owner=payout, swap=swap, transfer=transfer,
               attempts=_bytes_of(tx, transfer))  # fmt: skip


def _bytes_of(tx: Transaction, transfer: Row | None) -> list[Row]:
    if transfer is None or transfer["nonce"] is None:
        return []
    return store.attempts(tx, transfer["unique_id"])

"""What a mutant is: a fault that another product had, made again in a copy of ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.mutation.project import Edit

# How it is seen: on the chain, in the books, by an invariant, or because the schema refuses it.
PAID_TWICE = "AssertionError: paid more than once"
CUSTOMERS_TWICE = "AssertionError: customers paid for twice"
NOT_AS_BOOKED = "AssertionError: not as booked"
BYTES_UNKNOWN = "AssertionError: every byte that left stands in the books"
NONCES_BROKEN = "AssertionError: invariants do not hold: ['nonces_have_no_gap']"
GIVEN_AWAY = "CheckViolation: nonce 0 of"
NEVER_DELETED = "CheckViolation: an attempt is never deleted"
ONE_NONCE = 'UniqueViolation: duplicate key value violates unique constraint "one_live_nonce_per_tr'
ONE_TRANSFER = 'UniqueViolation: duplicate key value violates unique constraint "transfer_nonces_pk'


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One fault, the edits that make it, and the scenarios that must go red, with what they say.

    With `_under_our_schema` the fault is in the code alone; without, the guards of the schema that
    stop it are gone too, as the other product never had them.
    """

    name: str
    peer: str
    edits: tuple[Edit, ...] = ()
    red: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

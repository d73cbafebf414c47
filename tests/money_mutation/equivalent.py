"""Mutants that no test can kill, because nothing that can happen tells them from the code.

Each with its reason. A run fails when one of them does not exist any more, or is killed.
"""

from dataclasses import dataclass

from tests.money_mutation.mutant import Mutant


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant by what it changes, and why that changes nothing."""

    path: str
    within: str
    before: str
    after: str
    reason: str

    def is_of(self, mutant: Mutant) -> bool:
        """Whether it is this mutant."""
        return (self.path, self.within, self.before, self.after) == (
            mutant.path,
            mutant.within,
            mutant.before,
            mutant.after,
        )


_PRECISION = "every sum and product of ours has fewer than 100 digits; a digit more is as exact"
_ONE_ELEMENT = "of a sequence of one element, the first is the last"

EQUIVALENT: tuple[Equivalent, ...] = (
    Equivalent(
        "money.py",
        "",
        "EXACT = Context(prec=120)",
        "EXACT = Context(prec=121)",
        _PRECISION,
    ),
    Equivalent(
        "money.py",
        "",
        "EXACT = Context(prec=120)",
        "EXACT = Context(prec=119)",
        _PRECISION,
    ),
    Equivalent(
        "codec.py",
        "_number",
        "return Code(pack, lambda cursor: struct.unpack(form, cursor.take(size))[0])",
        "return Code(pack, lambda cursor: struct.unpack(form, cursor.take(size))[-1])",
        _ONE_ELEMENT,
    ),
    Equivalent(
        "codec.py",
        "",
        "STR = Code(_pack_str, lambda cursor: _text(cursor.take(cursor.take(1)[0])))",
        "STR = Code(_pack_str, lambda cursor: _text(cursor.take(cursor.take(1)[-1])))",
        _ONE_ELEMENT,
    ),
    Equivalent(
        "codec.py",
        "_layout",
        "(field.name, hints[field.name].__metadata__[0], field.default)",
        "(field.name, hints[field.name].__metadata__[-1], field.default)",
        _ONE_ELEMENT,
    ),
    Equivalent(
        "codec.py",
        "_layout",
        "if kind not in _layouts:",
        "if True:",
        "a layout that is worked out again is the same layout; it only takes longer",
    ),
)

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
_NONE = "with no tokens, or one less than none, no transfer of at least one is covered"
_PRODUCT = "an exact product: an amount times a price is a price times an amount"
_CONDITION = "only ever a condition, for which None is as false as False"

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
    Equivalent(
        "intake/model.py",
        "_far_above_invoice",
        "return False",
        "return None",
        _CONDITION,
    ),
    Equivalent(
        "intake/model.py",
        "_far_above_invoice",
        "return value_usd(received_wei, eth_usd) > invoice_usd * times",
        "return value_usd(eth_usd, received_wei) > invoice_usd * times",
        _PRODUCT,
    ),
    Equivalent(
        "intake/model.py",
        "_value",
        'return value_usd(net_wei, eth_usd), "observation"',
        'return value_usd(eth_usd, net_wei), "observation"',
        _PRODUCT,
    ),
    Equivalent(
        "payout/model.py",
        "worth_usd",
        "return None if eth_usd is None else value_usd(Wei(units), eth_usd)",
        "return None if eth_usd is None else value_usd(eth_usd, Wei(units))",
        _PRODUCT,
    ),
    Equivalent(
        "hostpay/model.py",
        "_what_the_node_found",
        "if transfer.token and (transfer.preflight_token_units or 0) < transfer.amount_units:",
        "if transfer.token and (transfer.preflight_token_units or -1) < transfer.amount_units:",
        _NONE,
    ),
    Equivalent(
        "hostpay/clearance.py",
        "_money",
        "left = (transfer.preflight_token_units or 0) - wallet.in_flight_token_units",
        "left = (transfer.preflight_token_units or -1) - wallet.in_flight_token_units",
        _NONE,
    ),
    Equivalent(
        "intake/model.py",
        "judge",
        "if isinstance(verdict, Hold) or client is None:",
        "if ((isinstance(verdict, Hold))):",
        "without a client the verdict is a hold already; the second half is for the type checker",
    ),
)

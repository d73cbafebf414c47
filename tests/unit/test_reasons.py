"""Every reason that the code can give is in the table, and the table has no other."""

import ast
import re
from pathlib import Path

import pytest

from microbatch.conversion.model import WaitReason
from microbatch.intake.model import HoldReason
from microbatch.operations.reasons import REASONS, UNKNOWN, explain
from tests.unit import reasons_in_code

TABLES = Path(reasons_in_code.PACKAGE / "operations/reasons").glob("*.py")


def test_every_reason_in_the_code_is_explained() -> None:
    unexplained = {
        code: places for code, places in reasons_in_code.given().items() if code not in REASONS
    }
    assert unexplained == {}


def test_every_reason_of_the_table_is_given_somewhere() -> None:
    known = reasons_in_code.given().keys() | reasons_in_code.matched()  # the latter: ChangeNOW's
    assert REASONS.keys() - known == set()


def test_what_the_code_compares_reasons_with_begins_one() -> None:
    strangers = {
        start
        for start in reasons_in_code.matched()
        if not any(code.startswith(start) for code in REASONS)
    }
    assert strangers == set()


def test_no_code_stands_in_two_tables() -> None:
    codes = [
        code for path in TABLES for code in re.findall(r'Reason\(\s*"(\w+)"', path.read_text())
    ]

    assert sorted(codes) == sorted(REASONS)


@pytest.mark.parametrize("code", REASONS)
def test_a_reason_is_said_in_sentences(code: str) -> None:
    reason = REASONS[code]

    for sentence in (reason.meaning, reason.fix):
        assert re.fullmatch(r"[A-Z][^\n]*\.", sentence)
    assert reason.unblocked_by
    assert not reason.unblocked_by.endswith(".")


@pytest.mark.parametrize("code", [each.value for each in (*HoldReason, *WaitReason)])
def test_a_code_alone_is_explained(code: str) -> None:
    assert explain(code).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("rejected: exchange_expired", "exchange_expired"),
        ("failed: cancelled_by_operator", "cancelled_by_operator"),
        ("rejected: minimum_raised_to_0.05", "minimum_raised_to_"),
        ("minimum_raised_to_0.05", "minimum_raised_to_"),
        ("below_minimum: 0.004 eth", "below_minimum"),
        ("address_refused: below_minimum", "address_refused"),
        ("rejected: address_changed", "address_changed"),
        ("address_changed_lately", "address_changed_lately"),
        ("deposit_too_small: Out of min amount", "deposit_too_small"),
        ("wallet_has_a_history: its count is 3, and we say 0", "wallet_has_a_history"),
        ("nonces_are_not_ours: the chain has 8, we gave out 7", "nonces_are_not_ours"),
    ],
)  # fmt: skip
def test_a_reason_with_a_tail_is_explained(text: str, code: str) -> None:
    assert explain(text).code == code


@pytest.mark.parametrize("text", ["", "not_valid_address: No", "quote", "minimum", "rejected: "])
def test_a_stranger_is_said_to_be_one(text: str) -> None:
    assert explain(text) is UNKNOWN


@pytest.mark.parametrize(
    "source",
    [
        "park(tx, swap, 'made_up', now)",
        "moves.move(tx, transfer, 'parked', now, 'made_up')",
        "store.move(tx, id_, state_to='parked', reason='made_up')",
        "raise ExchangeError('made_up', detail)",
        "return_ = Ruling(Verdict.WAIT, MADE)",
        "move(tx, transfer, 'rejected', now, FAMILY[status])",
        "reason = f'made_up: {detail}'",
        "refusal: str | None = 'made_up' if poor else None",
        "def why(it: Swap) -> str | None:\n    return 'made_up'",
        "def why(it: Swap) -> tuple[int, str | None]:\n    return 0, 'made_up'",
        "class WaitReason(StrEnum):\n    MADE = 'made_up'",
        "QUERY = \"SELECT CASE WHEN dull THEN 'made_up' END AS reason\"",
    ],
)
def test_a_new_reason_does_not_go_unnoticed(source: str) -> None:
    path = reasons_in_code.PACKAGE / "operations/new.py"
    constants = {"MADE": ["made_up"], "FAMILY": ["made_up"]}

    found = reasons_in_code.given_in(path, ast.parse(source), constants)

    assert "made_up" in {code for code, _ in found}

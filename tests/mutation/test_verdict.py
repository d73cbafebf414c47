"""A mutant that is not seen, or is broken in itself, is never taken for one that was caught."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.mutant import Mutant
from tests.mutation.project import PACKAGE, Edit, Report, apply, edited
from tests.mutation.verdict import EXAMPLE, assert_green, assert_red

COPY = Path("/tmp/copy")
ONE, TWO = "tests/hostile/test_a.py::test_one", "tests/hostile/test_a.py::test_two"
PAID_TWICE = "AssertionError: paid more than once"
MUTANT = Mutant(name="fault", peer="somebody", red={ONE: PAID_TWICE, TWO: PAID_TWICE})
CAUGHT = Report(
    exit_code=1,
    passed=frozenset(),
    failures={ONE: f"{PAID_TWICE}: 2 wei", TWO: f"{PAID_TWICE}: 2 wei"},
    errors={},
    modules={EXAMPLE: COPY / PACKAGE / "hostpay/signing.py"},
    output="",
)
GREEN = replace(CAUGHT, exit_code=0, passed=frozenset(MUTANT.red), failures={})
ELSEWHERE = {EXAMPLE: Path("/project") / PACKAGE / "hostpay/signing.py"}

NOT_CAUGHT: dict[str, dict[str, Any]] = {
    "green": {"exit_code": 0, "passed": frozenset(MUTANT.red), "failures": {}},
    "one_green": {"passed": frozenset({TWO}), "failures": {ONE: f"{PAID_TWICE}: 2 wei"}},
    "not_collected": {"exit_code": 2, "failures": {}, "errors": {ONE: "collection failure"}},
    "unknown_scenario": {"exit_code": 4, "failures": {}},
    "broken_fixture": {"errors": {ONE: "failed on setup with OSError"}},
    "broken_code": {"failures": dict.fromkeys(MUTANT.red, f"NameError: {PAID_TWICE}")},
    "another_reason": {"failures": dict.fromkeys(MUTANT.red, "AssertionError: never mined")},
    "another_package": {"modules": ELSEWHERE},
    "no_package": {"modules": {}},
}


def test_a_mutant_that_was_caught_is_red() -> None:
    assert_red(CAUGHT, COPY, MUTANT)


@pytest.mark.parametrize("ended", NOT_CAUGHT.values(), ids=NOT_CAUGHT)
def test_a_mutant_that_was_not_caught_is_not_red(ended: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_red(replace(CAUGHT, **ended), COPY, MUTANT)


def test_a_run_without_a_fault_is_green() -> None:
    assert_green(GREEN, COPY, MUTANT.red)


@pytest.mark.parametrize(
    "ended",
    [{"passed": frozenset({ONE})}, {"exit_code": 1}, {"modules": ELSEWHERE}],
    ids=["one_is_missing", "one_failed", "another_package"],
)
def test_a_run_that_was_not_whole_is_not_green(ended: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        assert_green(replace(GREEN, **ended), COPY, MUTANT.red)


@pytest.mark.parametrize("text", ["mended", "a fault, a fault"], ids=["never", "twice"])
def test_an_edit_that_does_not_fit_exactly_once_is_refused(tmp_path: Path, text: str) -> None:
    package = tmp_path / PACKAGE
    package.mkdir(parents=True)
    (package / "money.py").write_text(text)

    with pytest.raises(ValueError, match=r"money.py has \d times, not once"):
        apply(tmp_path, [Edit("money.py", "a fault", "nothing")])
    assert (package / "money.py").read_text() == text


def test_an_edit_that_fits_changes_nothing_else() -> None:
    assert edited("one, two, three", Edit("money.py", "two", "2")) == "one, 2, three"

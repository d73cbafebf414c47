"""Whether a run is red for the reason it should be, or green, and of the copy that was changed."""

from collections.abc import Collection
from pathlib import Path

from tests.mutation.mutant import Mutant
from tests.mutation.project import PACKAGE, Report

GREEN, RED = 0, 1  # exit codes of pytest: all have passed, some have failed
EXAMPLE = "microbatch.hostpay.signing"  # a module that every scenario needs
SEEN = ("AssertionError", "assert ", "psycopg2.errors.")  # by a scenario, or by the schema


def assert_green(report: Report, copy: Path, scenarios: Collection[str]) -> None:
    """All of these have run, and passed."""
    assert report.exit_code == GREEN, report.output
    assert report.passed == set(scenarios), report.output
    _assert_of_the_copy(report, copy)


def assert_red(report: Report, copy: Path, mutant: Mutant) -> None:
    """Every scenario of the mutant has failed, by its own judgement, and says what it should."""
    assert report.exit_code == RED, report.output
    assert not report.errors, report.output
    assert set(report.failures) == set(mutant.red), report.output
    for scenario, says in mutant.red.items():
        said = report.failures[scenario]
        assert said.startswith(SEEN), f"{scenario} is broken, not red:\n{said}\n{report.output}"
        assert says in said, f"{scenario} is red for another reason:\n{said}\n{report.output}"
    _assert_of_the_copy(report, copy)


def _assert_of_the_copy(report: Report, copy: Path) -> None:
    """Every module of the package was read from the copy."""
    assert EXAMPLE in report.modules, report.output
    strangers = [
        name for name, path in report.modules.items() if copy / PACKAGE not in path.parents
    ]
    assert not strangers, f"not of the copy {copy}: {report.modules}"

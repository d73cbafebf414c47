"""What a drill says is what it has found, and the command line knows every drill."""

import re
from collections import Counter

import pytest

from command import drill
from local.drills.faults import DRILLS
from local.drills.rehearsal import Result
from local.verdict import Finding
from tests.unit import documents


def result(recovery_seconds: float | None, *findings: Finding) -> Result:
    return Result(
        name="sqs-outage",
        says="SQS",
        day_seconds=48,
        fault_seconds=50.0,
        caught=Counter(),
        stood=Counter(),
        facts={},
        recovery_seconds=recovery_seconds,
        payments=1,
        refused=0,
        schedule_failures=Counter(),
        dead=Counter(),
        redriven=Counter(),
        given_up={},
        findings=list(findings),
    )


def test_the_command_line_names_every_drill() -> None:
    assert (*DRILLS, "all") == drill.NAMES


def test_every_drill_is_described_with_its_result() -> None:
    text = (documents.PROJECT / "docs/drills.md").read_text(encoding="utf-8")
    described = dict(re.findall(r"(?ms)^## ([a-z-]+)\n(.*?)(?=^## |\Z)", text))

    assert described.keys() == DRILLS.keys()
    for name, said in described.items():
        assert "**Breaks**: " in said
        assert "**Proves**: " in said
        assert f"$ microbatch drill {name} " in said
        assert f"  {name}: all is well\n" in said


@pytest.mark.parametrize(
    ("recovery_seconds", "found", "holds"),
    [(3.0, "none", True), (None, "none", False), (3.0, "two", False)],
)
def test_all_is_well_only_in_time_and_when_every_finding_holds(
    recovery_seconds: float | None, found: str, holds: bool
) -> None:
    right = Finding("still on its way", "none", "none")

    drilled = result(recovery_seconds, right, Finding("dead letters", "none", found))

    assert drilled.holds is holds

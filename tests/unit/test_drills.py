"""What a drill says is what it has found, and the command line knows every drill."""

from collections import Counter

import pytest

from command import drill
from local.drills.faults import DRILLS
from local.drills.rehearsal import Result
from local.verdict import Finding


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

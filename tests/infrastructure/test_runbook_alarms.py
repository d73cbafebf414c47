"""Every alarm that is deployed has its section in docs/runbook.md, and says where."""

import re
from typing import Any

import pytest

from microbatch.operations.reasons import REASONS
from tests.infrastructure.deployed import Deployed
from tests.unit import runbook

ENVIRONMENTS = ("prod", "prod_kms", "local")
ANCHOR = re.compile(r": see docs/runbook\.md#([\w-]+)$")


def _alarms(deployed: Deployed) -> list[dict[str, Any]]:
    return [
        entry["Properties"]
        for template in (deployed.data, deployed.pipeline)
        for entry in template["Resources"].values()
        if entry["Type"] == "AWS::CloudWatch::Alarm"
    ]


def _anchors(deployed: Deployed) -> set[str]:
    """The sections that alarms name; "" for an alarm that names none."""
    said = (ANCHOR.search(alarm["AlarmDescription"]) for alarm in _alarms(deployed))
    return {found[1] if found else "" for found in said}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_alarm_names_a_section_that_there_is(
    environment: str, request: pytest.FixtureRequest
) -> None:
    assert _anchors(request.getfixturevalue(environment)) - runbook.sections().keys() == set()


def test_every_section_is_of_an_alarm_or_a_reason(prod: Deployed) -> None:
    assert runbook.sections().keys() - _anchors(prod) - REASONS.keys() == set()


def test_the_section_has_the_alarms_name(prod: Deployed) -> None:
    """After it may stand of what: a queue, a function. One version's names end with its number."""
    named = [alarm for alarm in _alarms(prod) if isinstance(alarm["AlarmName"], str)]

    assert len(named) > 20
    for alarm in named:
        name = alarm["AlarmName"].removeprefix(prod.environment.prefix)
        anchor = ANCHOR.search(alarm["AlarmDescription"])
        assert anchor
        assert name == anchor[1] or name.startswith(f"{anchor[1]}-")

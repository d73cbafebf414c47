"""Every alarm that is deployed has its section in docs/runbook.md, and says where."""

from typing import Any

import pytest

from microbatch.operations.reasons import REASONS
from tests.infrastructure.deployed import Deployed
from tests.unit import runbook

ENVIRONMENTS = ("prod", "prod_kms", "local")


def _alarms(deployed: Deployed) -> dict[str, str]:
    """Name without the environment → description."""
    resources = [
        entry["Properties"]
        for template in (deployed.data, deployed.pipeline)
        for entry in template["Resources"].values()
        if entry["Type"] == "AWS::CloudWatch::Alarm"
    ]
    prefix = deployed.environment.prefix
    return {_name(one).removeprefix(prefix): one["AlarmDescription"] for one in resources}


def _name(alarm: dict[str, Any]) -> str:
    """Of an alarm of one version of one function the name of its kind."""
    name = alarm["AlarmName"]
    if isinstance(name, str):
        return name
    of_function, version = name["Fn::Join"][1]
    assert "Version" in version["Fn::GetAtt"]
    return f"new_version_{of_function.rstrip('-').rpartition('-')[2]}"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_alarm_has_its_section_and_names_it(
    environment: str, request: pytest.FixtureRequest
) -> None:
    alarms = _alarms(request.getfixturevalue(environment))

    assert alarms.keys() - runbook.sections().keys() == set()
    unlinked = [name for name in alarms if not alarms[name].endswith(f"docs/runbook.md#{name}")]
    assert unlinked == []


def test_every_section_is_of_an_alarm_or_a_reason(prod: Deployed) -> None:
    assert runbook.sections().keys() - _alarms(prod).keys() - REASONS.keys() == set()


def test_an_alarm_has_a_name_of_its_own(prod: Deployed) -> None:
    """Else its section could not be found."""
    assert all(" " not in name and name == name.lower() for name in _alarms(prod))

"""Rollout: callers go through an alias, and a new version is judged by itself alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from cdk.rollout import CANARY_MINUTES, DURATION_MAX_PERCENT, ERRORS_MAX_PERCENT
from cdk.stages import BY_NAME, STAGES
from microbatch.platform import observability
from tests.infrastructure.conftest import _synthesize
from tests.infrastructure.deployed import Deployed, Properties

CALLED = {stage.name for stage in STAGES if stage.queues or stage.routes or stage.schedule}
SCHEDULED = {stage.name for stage in STAGES if stage.schedule}


@pytest.fixture(params=["prod", "dev"])
def on_aws(request: pytest.FixtureRequest) -> Deployed:
    found: Deployed = request.getfixturevalue(request.param)
    return found


def version_of(deployed: Deployed, stage: str) -> Any:
    """What the alias of a stage points at: a reference to a version's number."""
    return deployed.aliases()[stage]["Properties"]["FunctionVersion"]


def group_of(deployed: Deployed, stage: str) -> Properties:
    """The deployment group that moves a stage's calls."""
    policy = deployed.aliases()[stage]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    groups = deployed.of_type("AWS::CodeDeploy::DeploymentGroup")
    return groups[policy["DeploymentGroupName"]["Ref"]]


def alarms_of(deployed: Deployed, stage: str) -> dict[str, Properties]:
    """What takes a stage's new version back, by its last word."""
    configured = group_of(deployed, stage)["AlarmConfiguration"]
    alarms = deployed.of_type("AWS::CloudWatch::Alarm")
    assert configured["Enabled"] is True
    assert not configured.get("IgnorePollAlarmFailure")
    found = [alarms[alarm["Name"]["Ref"]] for alarm in configured["Alarms"]]
    return {alarm["AlarmDescription"].rpartition("-")[2]: alarm for alarm in found}


def metrics_in(alarm: Properties) -> list[Properties]:
    """Every metric an alarm looks at: name, namespace and dimensions."""
    if "Metrics" in alarm:
        return [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [alarm]


def test_every_function_has_an_alias_on_a_version_of_its_own(deployed: Deployed) -> None:
    versions = deployed.of_type("AWS::Lambda::Version")

    assert deployed.aliases().keys() == BY_NAME.keys()
    for stage, alias in deployed.aliases().items():
        version = versions[version_of(deployed, stage)["Fn::GetAtt"][0]]
        assert alias["Properties"]["Name"] == "live"
        assert "RoutingConfig" not in alias["Properties"]  # CodeDeploy's to set
        assert version["FunctionName"] == alias["Properties"]["FunctionName"]


def test_nothing_calls_a_function_past_its_alias(deployed: Deployed) -> None:
    callers = [
        *(entry["FunctionName"] for entry in deployed.mappings().values()),
        *(
            entry["IntegrationUri"]
            for entry in deployed.of_type("AWS::ApiGatewayV2::Integration").values()
        ),
        *(
            entry["Target"]["Arn"]
            for entry in deployed.of_type("AWS::Scheduler::Schedule").values()
        ),
        *(entry["FunctionName"] for entry in deployed.of_type("AWS::Lambda::Permission").values()),
    ]

    assert len(callers) > 20
    assert all(deployed.name(caller).endswith(":live") for caller in callers)


def test_a_schedule_may_invoke_the_alias_only(deployed: Deployed) -> None:
    roles = [
        policy["PolicyDocument"]["Statement"]
        for policy in deployed.of_type("AWS::IAM::Policy").values()
        if policy["PolicyName"].startswith("SchedulerRole")
    ]

    assert len(roles) == 3
    for (statement,) in roles:
        assert statement["Action"] == "lambda:InvokeFunction"
        assert deployed.name(statement["Resource"]).endswith(":live")


def test_a_tenth_of_the_calls_comes_first_and_any_trouble_takes_it_back(on_aws: Deployed) -> None:
    for stage in CALLED:
        group = group_of(on_aws, stage)
        if stage not in SCHEDULED:
            usual = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
            assert group["DeploymentConfigName"] == usual
        assert group["AutoRollbackConfiguration"]["Enabled"] is True
        assert set(group["AutoRollbackConfiguration"]["Events"]) == {
            *("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"),
        }
        assert group["DeploymentStyle"]["DeploymentOption"] == "WITH_TRAFFIC_CONTROL"


def test_what_a_schedule_calls_is_tried_on_calls_that_really_come(on_aws: Deployed) -> None:
    configured = on_aws.of_type("AWS::CodeDeploy::DeploymentConfig")

    assert {"threshold_check", "payout_scheduler", "reconciler"} == SCHEDULED
    for stage in SCHEDULED:
        period_minutes = on_aws.environment.period_minutes(BY_NAME[stage].schedule)
        config = configured[group_of(on_aws, stage)["DeploymentConfigName"]["Ref"]]
        assert config["ComputePlatform"] == "Lambda"
        routing = config["TrafficRoutingConfig"]
        assert routing["Type"] == "TimeBasedCanary"
        minutes = routing["TimeBasedCanary"]["CanaryInterval"]
        calls = (minutes - CANARY_MINUTES) // period_minutes  # and time to hear of the last one
        old_ones_share = 1 - routing["TimeBasedCanary"]["CanaryPercentage"] / 100
        assert 0 < old_ones_share**calls <= 0.01 + 1e-9  # so often no call meets the new version
        slow = alarms_of(on_aws, stage)["slow"]
        assert (period_minutes > 1) == (slow["EvaluationPeriods"] == slow["DatapointsToAlarm"] == 1)


def test_who_is_called_by_a_person_alone_has_nobody_to_try_a_version_on(on_aws: Deployed) -> None:
    by_hand = {name for name, alias in on_aws.aliases().items() if "UpdatePolicy" not in alias}

    assert by_hand == BY_NAME.keys() - CALLED == {"operations", "migrator"}


def test_each_new_version_is_judged_by_errors_p99_and_unhandled_exceptions(
    on_aws: Deployed,
) -> None:
    for stage in CALLED:
        alarms = alarms_of(on_aws, stage)
        assert alarms.keys() == {"errors", "slow", "unhandled"}
        errors, slow, unhandled = (alarms[name] for name in ("errors", "slow", "unhandled"))
        assert {metric["MetricName"] for metric in metrics_in(errors)} == {"Errors", "Invocations"}
        assert errors["Threshold"] == ERRORS_MAX_PERCENT == 5
        assert (slow["MetricName"], slow["ExtendedStatistic"]) == ("Duration", "p99")
        timeout_ms = BY_NAME[stage].timeout_seconds * 1000
        assert slow["Threshold"] == timeout_ms * DURATION_MAX_PERCENT / 100 < timeout_ms
        assert (unhandled["Namespace"], unhandled["MetricName"], unhandled["Threshold"]) == (
            observability.NAMESPACE,
            observability.UNHANDLED,
            0,
        )
        for alarm in alarms.values():
            assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
            assert alarm["TreatMissingData"] == "notBreaching"  # nobody called: no verdict


def test_an_alarm_is_of_the_new_version_and_of_nothing_else(on_aws: Deployed) -> None:
    for stage in CALLED:
        version, name = version_of(on_aws, stage), on_aws.functions()[stage]["FunctionName"]
        for alarm in alarms_of(on_aws, stage).values():
            for metric in metrics_in(alarm):
                dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
                if metric["Namespace"] == "AWS/Lambda":
                    assert dimensions == {
                        "FunctionName": name,
                        "Resource": f"{name}:live",
                        "ExecutedVersion": version,
                    }
                else:
                    assert dimensions == {"function_name": name, "version": version}


def test_a_new_version_begins_with_alarms_that_never_rang(on_aws: Deployed) -> None:
    # An alarm that is only changed keeps its state: it would stop the fix before it begins. Its
    # name cannot be changed, so with the version in it CloudFormation makes a new one.
    for stage in CALLED:
        for alarm in alarms_of(on_aws, stage).values():
            parts = alarm["AlarmName"]["Fn::Join"][1]
            assert version_of(on_aws, stage) in parts


def test_calls_move_when_the_group_knows_the_new_alarms(on_aws: Deployed) -> None:
    for stage in CALLED:
        alias = on_aws.aliases()[stage]
        group = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"]
        assert group in alias["DependsOn"]


def test_codedeploy_moves_these_aliases_and_does_nothing_else(on_aws: Deployed) -> None:
    ((role_id, role),) = (
        (id_, entry)
        for id_, entry in on_aws.of_type("AWS::IAM::Role").items()
        if "codedeploy" in json.dumps(entry["AssumeRolePolicyDocument"])
    )
    (policy,) = role["Policies"]
    text = json.dumps(policy)

    assert "ManagedPolicyArns" not in role
    for stage in BY_NAME:
        assert (f":function:microbatch-{on_aws.environment.name}-{stage.replace('_', '-')}:live"
                in text) == (stage in CALLED)  # fmt: skip
    for statement in policy["PolicyDocument"]["Statement"]:
        assert statement["Resource"] != "*"
    groups = on_aws.of_type("AWS::CodeDeploy::DeploymentGroup").values()
    assert {group["ServiceRoleArn"]["Fn::GetAtt"][0] for group in groups} == {role_id}


def test_locally_there_is_the_alias_without_the_canary(local: Deployed) -> None:
    assert not local.of_type("AWS::CodeDeploy::DeploymentGroup")
    assert not any("UpdatePolicy" in alias for alias in local.aliases().values())


def test_other_code_is_another_version_and_migrates_again(local: Deployed, tmp_path: Path) -> None:
    for name in ("runtime", "ethereum"):
        (tmp_path / name / "python").mkdir(parents=True)
        (tmp_path / name / "python" / "changed.py").touch()
    changed = _synthesize(tmp_path, tmp_path / "out", environment="local")
    handlers = [
        trigger["HandlerArn"]["Ref"]
        for deployed in (local, changed)
        for trigger in deployed.of_type("Custom::Trigger").values()
    ]

    for stage in BY_NAME:
        assert version_of(local, stage) != version_of(changed, stage), stage
    assert len(set(handlers)) == 2

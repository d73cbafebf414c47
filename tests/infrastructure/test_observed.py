"""Alarms and pictures: what they read is written by somebody, and what is written is read."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cdk.money_alarms import MONEY_ALARMS
from cdk.stages import BY_NAME, STAGES
from microbatch.messages import QUEUES
from microbatch.platform import observability
from tests.infrastructure.counted import OF_A_VERSION, Key, emitted, emitted_in
from tests.infrastructure.deployed import Deployed, Properties

SEARCH = re.compile(
    r"SEARCH\('\{Microbatch,([a-z,]+)\} environment=\"([a-z]+)\" MetricName=\"([a-z_]+)\"',"
    r" 'Maximum', 300\)"
)
# What AWS writes by itself, without a price.
OF_AWS = {
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/Lambda": {"Invocations", "Errors", "Duration"},
    "AWS/RDS": {"ReadLatency", "WriteLatency", "CPUUtilization"},
    "AWS/ApiGateway": {"Count", "4xx", "5xx", "Latency"},
}
# (threshold, seconds until it rings) of the alarms that were planned for the original.
PLANNED = {
    "queue_depth-payments": (100, 300),
    "average_retries": (10, 300),
    "retry_count": (20, 300),
    "error_rate": (5, 600),
    "function_errors-hostpay_signer": (5, 300),
    "api_errors-rate": (5, 300),
    "api_errors-count": (10, 300),
    "completion": (99, 86_400),
    "exchange_availability": (90, 900),
    "node_availability": (90, 900),
    "database_latency": (1, 180),
    "wallet_below_reserve": (0, 300),
    "rows_over_age": (0, 300),
    "reconciler_silent": (1, 900),
    "measuring_silent": (1, 900),
    "payout_scheduler_silent": (1, 900),
    "threshold_check_silent": (1, 1800),
    "balance_reading_silent": (1, 1800),
}


def alarms(deployed: Deployed) -> dict[str, Properties]:
    """Name without the prefix → alarm; those of one version have names that are not known yet."""
    return {
        alarm["AlarmName"].removeprefix(deployed.environment.prefix): alarm
        for alarm in deployed.of_type("AWS::CloudWatch::Alarm").values()
        if isinstance(alarm["AlarmName"], str)
    }


def page(deployed: Deployed) -> Properties:
    """The dashboard, as CloudWatch would read it."""
    (dashboard,) = deployed.of_type("AWS::CloudWatch::Dashboard").values()
    assert dashboard["DashboardName"] == f"microbatch-{deployed.environment.name}"
    body = dashboard["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "aws" for part in body)
    found: Properties = json.loads(text)
    return found


def read_by_alarms(deployed: Deployed) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(namespace, name, dimensions) of what alarms look at."""
    for alarm in deployed.of_type("AWS::CloudWatch::Alarm").values():
        parts = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", ()) if
                 "MetricStat" in each]  # fmt: skip
        for metric in parts or [alarm]:
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            yield metric["Namespace"], metric["MetricName"], dimensions


def read_by_pictures(deployed: Deployed) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The same of the dashboard; a search is not among them."""
    for widget in page(deployed)["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            if isinstance(line[0], str):
                namespace, name, *rest = [each for each in line if isinstance(each, str)]
                yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def searches(deployed: Deployed) -> Iterator[tuple[Properties, Key, str]]:
    """(picture, metric and dimensions that it searches, label) of each search."""
    for widget in page(deployed)["widgets"]:
        for line in widget["properties"].get("metrics", ()):
            expression = line[0].get("expression", "") if isinstance(line[0], dict) else ""
            if "SEARCH" in expression:
                match = SEARCH.fullmatch(expression)
                assert match, expression
                assert match[2] == deployed.environment.name
                key = (match[3], frozenset(match[1].split(",")))
                yield widget["properties"], key, line[0]["label"]


def everything_read(deployed: Deployed) -> list[tuple[str, str, dict[str, Any]]]:
    return [*read_by_alarms(deployed), *read_by_pictures(deployed)]


@pytest.mark.parametrize("name", ["prod", "dev"])
def test_what_is_read_is_written_and_what_is_written_is_read(
    name: str, request: pytest.FixtureRequest
) -> None:
    deployed: Deployed = request.getfixturevalue(name)
    read: set[Key] = {
        (metric, frozenset(dimensions))
        for namespace, metric, dimensions in everything_read(deployed)
        if namespace == observability.NAMESPACE
    }
    read |= {key for _, key, _ in searches(deployed)}

    assert read - emitted() == set(), "nobody counts it"
    assert emitted() - read == set(), "nobody looks at it"
    assert len(read) > 60


def test_a_search_shows_one_unit_by_what_nobody_can_know_beforehand(deployed: Deployed) -> None:
    """Wei beside seconds would be a picture of neither; a line without its reason, of nothing."""
    found = list(searches(deployed))
    assert {name for _, (name, _), _ in found} == {
        *("parked_usd", "parked_eth", "parked_usdt", "parked_rows", "parked_oldest_seconds"),
        "rows_over_age",
    }
    for picture, (name, dimensions), label in found:
        (varying,) = dimensions - {"environment", "entity"}
        assert label == f"${{PROP('Dim.entity')}} ${{PROP('Dim.{varying}')}}"
        beside = {line[1] for line in picture["metrics"] if isinstance(line[0], str)}
        assert beside <= {name}
        assert len([1 for other, _, _ in found if other["title"] == picture["title"]]) == 1


def test_what_the_api_answers_wrongly_rings_and_wrong_signatures_are_seen(
    deployed: Deployed,
) -> None:
    (api,) = deployed.of_type("AWS::ApiGatewayV2::Api")
    found = alarms(deployed)
    looked_at = {
        name
        for namespace, name, dimensions in read_by_alarms(deployed)
        if namespace == "AWS/ApiGateway" and dimensions == {"ApiId": {"Ref": api}}
    }
    with_rate = {"5xx", "Count"} if deployed.environment.metric_math else {"5xx"}
    assert looked_at == with_rate

    assert found["api_errors-count"]["ComparisonOperator"] == "GreaterThanThreshold"
    assert found["api_errors-count"]["MetricName"] == "5xx"
    if deployed.environment.metric_math:
        (rate,) = (each["Expression"] for each in found["api_errors-rate"]["Metrics"]
                   if "Expression" in each)  # fmt: skip
        # one request of one that fails is 100 %: it need not be many to be all
        assert rate == "IF(requests > 0, 100 * errors / requests, 0)"
    drawn = {name for namespace, name, _ in read_by_pictures(deployed)
             if namespace == "AWS/ApiGateway"}  # fmt: skip
    assert drawn == OF_AWS["AWS/ApiGateway"]


def test_a_name_that_is_not_written_out_would_be_noticed() -> None:
    assert list(emitted_in('count("a", 2); gauge("b", 1, entity=x)')) == [
        ("a", frozenset({"environment"})),
        ("b", frozenset({"environment", "entity"})),
    ]
    with pytest.raises(AssertionError):
        list(emitted_in("count(name)"))
    with pytest.raises(AssertionError):
        list(emitted_in('gauge("a", 1, **more)'))


def test_two_environments_in_one_account_read_nothing_of_each_other(deployed: Deployed) -> None:
    for namespace, name, dimensions in everything_read(deployed):
        if namespace != observability.NAMESPACE:
            continue
        if name == OF_A_VERSION[0]:
            assert str(dimensions["function_name"]).startswith(deployed.environment.prefix)
        else:
            assert dimensions["environment"] == deployed.environment.name


def test_what_aws_measures_is_of_what_is_deployed(deployed: Deployed) -> None:
    prefix = deployed.environment.prefix
    there = {
        "QueueName": {f"{prefix}{name}" for name in deployed.queues()},
        "FunctionName": {entry["FunctionName"] for entry in deployed.functions().values()},
        "DBInstanceIdentifier": {
            entry["DBInstanceIdentifier"]
            for entry in deployed.of_type("AWS::RDS::DBInstance", "data").values()
        },
        "stage": {name for name, stage in BY_NAME.items() if stage.queues},
    }
    for namespace, name, dimensions in everything_read(deployed):
        if namespace != observability.NAMESPACE:
            assert name in OF_AWS[namespace]
        for key, value in dimensions.items():
            if isinstance(value, dict):  # of a dead-letter queue, a reference
                value = f"{prefix}{deployed.name(value)}"  # noqa: PLW2901
            assert key not in there or value in there[key], (name, key, value)


def test_the_alarms_of_the_plan_ring_when_they_were_planned_to(prod: Deployed) -> None:
    found = alarms(prod)
    for name, (threshold, seconds) in PLANNED.items():
        alarm = found[name]
        inner = [each["MetricStat"]["Period"] for each in alarm.get("Metrics", ()) if
                 "MetricStat" in each]  # fmt: skip
        (period,) = set(inner) or {alarm["Period"]}
        assert (alarm["Threshold"], period * alarm["EvaluationPeriods"]) == (threshold, seconds)


def test_every_queue_function_and_schedule_is_watched(deployed: Deployed) -> None:
    found = alarms(deployed).keys()

    assert {f"queue_depth-{queue}" for queue in QUEUES} <= found
    assert {f"queue_age-{queue}" for queue in QUEUES} <= found
    assert {f"{queue}-dlq" for queue in QUEUES} <= found
    assert MONEY_ALARMS.keys() <= found
    calculated = {f"function_errors-{stage.name}" for stage in STAGES if stage.is_called}
    calculated |= {f"{stage.name}_silent" for stage in STAGES if stage.schedule}
    assert calculated & found == (calculated if deployed.environment.metric_math else set())


def test_silence_rings_and_no_data_is_silence_there_alone(deployed: Deployed) -> None:
    for name, alarm in alarms(deployed).items():
        silent = name.endswith("_silent")
        assert alarm["TreatMissingData"] == ("breaching" if silent else "notBreaching"), name
        if silent:
            assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)


def test_every_alarm_but_a_canarys_rings_on_the_topic(deployed: Deployed) -> None:
    (topic,) = deployed.of_type("AWS::SNS::Topic")
    for name, alarm in alarms(deployed).items():
        assert alarm["AlarmActions"] == [{"Ref": topic}], name


def test_not_yet_rings_nowhere(deployed: Deployed) -> None:
    names = {name for _, name, _ in read_by_alarms(deployed)}
    assert "not_yet" not in names
    rung_by = {"failed_tries"} | ({"retried"} if deployed.environment.metric_math else set())
    assert rung_by <= names


def test_no_calculation_puts_a_number_among_series(prod: Deployed) -> None:
    """MAX([calls, 1]) is refused when the alarm is made: of an array, all are series or none is."""
    looked_at = [
        part["Expression"]
        for alarm in prod.of_type("AWS::CloudWatch::Alarm").values()
        for part in alarm.get("Metrics", ())
        if "Expression" in part
    ]
    shown = re.findall(r'"expression":"([^"]+)"', json.dumps(page(prod), separators=(",", ":")))
    assert len(looked_at) > 40
    assert shown
    arrays = [each for text in (*looked_at, *shown) for each in re.findall(r"\[([^]]*)\]", text)]
    assert arrays
    assert not [each for each in arrays if re.search(r"(^|,)\s*[0-9.]+\s*(,|$)", each)]


def test_the_page_shows_every_alarm_and_fits(deployed: Deployed) -> None:
    widgets = page(deployed)["widgets"]
    (shown,) = [each for each in widgets if each["type"] == "alarm"]

    assert len(shown["properties"]["alarms"]) == len(alarms(deployed)) <= 100  # CloudWatch's limit
    assert len(widgets) > 20
    for widget in widgets:
        assert widget["x"] + widget["width"] <= 24
        assert widget["type"] != "metric" or widget["properties"]["metrics"]


def test_calculations_name_what_they_are_made_of(prod: Deployed) -> None:
    """An expression that names an id that there is not draws nothing, and says so nowhere."""
    words = re.compile(r"\b[a-z][a-z0-9_]*\b")
    drawn = 0
    for widget in page(prod)["widgets"]:
        lines = widget["properties"].get("metrics", ())
        ids = {line[-1]["id"] for line in lines if isinstance(line[-1], dict) and "id" in line[-1]}
        for line in lines:
            expression = line[0].get("expression", "") if isinstance(line[0], dict) else ""
            if expression and "SEARCH" not in expression:
                drawn += 1
                assert set(words.findall(expression)) <= ids, expression
    assert drawn > 5

"""Queues: nothing is lost in silence, nothing is retried without end, vendors are not overrun."""

import pytest

from cdk.money_alarms import MONEY_ALARMS
from cdk.stages import BY_NAME, CONSUMER, STAGES
from cdk.vendors import VENDORS, calls_per_second
from microbatch.messages import QUEUES
from microbatch.platform import observability
from tests.infrastructure.deployed import Deployed

DAY = 86_400
SQS_MAX_RECEIVES = 1000


def _dead_letters_of(queue: str) -> str:
    return f"{queue}-dlq"


def test_every_queue_of_the_message_table_exists_with_its_own_dead_letter_queue(
    deployed: Deployed,
) -> None:
    queues = deployed.queues()
    assert queues.keys() == QUEUES.keys() | {_dead_letters_of(queue) for queue in QUEUES}
    for queue in QUEUES:
        target = queues[queue]["RedrivePolicy"]["deadLetterTargetArn"]
        assert deployed.name(target) == _dead_letters_of(queue)


def test_a_dead_letter_queue_takes_from_its_own_queue_only(deployed: Deployed) -> None:
    for queue in QUEUES:
        allowed = deployed.queues()[_dead_letters_of(queue)]["RedriveAllowPolicy"]
        (source,) = allowed["sourceQueueArns"]
        assert allowed["redrivePermission"] == "byQueue"
        assert deployed.name(source).endswith(f":{deployed.environment.prefix}{queue}")


def test_receives_are_within_what_sqs_allows_and_a_hiccup_survives(deployed: Deployed) -> None:
    for queue in QUEUES:
        receives = deployed.queues()[queue]["RedrivePolicy"]["maxReceiveCount"]
        assert 5 <= receives <= SQS_MAX_RECEIVES


def test_a_message_is_hidden_long_enough_for_its_function(deployed: Deployed) -> None:
    for queue in QUEUES:
        window = deployed.mappings()[queue].get("MaximumBatchingWindowInSeconds", 0)
        visibility = deployed.queues()[queue]["VisibilityTimeout"]
        assert visibility >= 6 * CONSUMER[queue].timeout_seconds + window


def test_a_crash_loop_ends_in_the_dead_letter_queue_before_retention_deletes_it(
    deployed: Deployed,
) -> None:
    for queue in QUEUES:
        properties = deployed.queues()[queue]
        receives = properties["RedrivePolicy"]["maxReceiveCount"]
        assert properties["VisibilityTimeout"] * receives <= 3 * DAY
        assert properties["MessageRetentionPeriod"] == 4 * DAY


def test_dead_letters_stay_for_two_weeks(deployed: Deployed) -> None:
    for queue in QUEUES:
        properties = deployed.queues()[_dead_letters_of(queue)]
        assert properties["MessageRetentionPeriod"] == 14 * DAY


def test_a_message_is_renewed_before_its_queue_gives_up_on_it(deployed: Deployed) -> None:
    for queue, consumer in CONSUMER.items():
        variables = deployed.functions()[consumer.name]["Environment"]["Variables"]
        receives = deployed.queues()[queue]["RedrivePolicy"]["maxReceiveCount"]
        assert 5 <= int(variables["RENEW_AT_RECEIVES"]) < receives


def test_a_day_of_retries_fits_with_renewals(deployed: Deployed) -> None:
    reading = [name for name, stage in BY_NAME.items() if stage.queues]

    for name in reading:
        entry = deployed.functions()[name]["Environment"]["Variables"]
        wait, deadline = int(entry["RETRY_WAIT_SECONDS"]), int(entry["RETRY_DEADLINE_SECONDS"])
        # the copy is a new message, so the retention starts again at each renewal
        assert wait * int(entry["RENEW_AT_RECEIVES"]) < 4 * DAY
        assert deadline == DAY


def test_queues_are_encrypted_and_refuse_plain_http(deployed: Deployed) -> None:
    policies = {
        deployed.name(queue): policy["PolicyDocument"]["Statement"]
        for policy in deployed.of_type("AWS::SQS::QueuePolicy").values()
        for queue in policy["Queues"]
    }

    for name, properties in deployed.queues().items():
        assert properties["SqsManagedSseEnabled"] is True
        (statement,) = policies[name]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_every_queue_is_read_by_its_consumer_as_the_stage_table_says(deployed: Deployed) -> None:
    mappings = deployed.mappings()
    assert mappings.keys() == QUEUES.keys() == CONSUMER.keys()
    for queue, mapping in mappings.items():
        stage = CONSUMER[queue]
        assert deployed.name(mapping["FunctionName"]).replace("-", "_") == f"{stage.name}:live"
        assert mapping["BatchSize"] == stage.batch_size
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["ScalingConfig"]["MaximumConcurrency"] == stage.max_concurrency >= 2


def test_only_payments_wait_to_be_batched(deployed: Deployed) -> None:
    waiting = {
        queue
        for queue, mapping in deployed.mappings().items()
        if mapping.get("MaximumBatchingWindowInSeconds")
    }

    assert waiting == {"payments"}


def test_outbound_functions_take_one_message_at_a_time(deployed: Deployed) -> None:
    for queue, mapping in deployed.mappings().items():
        stage = CONSUMER[queue]
        # A vendor may take its time. What a publisher calls is AWS itself: milliseconds each.
        if stage.zone == "outbound" and not stage.publishes:
            assert mapping["BatchSize"] == 1


@pytest.mark.parametrize("secret", sorted(VENDORS))
def test_a_vendor_is_never_asked_more_often_than_its_budget(
    deployed: Deployed, secret: str
) -> None:
    vendor, asked = VENDORS[secret], []
    for queue, mapping in deployed.mappings().items():
        stage = CONSUMER[queue]
        if secret in stage.secrets:
            concurrency = mapping["ScalingConfig"]["MaximumConcurrency"]
            rate = concurrency * calls_per_second(stage.calls_per_turn, vendor)
            # where AWS's least concurrency is more than its part allows, the part is not true
            assert rate <= stage.calls_per_second_max, stage.name
            asked.append(rate)

    assert asked
    parts = [stage.calls_per_second_max for stage in STAGES if secret in stage.secrets]
    assert sum(asked) <= sum(parts) <= vendor.calls_per_second_max


def test_turns_of_more_calls_than_are_known_ask_no_more_often_than_a_vendor_allows(
    deployed: Deployed,
) -> None:
    """One request follows the other: what an instance makes of its time is bounded by that."""
    allowed = {"CHANGENOW_API_KEY": 30, "ETHEREUM_RPC_URL": 400}
    for secret, vendor in VENDORS.items():
        instances = sum(
            mapping["ScalingConfig"]["MaximumConcurrency"]
            for queue, mapping in deployed.mappings().items()
            if secret in CONSUMER[queue].secrets
        )
        at_once = vendor.calls_at_once
        assert instances * at_once / vendor.call_seconds_min <= allowed[secret]
        assert vendor.calls_per_second_max <= allowed[secret]


def test_every_outbound_stage_has_a_budget() -> None:
    for stage in STAGES:
        asks_a_vendor = stage.zone == "outbound" and not stage.publishes
        assert bool(set(stage.secrets) & set(VENDORS)) == asks_a_vendor, stage.name
        assert bool(stage.calls_per_turn) == asks_a_vendor, stage.name


def test_no_function_is_throttled_by_reserved_concurrency(deployed: Deployed) -> None:
    for properties in deployed.functions().values():
        assert "ReservedConcurrentExecutions" not in properties  # would burn receives


def test_every_dead_letter_queue_rings_on_one_topic(deployed: Deployed) -> None:
    (topic,) = deployed.of_type("AWS::SNS::Topic")
    watched = set()
    for alarm in deployed.of_type("AWS::CloudWatch::Alarm").values():
        if str(alarm["AlarmName"]).endswith("-dlq"):
            assert alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"
            (dimension,) = alarm["Dimensions"]
            watched.add(deployed.name(dimension["Value"]))
            assert alarm["AlarmActions"] == [{"Ref": topic}]
            assert alarm["Threshold"] == 0
            assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert watched == {_dead_letters_of(queue) for queue in QUEUES}


def test_what_must_wake_somebody_rings_at_its_first_count(deployed: Deployed) -> None:
    rings = {
        alarm["MetricName"]: alarm
        for alarm in deployed.of_type("AWS::CloudWatch::Alarm").values()
        if alarm.get("Namespace") == observability.NAMESPACE
    }
    for name in MONEY_ALARMS:
        assert rings[name]["Threshold"] == 0
        assert rings[name]["Statistic"] == "Sum"
        assert rings[name]["ComparisonOperator"] == "GreaterThanThreshold"


def test_alarms_may_publish_on_the_topic_and_nobody_in_plain_http(deployed: Deployed) -> None:
    (policy,) = deployed.of_type("AWS::SNS::TopicPolicy").values()
    statements = policy["PolicyDocument"]["Statement"]
    allowed = [entry for entry in statements if entry["Effect"] == "Allow"]
    denied = [entry for entry in statements if entry["Effect"] == "Deny"]

    assert [entry["Principal"] for entry in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    assert [entry["Condition"] for entry in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_watching_stages_see_every_queue() -> None:
    for stage in (BY_NAME["operations"], BY_NAME["health"]):
        assert set(stage.watches) == set(QUEUES)

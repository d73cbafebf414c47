"""Alarms on the flow: what waits too long, fails too often, is silent, or runs out.

AWS's own metrics where it has them, for they cost nothing: queues, calls of functions, database.
docs/adr/0019 says why each threshold is what it is.
"""

from aws_cdk import Duration

from cdk.alarms import Alarms
from cdk.measured import Measured, availability, calculated, completion, failed_percent
from cdk.stages import STAGES, Stage
from microbatch.messages import QUEUES

QUEUE_DEPTH_MAX = 100
QUEUE_AGE_MAX_SECONDS = 3600
ERRORS_MAX_PERCENT = 5
TRIES_AVERAGE_MAX = 10
TRIES_MAX = 20
AVAILABILITY_MIN_PERCENT = 90
AVAILABILITY_PERIOD = Duration.minutes(15)
COMPLETION_MIN_PERCENT = 99
DATABASE_LATENCY_MAX_SECONDS = 1
RUNWAY_MIN_TRANSFERS = 20
SIGNATURES_REFUSED_MAX = 3  # in five minutes
UNANSWERED_MAX = 10  # in five minutes, however much else was answered
MISSED_RUNS = 3
SILENCE_MIN_MINUTES = 15
PERIOD_MIN_MINUTES = 5


def add_flow_alarms(alarms: Alarms, api_id: str) -> None:
    """Every alarm that is not about one count of ours."""
    measured = Measured(alarms.environment)
    _watch_api(alarms, measured, api_id)
    for queue in QUEUES:
        _watch_queue(alarms, measured, queue)
    for stage in STAGES:
        if stage.is_called:
            _watch_function(alarms, measured, stage)
        if stage.schedule:
            _watch_schedule(alarms, measured, stage)
    _watch_messages(alarms, measured)
    _watch_parties(alarms, measured)
    _watch_measuring(alarms, measured)
    _watch_conversion(alarms, measured)
    _watch_wallet(alarms, measured)
    if alarms.environment.has_vpc:
        _watch_database(alarms, measured)


def _watch_api(alarms: Alarms, measured: Measured, api_id: str) -> None:
    """What is answered with an error of ours is a payment that its sender has to send again."""
    errors = measured.api(api_id, "5xx")
    alarms.above(
        "api_errors",
        f"More than {ERRORS_MAX_PERCENT} % of the requests are answered with an error of ours",
        calculated(
            "IF(requests > 0, 100 * errors / requests, 0)",
            "errors, percent",
            errors=errors,
            requests=measured.api(api_id, "Count"),
        ),
        threshold=ERRORS_MAX_PERCENT,
        of="rate",
    )
    alarms.above(
        "api_errors",
        f"More than {UNANSWERED_MAX} requests are answered with an error of ours",
        errors,
        threshold=UNANSWERED_MAX,
        of="count",
    )


def _watch_queue(alarms: Alarms, measured: Measured, queue: str) -> None:
    visible = measured.queue(
        queue, "ApproximateNumberOfMessagesVisible", period=Duration.minutes(1)
    )
    alarms.above(
        "queue_depth",
        f"More than {QUEUE_DEPTH_MAX} messages wait in a queue for five minutes",
        visible,
        threshold=QUEUE_DEPTH_MAX,
        periods=5,
        of=queue,
    )
    alarms.above(
        "queue_age",
        "A message has been in a queue for more than an hour",
        measured.queue(queue, "ApproximateAgeOfOldestMessage"),
        threshold=QUEUE_AGE_MAX_SECONDS,
        of=queue,
    )


def _watch_function(alarms: Alarms, measured: Measured, stage: Stage) -> None:
    alarms.above(
        "function_errors",
        f"More than {ERRORS_MAX_PERCENT} % of a function's calls end in an error",
        calculated(
            "IF(calls > 0, 100 * errors / calls, 0)",
            "errors, percent",
            errors=measured.function(stage.name, "Errors"),
            calls=measured.function(stage.name, "Invocations"),
        ),
        threshold=ERRORS_MAX_PERCENT,
        of=stage.name,
    )


def _watch_schedule(alarms: Alarms, measured: Measured, stage: Stage) -> None:
    runs_every = alarms.environment.period_minutes(stage.schedule)
    period = Duration.minutes(max(PERIOD_MIN_MINUTES, runs_every))
    alarms.silent(
        f"{stage.name}_silent",
        f"The schedule {stage.name} has not come to the end of a run",
        calculated(
            "calls - FILL(errors, 0)",
            "runs that ended well",
            period,
            calls=measured.function(stage.name, "Invocations", period=period),
            errors=measured.function(stage.name, "Errors", period=period),
        ),
        periods=_silent_periods(runs_every),
    )


def _silent_periods(runs_every_minutes: int) -> int:
    """Three periods of a quick schedule; two of one that runs as seldom as the silence is long."""
    return MISSED_RUNS if runs_every_minutes < SILENCE_MIN_MINUTES else MISSED_RUNS - 1


def _watch_messages(alarms: Alarms, measured: Measured) -> None:
    alarms.above(
        "error_rate",
        f"More than {ERRORS_MAX_PERCENT} % of the messages fail",
        failed_percent(measured),
        threshold=ERRORS_MAX_PERCENT,
        periods=2,
    )
    alarms.above(
        "average_retries",
        f"What fails has been tried more than {TRIES_AVERAGE_MAX} times on average",
        measured.ours("failed_tries", "Average"),
        threshold=TRIES_AVERAGE_MAX,
    )
    alarms.above(
        "retry_count",
        f"A message has failed more than {TRIES_MAX} times",
        measured.ours("failed_tries", "Maximum"),
        threshold=TRIES_MAX,
    )
    alarms.above(
        "signatures_refused",
        "Notifications come with signatures that are not their sender's",
        measured.ours("webhook_unauthorized"),
        threshold=SIGNATURES_REFUSED_MAX,
    )


def _watch_parties(alarms: Alarms, measured: Measured) -> None:
    for party, who in (("exchange", "ChangeNOW"), ("node", "The Ethereum node")):
        alarms.below(
            f"{party}_availability",
            f"{who} answers less than {AVAILABILITY_MIN_PERCENT} % of the calls",
            availability(measured, party, AVAILABILITY_PERIOD),
            threshold=AVAILABILITY_MIN_PERCENT,
        )
    observed_every = alarms.environment.parameters.observation_period_seconds // 60
    period = Duration.minutes(max(PERIOD_MIN_MINUTES, observed_every))
    alarms.silent(
        "balance_reading_silent",
        "Nobody has read the wallet's balance and the gas price",
        measured.ours("balances_read", period=period),
        periods=MISSED_RUNS,
    )


def _watch_measuring(alarms: Alarms, measured: Measured) -> None:
    """A reconciler that runs and cannot measure: what reads its measures would see nothing."""
    alarms.silent(
        "measuring_silent",
        "Nobody has measured what waits, is parked, or stands too long",
        measured.ours("payments_late", "SampleCount"),
        periods=MISSED_RUNS,
    )


def _watch_conversion(alarms: Alarms, measured: Measured) -> None:
    alarms.below(
        "completion",
        f"Less than {COMPLETION_MIN_PERCENT} % of a day's payments get on in two days",
        completion(measured),
        threshold=COMPLETION_MIN_PERCENT,
    )
    overdue_seconds = MISSED_RUNS * 60 * alarms.environment.period_minutes("threshold_check")
    alarms.above(
        "conversion_overdue",
        "Enough is pending for a batch, and none is opened",
        calculated(
            f"IF(oldest > {overdue_seconds} AND pending >= threshold, 1, 0)",
            "overdue",
            oldest=measured.ours("pending_oldest_seconds", "Minimum"),
            pending=measured.ours("pending_usd", "Minimum"),
            threshold=measured.ours("threshold_usd", "Minimum"),
        ),
        threshold=0,
        periods=3,
    )


def _watch_wallet(alarms: Alarms, measured: Measured) -> None:
    alarms.below(
        "wallet_below_reserve",
        "A wallet's own ETH is less than its gas reserve, or clients' ETH is missing",
        measured.ours("wallet_spare_eth", "Minimum"),
        threshold=0,
    )
    alarms.below(
        "gas_runway_low",
        f"The wallet's own ETH pays the gas of less than {RUNWAY_MIN_TRANSFERS} transfers",
        measured.ours("gas_runway_transfers", "Maximum"),
        threshold=RUNWAY_MIN_TRANSFERS,
    )


def _watch_database(alarms: Alarms, measured: Measured) -> None:
    minute = Duration.minutes(1)
    alarms.above(
        "database_latency",
        f"The database's disk takes more than {DATABASE_LATENCY_MAX_SECONDS} s to read or write",
        calculated(
            "MAX([read, write])",
            "latency, s",
            minute,
            read=measured.database("ReadLatency", minute),
            write=measured.database("WriteLatency", minute),
        ),
        threshold=DATABASE_LATENCY_MAX_SECONDS,
        periods=3,
    )

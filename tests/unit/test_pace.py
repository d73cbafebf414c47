"""When a row that waits is asked about again."""

from datetime import UTC, datetime, timedelta

import pytest

from microbatch.pace import SQS_DELAY_SECONDS_MAX, Pace

SINCE = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 86_400
PACE = Pace(
    poll_wait_seconds=60,
    slow_poll_wait_seconds=3600,
    slow_poll_after_seconds=DAY,
    stale_after_seconds=300,
)


def after(seconds: int) -> datetime:
    return SINCE + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("waited_seconds", "wait_seconds", "delay_seconds"),
    [
        (0, 60, 60),
        (DAY - 1, 60, 60),
        (DAY, 3600, SQS_DELAY_SECONDS_MAX),
        (30 * DAY, 3600, SQS_DELAY_SECONDS_MAX),
    ],
)
def test_after_a_day_it_is_asked_hourly(
    waited_seconds: int, wait_seconds: int, delay_seconds: int
) -> None:
    assert PACE.wait_seconds(SINCE, after(waited_seconds)) == wait_seconds
    assert PACE.delay_seconds(SINCE, after(waited_seconds)) == delay_seconds


@pytest.mark.parametrize(("waited_seconds", "pause_seconds"), [(100, 45), (2 * DAY, 2700)])
def test_a_question_passes_after_three_quarters_of_the_wait(
    waited_seconds: int, pause_seconds: int
) -> None:
    now = after(waited_seconds)

    assert PACE.not_since(SINCE, now) == now - timedelta(seconds=pause_seconds)


def test_a_row_is_stale_after_its_limit() -> None:
    assert PACE.stale_before(SINCE) == SINCE - timedelta(seconds=300)


@pytest.mark.parametrize("wait_seconds", [1, 2, 59, 60, 899, 900, 901, 3600])
def test_no_delay_is_longer_than_sqs_takes_and_its_answer_always_passes(wait_seconds: int) -> None:
    pace = Pace(
        poll_wait_seconds=wait_seconds,
        slow_poll_wait_seconds=wait_seconds,
        slow_poll_after_seconds=DAY,
        stale_after_seconds=300,
    )
    now = after(10)

    delay = timedelta(seconds=pace.delay_seconds(SINCE, now))

    assert delay <= timedelta(seconds=SQS_DELAY_SECONDS_MAX)
    assert wait_seconds > 900 or now - delay <= pace.not_since(SINCE, now)

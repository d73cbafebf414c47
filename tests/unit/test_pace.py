"""When a row that waits is asked about again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from microbatch.pace import SQS_DELAY_SECONDS_MAX, Pace, Standstill

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
        (DAY, 3600, 0),  # longer than SQS delays: the reconciler asks when the time has come
        (30 * DAY, 3600, 0),
    ],
)
def test_after_a_day_it_is_asked_hourly(
    waited_seconds: int, wait_seconds: int, delay_seconds: int
) -> None:
    assert PACE.wait_seconds(SINCE, after(waited_seconds)) == wait_seconds
    assert PACE.delay_seconds(SINCE, after(waited_seconds)) == delay_seconds


@pytest.mark.parametrize(
    ("wait_seconds", "waited_seconds", "pause_seconds"),
    [(60, 100, 45), (60, 2 * DAY, 3585), (600, 100, 585), (20, 100, 15), (4, 100, 3)],
)
def test_a_question_passes_a_quarter_of_the_wait_earlier_but_no_more_than_fifteen_seconds(
    wait_seconds: int, waited_seconds: int, pause_seconds: int
) -> None:
    now = after(waited_seconds)
    pace = replace(PACE, poll_wait_seconds=wait_seconds)

    assert pace.not_since(SINCE, now) == now - timedelta(seconds=pause_seconds)


def test_sqs_delays_by_fifteen_minutes_at_most() -> None:
    def delay_seconds(wait_seconds: int) -> int:
        return replace(PACE, poll_wait_seconds=wait_seconds).delay_seconds(SINCE, SINCE)

    assert [delay_seconds(each) for each in (899, 900, 901)] == [899, 900, 0]


def test_a_row_is_stale_after_its_limit_and_given_up_after_a_day() -> None:
    assert PACE.stale_after == timedelta(seconds=300)
    assert PACE.given_up_before(SINCE) == SINCE - timedelta(days=1)


@pytest.mark.parametrize("wait_seconds", [1, 2, 59, 60, 61, 899, 900, 901, 3600])
def test_the_answer_to_the_last_question_passes_and_its_duplicate_does_not(
    wait_seconds: int,
) -> None:
    pace = replace(PACE, poll_wait_seconds=wait_seconds)
    now = after(10)
    asked_now, asked_a_wait_ago = now, now - timedelta(seconds=wait_seconds)

    delay_seconds = pace.delay_seconds(SINCE, now)

    assert delay_seconds == (wait_seconds if wait_seconds <= SQS_DELAY_SECONDS_MAX else 0)
    assert asked_a_wait_ago < pace.not_since(SINCE, now) < asked_now


@pytest.mark.parametrize(
    ("stale_seconds", "slow_seconds", "longest_seconds"), [(300, 3600, 3600), (300, 2, 300)]
)
def test_a_row_that_stands_still_is_never_looked_at_sooner_than_stale(
    stale_seconds: int, slow_seconds: int, longest_seconds: int
) -> None:
    pace = replace(PACE, stale_after_seconds=stale_seconds, slow_poll_wait_seconds=slow_seconds)

    assert pace.standstill(SINCE).parameters == {
        "now": SINCE,
        "stale": timedelta(seconds=stale_seconds),
        "longest": timedelta(seconds=longest_seconds),
    }


@pytest.mark.parametrize(
    ("asked_seconds", "due_seconds"),
    [
        (None, 300),  # never asked: after the least wait
        (0, 300),
        (-50, 300),  # asked before it came into this state
        (100, 400),
        (300, 600),
        (1000, 2000),  # as long again as it took until then
        (3600, 7200),
        (DAY, DAY + 3600),  # an hour at most
    ],
)
def test_a_row_is_due_again_after_as_long_as_it_has_waited_up_to_an_hour(
    asked_seconds: int | None, due_seconds: int
) -> None:
    asked_at = None if asked_seconds is None else after(asked_seconds)

    assert Standstill(SINCE, 300, 3600).due_at(SINCE, asked_at) == after(due_seconds)

"""The plan for a message that failed: every kind of error, at every age."""

import pytest

from microbatch.errors import (
    ConfigurationError,
    ExpiredToken,
    IllegalTransition,
    InvalidInput,
    InvalidToken,
    PermanentFailure,
    RetryLater,
)
from microbatch.platform.retry import Action, RetryPolicy, plan_retry

POLICY = RetryPolicy(wait_seconds=1, deadline_seconds=100, renew_at_receives=3)


@pytest.mark.parametrize(
    ("error", "age_seconds", "receives", "action"),
    [
        (RetryLater("x"), 0, 1, Action.WAIT),
        (RetryLater("x"), 99, 2, Action.WAIT),
        (RetryLater("x"), 99, 3, Action.RENEW),
        (RetryLater("x"), 99, 1000, Action.RENEW),
        (RetryLater("x"), 100, 1, Action.DEAD_LETTER),
        (RetryLater("x"), 100, 3, Action.DEAD_LETTER),
        (KeyError("bug"), 0, 1, Action.WAIT),
        (KeyError("bug"), 0, 3, Action.RENEW),
        (KeyError("bug"), 100, 1, Action.DEAD_LETTER),
        (ConfigurationError("x"), 0, 1, Action.WAIT),
        (ConfigurationError("x"), 0, 3, Action.RENEW),
        (ConfigurationError("x"), 100, 1, Action.DEAD_LETTER),
        (PermanentFailure("x"), 0, 1, Action.DEAD_LETTER),
        (InvalidInput("x"), 0, 1, Action.DEAD_LETTER),
        (InvalidToken("x"), 0, 3, Action.DEAD_LETTER),
        (ExpiredToken("x"), 0, 1, Action.DEAD_LETTER),
        (IllegalTransition("x"), 0, 1, Action.DEAD_LETTER),
    ],
)
def test_the_plan(error: Exception, age_seconds: int, receives: int, action: Action) -> None:
    assert plan_retry(error, age_seconds, receives, POLICY) is action


@pytest.mark.parametrize("values", [(1, 1, 1), (900, 86_400, 999)])
def test_the_least_and_the_most_that_sqs_can_keep(values: tuple[int, int, int]) -> None:
    wait, deadline, renew = values
    policy = RetryPolicy(wait_seconds=wait, deadline_seconds=deadline, renew_at_receives=renew)

    assert plan_retry(RetryLater("x"), deadline - 1, renew - 1, policy) is Action.WAIT
    assert plan_retry(RetryLater("x"), deadline - 1, renew, policy) is Action.RENEW
    assert plan_retry(RetryLater("x"), deadline, renew, policy) is Action.DEAD_LETTER


@pytest.mark.parametrize(
    "values",
    [(0, 100, 3), (901, 100, 3), (1, 0, 3), (1, 100, 0), (1, 100, 1000)],
)
def test_a_policy_sqs_cannot_keep_is_refused(values: tuple[int, int, int]) -> None:
    wait, deadline, renew = values

    with pytest.raises(ConfigurationError):
        RetryPolicy(wait_seconds=wait, deadline_seconds=deadline, renew_at_receives=renew)

"""A signing key is changed while messages are on their way: nothing is lost, nothing refused."""

import hashlib

import pytest

from cdk.stages import STAGES
from microbatch.errors import InvalidToken
from microbatch.messages import QUEUES, ExchangeStatusRequested
from tests.integration.doors import KEYS, Doors, sample, signed

QUEUE = "swap-monitor"
FAMILY = QUEUES[QUEUE].key
OLD, NEW, NEWER = (
    KEYS[FAMILY],
    hashlib.sha256(b"new").hexdigest(),
    hashlib.sha256(b"newer").hexdigest(),
)


def rotate(doors: Doors, key: str) -> None:
    doors._vault.put_secret_value(SecretId=FAMILY, SecretString=key)


def test_what_was_signed_before_and_after_the_change_is_read(doors: Doors) -> None:
    before = signed(QUEUE, sample(ExchangeStatusRequested), OLD)
    rotate(doors, NEW)
    after = signed(QUEUE, sample(ExchangeStatusRequested), NEW)
    assert doors.deliver(QUEUE, before, after) == 0
    assert doors.dead(QUEUE) == []
    answers = [doors._receive("swap-results") for _ in range(2)]
    assert sum(map(len, answers)) == 2


def test_what_is_sent_after_the_change_is_signed_with_the_new_key(doors: Doors) -> None:
    rotate(doors, NEW)
    doors.deliver(QUEUE, signed(QUEUE, sample(ExchangeStatusRequested), NEW))
    with pytest.raises(InvalidToken):
        doors.waiting("swap-results")  # read with the old key alone


def test_a_function_that_still_keeps_the_old_keys_reads_a_new_message(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors.deliver(QUEUE, signed(QUEUE, sample(ExchangeStatusRequested), OLD))
    rotate(doors, NEW)
    monkeypatch.setattr("tests.integration.doors.forget", lambda: None)  # it stays warm
    assert doors.deliver(QUEUE, signed(QUEUE, sample(ExchangeStatusRequested), NEW)) == 0
    assert doors.dead(QUEUE) == []


def test_the_key_before_the_previous_one_is_refused(doors: Doors) -> None:
    rotate(doors, NEW)
    rotate(doors, NEWER)
    doors.deliver(QUEUE, signed(QUEUE, sample(ExchangeStatusRequested), OLD))
    ((_, reason),) = doors.dead(QUEUE)
    assert "signature does not match" in reason


def test_every_function_reads_its_keys_by_the_same_rule() -> None:
    families = {carrier.key for carrier in QUEUES.values()}
    readers = [stage for stage in STAGES if stage.queues]
    assert all(set(stage.signing_keys) <= families for stage in readers)
    assert {QUEUES[queue].key for stage in readers for queue in stage.queues} == families

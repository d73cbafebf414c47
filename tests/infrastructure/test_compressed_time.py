"""A drill's day is shorter by configuration alone: every wait by one factor, down to one hop."""

from dataclasses import fields

import pytest

from cdk import config
from cdk.compressed_time import CONTEXT_KEY, LEAST_SECONDS, SECONDS, compressed
from cdk.config import DAY_SECONDS
from cdk.settings import Settings


def _local(day_seconds: str) -> config.Environment:
    given = {"environment": "local", CONTEXT_KEY: day_seconds, "chain_id": "1337"}
    return config.load(given.get)


def test_a_day_and_what_lasts_a_day_are_as_long_as_said() -> None:
    settings = _local("48").settings()

    assert settings["RETRY_DEADLINE_SECONDS"] == "48"
    assert settings["SLOW_POLL_AFTER_SECONDS"] == "48"
    assert settings["BATCH_MAX_AGE_SECONDS"] == "48"
    assert settings["ADDRESS_HOLD_SECONDS"] == "48"
    assert settings["EXCHANGE_MAX_AGE_SECONDS"] == "96"


@pytest.mark.parametrize("day_seconds", [6, 48, 3600])
def test_every_wait_of_production_is_shorter_and_none_is_nothing(day_seconds: int) -> None:
    usual = Settings(chain_id=1)
    short = compressed(usual, day_seconds)

    for entry in fields(Settings):
        if entry.name.endswith(SECONDS):
            before, after = getattr(usual, entry.name), getattr(short, entry.name)
            assert LEAST_SECONDS <= after <= before
            if after > 12:  # where a hop is no limit, the factor is the same for all
                assert after == round(before * day_seconds / DAY_SECONDS)


def test_a_message_is_renewed_before_its_deadline_as_in_production() -> None:
    short = compressed(Settings(chain_id=1), 48)

    tries = short.retry_deadline_seconds // short.retry_wait_seconds
    assert short.renew_at_receives / tries == pytest.approx(900 / 1440, abs=0.02)


def test_nothing_but_time_is_changed() -> None:
    usual, short = Settings(chain_id=1), compressed(Settings(chain_id=1), 48)

    changed = {
        entry.name
        for entry in fields(Settings)
        if getattr(usual, entry.name) != getattr(short, entry.name)
    }
    assert {name for name in changed if not name.endswith(SECONDS)} == {"renew_at_receives"}


@pytest.mark.parametrize("day_seconds", ["5", "86401", "0", "-48"])
def test_a_day_that_is_none_is_refused(day_seconds: str) -> None:
    with pytest.raises(ValueError, match=f"day_seconds={day_seconds}: choose 6 to 86400"):
        _local(day_seconds)


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_no_other_environment_has_a_shorter_day(environment: str) -> None:
    given = {"environment": environment, CONTEXT_KEY: "48"}

    settings = config.load(given.get).settings()

    assert settings["RETRY_DEADLINE_SECONDS"] == "86400"

"""Bugs, counted by function and version: a new version that meets one is taken back."""

import json
from typing import Any

import pytest

from microbatch.messages import ExchangeStatusRequested, PaymentReceived
from microbatch.platform.database import Database
from microbatch.platform.observability import NAMESPACE, UNHANDLED
from tests.integration.doors import Doors, sample, signed
from tests.unit.stub_server import StubServer

VERSION = "42"


@pytest.fixture(autouse=True)
def _version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", VERSION)


def counted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The metrics of unhandled exceptions that were written to the log."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    return [line for line in lines if UNHANDLED in line]


def test_a_bug_is_counted_by_function_and_version(
    doors: Doors, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with database.transaction() as tx:
        tx.execute("DROP TABLE payments CASCADE")  # as if the new code needed what is not there

    assert doors.deliver("payments", signed("payments", sample(PaymentReceived))) == 1

    together, by_itself = counted(capsys)  # met with all that came at once, and once more alone
    for metric in (together, by_itself):
        ((directive),) = metric["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == NAMESPACE
        assert directive["Dimensions"] == [["function_name", "version"]]
        assert metric["function_name"] == "microbatch-local-accumulator"
        assert metric["version"] == VERSION
        assert metric[UNHANDLED] == [1.0]


def test_so_is_a_setting_that_a_new_version_lacks(
    doors: Doors, capsys: pytest.CaptureFixture[str]
) -> None:
    doors.set_secret("CHANGENOW_API_KEY", None)

    doors.deliver("swap-monitor", signed("swap-monitor", sample(ExchangeStatusRequested)))

    assert [metric["function_name"] for metric in counted(capsys)] == [
        "microbatch-local-swap_monitor"
    ]


def test_what_is_unwell_outside_takes_no_version_back(
    doors: Doors, outside: StubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.__exit__(None, None, None)  # nobody answers for ChangeNOW any more
    forged = signed("swap-monitor", sample(ExchangeStatusRequested), key="f" * 64)

    assert doors.deliver("swap-monitor", signed("swap-monitor", sample(ExchangeStatusRequested)))
    doors.deliver("swap-monitor", forged)

    assert counted(capsys) == []

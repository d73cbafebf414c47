"""What fails by an error of ours does not stand before what the payout scheduler can do."""

import json

import pytest

from microbatch.payout import opening
from microbatch.platform.observability import UNHANDLED
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import Doors

REFUSES = """
CREATE FUNCTION refuse_the_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'as a bug would' USING ERRCODE = '%s';
END
$$;
CREATE TRIGGER refuses BEFORE INSERT ON payouts FOR EACH ROW
    WHEN (NEW.client_id = '1') EXECUTE FUNCTION refuse_the_first();
"""


BUG, DEADLOCK = "raise_exception", "deadlock_detected"  # what Postgres calls them


def paid_in(pipeline: Pipeline, strategy: str, error: str = BUG) -> None:
    """Two clients have 0.05 ETH each, or what it brings; a payout of the first meets an error."""
    for client_id in "12":
        pipeline.client(client_id, strategy=strategy, wants="usdt/eth", threshold_usd=1)
        pipeline.payment(client_id, "0.05")
    pipeline.run()
    if strategy == "threshold":
        pipeline.check()
        pipeline.run()
    with pipeline.database.transaction() as tx:
        tx.execute(REFUSES % error)


def payouts(pipeline: Pipeline) -> list[str]:
    return [row["client_id"] for row in pipeline.rows("SELECT client_id FROM payouts")]


def test_a_payment_that_fails_lets_the_next_one_pass(
    doors: Doors, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "PAYMENTS_MAX", 1)
    pipeline.run()
    with pipeline.database.transaction() as tx:  # nothing is opened when they are taken in
        tx.execute("UPDATE pauses SET paused_at = now(), who = 'me', why = 'x' WHERE part='payout'")
    paid_in(pipeline, "instant")
    with pipeline.database.transaction() as tx:
        tx.execute("UPDATE pauses SET paused_at = NULL, who = NULL, why = NULL")
    assert doors.invoke("payout_scheduler")["payments"] == 0
    assert payouts(pipeline) == []
    assert doors.invoke("payout_scheduler")["payments"] == 1
    assert payouts(pipeline) == ["2"]


def test_a_client_that_fails_lets_the_next_one_pass(
    doors: Doors, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "CLIENTS_MAX", 1)
    paid_in(pipeline, "threshold")
    assert doors.invoke("payout_scheduler")["clients"] == 0
    assert payouts(pipeline) == []
    assert doors.invoke("payout_scheduler")["clients"] == 1
    assert payouts(pipeline) == ["2"]


@pytest.mark.parametrize(("error", "unhandled"), [(BUG, 1), (DEADLOCK, 0)])
def test_each_failure_rings_and_only_a_bug_is_held_against_the_version(
    doors: Doors,
    pipeline: Pipeline,
    capsys: pytest.CaptureFixture[str],
    error: str,
    unhandled: int,
) -> None:
    paid_in(pipeline, "threshold", error)
    capsys.readouterr()

    assert doors.invoke("payout_scheduler")["clients"] == 1

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    assert [line["schedule_item_failed"] for line in lines if "schedule_item_failed" in line] == [
        [1.0]
    ]
    assert [line[UNHANDLED] for line in lines if UNHANDLED in line] == [[1.0]] * unhandled
    assert payouts(pipeline) == ["2"]

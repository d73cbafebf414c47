"""What fails by an error of ours does not stand before what the payout scheduler can do."""

import pytest

from microbatch.payout import opening
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import Doors

REFUSES = """
CREATE FUNCTION refuse_the_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'as a bug would';
END
$$;
CREATE TRIGGER refuses BEFORE INSERT ON payouts FOR EACH ROW
    WHEN (NEW.client_id = '1') EXECUTE FUNCTION refuse_the_first();
"""


def paid_in(pipeline: Pipeline, strategy: str) -> None:
    """Two clients have 0.05 ETH each, or what it brings; a payout of the first meets a bug."""
    for client_id in "12":
        pipeline.client(client_id, strategy=strategy, wants="usdt/eth", threshold_usd=1)
        pipeline.payment(client_id, "0.05")
    pipeline.run()
    if strategy == "threshold":
        pipeline.check()
        pipeline.run()
    with pipeline.database.transaction() as tx:
        tx.execute(REFUSES)


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

"""What can not be helped holds up nothing else; what stands still is measured."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from microbatch.errors import RetryLater
from microbatch.messages import Outgoing
from microbatch.operations.chores import CHORES
from microbatch.operations.lifetimes import LIFETIMES, Act
from microbatch.operations.reconciler import Means, reconcile
from microbatch.platform.database import Database
from microbatch.platform.observability import metrics
from microbatch.swap import service as swaps
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import one
from tests.integration.rows import insert

BY_ITSELF = {Act.RESEND, Act.ASK, Act.SETTLE, Act.TELL, Act.RELEASE, Act.JUDGE}


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    """Fresh observations, nobody registered, nothing counted."""
    metrics.provider.clear_metrics()
    pipeline = Pipeline(database)
    pipeline.observe()
    yield pipeline
    metrics.provider.clear_metrics()


def swaps_requested(pipeline: Pipeline, count: int) -> list[str]:
    """Swaps of batches that nobody has answered, a minute apart, the oldest first."""
    ids = [f"{'ABCDEFGH'[number]}AAABBBBCCCC2222" for number in range(count)]
    with pipeline.database.transaction() as tx:
        for number, swap_id in enumerate(ids):
            since = pipeline.now - timedelta(hours=1) + timedelta(minutes=number)
            owner = f"6f1c2f0e-0000-4000-8000-00000000000{number}"
            insert(tx, "swaps", swap_id=swap_id, owner_id=owner, state_since=since)
    return ids


def spoil(pipeline: Pipeline, *swap_ids: str) -> None:
    """No message can be made of these swaps: nobody knows the decimals of their coin."""
    with pipeline.database.transaction() as tx:
        tx.execute(
            "UPDATE swaps SET from_currency = 'doge' WHERE swap_id = ANY(%(ids)s)",
            ids=list(swap_ids),
        )


def asked(sent: list[Outgoing]) -> list[str]:
    return [each.message.swap_id for each in sent if each.queue == "swap-create"]  # type: ignore[attr-defined]


def counted() -> dict[str, float]:
    return {name: sum(found["Value"]) for name, found in metrics.metric_set.items()}


def test_every_lifetime_that_acts_by_itself_is_somebodys_chore() -> None:
    served = [each for chore in CHORES for each in chore.serves]
    assert len(served) == len(set(served))
    acting = {(each.entity, each.state) for each in LIFETIMES if each.act in BY_ITSELF}
    # A payout by exchange goes on with its swap: only a direct one has a message of its own.
    assert set(served) == acting
    assert len({chore.name for chore in CHORES}) == len(CHORES)


def test_one_row_that_fails_holds_up_no_other(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = swaps_requested(pipeline, 3)
    spoil(pipeline, first)
    sent = pipeline.reconcile()
    assert asked(sent) == [second, third]
    assert counted()["reconciler_item_failed"] == 1
    assert "reconciler_item_failed" in caplog.text
    row = one(pipeline, f"SELECT asked_at FROM swaps WHERE swap_id = '{first}'")
    assert row["asked_at"] == pipeline.now, "it comes last from now on"


def test_rows_that_always_fail_do_not_stand_before_the_others(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swaps, "STALE_ROWS_MAX", 2)
    first, second, third = swaps_requested(pipeline, 3)
    spoil(pipeline, first, second)
    assert asked(pipeline.reconcile()) == []
    assert asked(pipeline.reconcile()) == [third]


def test_more_rows_than_one_run_takes_are_all_looked_at(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swaps, "STALE_ROWS_MAX", 2)
    ids = swaps_requested(pipeline, 5)
    runs = [asked(pipeline.reconcile()) for _ in range(4)]
    assert runs == [ids[:2], ids[2:4], ids[4:], []]


def test_a_row_that_somebody_works_on_is_left_to_the_next_run(
    pipeline: Pipeline, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("microbatch.operations.standstill_store.LOCK_SECONDS", 1)
    first, second = swaps_requested(pipeline, 2)
    with other.transaction() as tx:
        tx.execute("SELECT 1 FROM swaps WHERE swap_id = %(id)s FOR UPDATE", id=first)
        assert asked(pipeline.reconcile()) == [second]
    assert "reconciler_item_failed" not in counted(), "nobody has to be woken for it"
    assert asked(pipeline.reconcile()) == [first]


class Run:
    """One run of the reconciler whose messages and time are the test's."""

    def __init__(self, pipeline: Pipeline, *, milliseconds: int = 60_000) -> None:
        self.pipeline = pipeline
        self.milliseconds = milliseconds
        self.sent: list[Outgoing] = []
        self.refuses: set[str] = set()  # queues
        self.costs: dict[str, int] = {}  # milliseconds of a statement that has this text

    def go(self) -> dict[str, int]:
        means = Means(
            transact=self.transact, send=self.send, milliseconds_left=lambda: self.milliseconds
        )
        return reconcile(self.pipeline.policies, means)

    def transact(self, act: Any, *arguments: Any) -> Any:
        self.milliseconds -= self.costs.get("transaction", 0)
        return self.pipeline.transact(act, *arguments)

    def send(self, outgoing: list[Outgoing]) -> None:
        if self.refuses & {each.queue for each in outgoing}:
            raise RetryLater("SQS is away")
        self.sent += outgoing


def test_what_could_not_be_sent_is_sent_by_the_next_run(pipeline: Pipeline) -> None:
    ids = swaps_requested(pipeline, 2)
    run = Run(pipeline)
    run.refuses = {"swap-create"}
    pipeline.now += timedelta(minutes=20)  # observations are due as well
    assert run.go()["swaps"] == 0
    assert run.sent, "another chore is not held up"
    assert asked(run.sent) == []
    run.refuses = set()
    pipeline.now += timedelta(minutes=1)
    run.go()
    assert asked(run.sent) == ids


def test_a_chore_that_takes_too_long_leaves_time_for_the_others(pipeline: Pipeline) -> None:
    ids = swaps_requested(pipeline, 8)
    pipeline.now += timedelta(minutes=20)
    run = Run(pipeline, milliseconds=14_000)
    run.costs = {"transaction": 400}
    sent = run.go()
    assert 0 < sent["swaps"] < len(ids)
    assert sent["observations"] == 2
    assert run.milliseconds > 0
    for _ in range(3):
        pipeline.now += timedelta(minutes=1)
        run.milliseconds = 14_000
        run.go()
    assert sorted(asked(run.sent)) == ids, "each once, in turn"


def test_without_a_database_the_run_fails(pipeline: Pipeline) -> None:
    def away(*_: Any) -> Any:
        raise RetryLater("database: connection refused")

    metrics.provider.clear_metrics()
    means = Means(transact=away, send=print, milliseconds_left=lambda: 60_000)
    with pytest.raises(RetryLater):
        reconcile(pipeline.policies, means)
    assert counted() == {}, "nor does it say that it has run"


# --- what is measured -----------------------------------------------------------------------------


def gauges(pipeline: Pipeline, capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], float]:
    """What a run says there is: (name, entity, state or reason) → how much."""
    metrics.provider.clear_metrics()
    capsys.readouterr()
    pipeline.reconcile()
    metrics.flush_metrics()
    found = {}
    for line in capsys.readouterr().out.splitlines():
        said = json.loads(line)
        for metric in said.get("_aws", {}).get("CloudWatchMetrics", []):
            assert metric["Namespace"] == "Microbatch"
            for each in metric["Metrics"]:
                (dimensions,) = metric["Dimensions"]
                named = [said[name] for name in dimensions if name != "environment"]
                found[(each["Name"], *named)] = said[each["Name"]][0]
    return found


def test_what_is_parked_and_what_is_over_age_is_said_every_minute(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = gauges(pipeline, capsys)
    waiting = ("parked_rows", "parked_oldest_seconds", "exchange_in_trouble", "rows_over_age")
    assert [quiet[name,] for name in waiting] == [0, 0, 0, 0]
    assert not [name for name in quiet if len(name) > 1]
    with pipeline.database.transaction() as tx:
        insert(tx, "clients")
        insert(
            tx, "payments", state="parked", park_reason="refunded", net_usd=3,
            state_since=pipeline.now - timedelta(days=2),
        )  # fmt: skip
        insert(
            tx, "swaps", state="paid", cn_api_id="cn1", payin_address="0x1",
            provider_status="verifying", state_since=pipeline.now - timedelta(hours=1),
        )  # fmt: skip
    loud = gauges(pipeline, capsys)
    assert loud["parked_rows",] == 1
    assert loud["parked_rows", "payments", "refunded"] == 1
    assert loud["parked_eth", "payments", "refunded"] == float(Decimal(97).scaleb(-18))
    assert loud["parked_usd", "payments", "refunded"] == 3
    assert loud["parked_oldest_seconds",] == 2 * 86_400
    assert loud["exchange_in_trouble",] == 1
    assert loud["rows_over_age",] == 1
    assert loud["rows_over_age", "payments", "parked"] == 1

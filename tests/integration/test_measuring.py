"""Where the money stands, as metrics: what each of them is, from rows that were put there."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from microbatch.operations.measuring import measure
from microbatch.platform.observability import metrics
from tests.fakes.pipeline import ETH, Pipeline
from tests.integration.rows import BATCH, OTHER_BATCH, PAYOUT, SWAP, insert


@pytest.fixture
def pipeline(database) -> Iterator[Pipeline]:  # type: ignore[no-untyped-def]
    """Fresh observations, one client, nothing counted."""
    pipeline = Pipeline(database)
    pipeline.observe()
    with database.transaction() as tx:
        insert(tx, "clients")
    yield pipeline
    metrics.provider.clear_metrics()


def measured(pipeline: Pipeline) -> dict[str, Decimal]:
    """What a run measures, by name."""
    metrics.provider.clear_metrics()
    pipeline.transact(measure, pipeline.policies)
    found = {name: each["Value"] for name, each in metrics.metric_set.items()}
    metrics.provider.clear_metrics()
    assert all(len(values) == 1 for values in found.values())
    return {name: Decimal(str(values[0])) for name, values in found.items()}


def test_without_money_nothing_stands_anywhere(pipeline: Pipeline) -> None:
    found = measured(pipeline)

    nothing = ("pending_usd", "pending_oldest_seconds", "converting_usd", "paying_usd")
    ended = ("batches_distributed", "batches_released", "batches_parked", "distributed_usdt")
    assert {found[name] for name in (*nothing, *ended, "parked_usd", "payments_late")} == {0}
    assert found["threshold_usd"] == 20


def test_what_is_pending_and_since_when(pipeline: Pipeline) -> None:
    with pipeline.database.transaction() as tx:
        for number in (1, 2):
            insert(
                tx, "payments", payment_id=str(number), net_usd=Decimal("1.25"),
                received_at=pipeline.now - timedelta(minutes=number),
            )  # fmt: skip

    found = measured(pipeline)
    assert (found["pending_usd"], found["pending_oldest_seconds"]) == (Decimal("2.5"), 120)


def test_batches_by_how_they_ended(pipeline: Pipeline) -> None:
    ends = {
        "distributed": {"received_microusdt": 48_500_000},
        "released": {"reason": "exchange_expired"},
        "parked": {"reason": "refund_used_before"},
        "pay_ordered": {},
    }
    with pipeline.database.transaction() as tx:
        for number, (state, more) in enumerate(ends.items()):
            batch_id = f"6f1c2f0e-0000-4000-8000-00000000000{number}"
            insert(tx, "batches", batch_id=batch_id, state=state, claimed_usd=20 + number, **more)

    found = measured(pipeline)
    assert found["batches_distributed"] == found["batches_released"] == found["batches_parked"] == 1
    assert found["distributed_usdt"] == Decimal("48.5")
    assert found["converting_usd"] == 23
    assert found["parked_usd"] == 22


def test_money_whose_batch_swap_and_transfer_are_parked_counts_once(pipeline: Pipeline) -> None:
    reason = {"state": "parked", "reason": "amount_differs"}
    with pipeline.database.transaction() as tx:
        insert(tx, "batches", batch_id=BATCH, claimed_usd=20)
        insert(tx, "swaps", swap_id=SWAP, cn_api_id="cn1", payin_address="0x1", **reason)
        insert(tx, "transfers", unique_id=SWAP, swap_id=SWAP, cn_api_id="cn1", **reason)
        insert(tx, "batches", batch_id=OTHER_BATCH, claimed_usd=3, **reason)
        insert(tx, "payouts", payout_id=PAYOUT, value_usd=7, **reason)
        insert(tx, "payments", state="parked", park_reason="refunded", net_usd=1)

    assert measured(pipeline)["parked_usd"] == 20 + 3 + 7 + 1


@pytest.mark.parametrize(
    ("state", "more"),
    [
        ("pending", {}),
        ("waiting_instant", {"credited_as": "waiting_instant"}),
        ("parked", {"park_reason": "refunded"}),
        ("swapping", {"batch_id": BATCH}),
    ],
)
def test_a_payment_is_late_after_two_days_without_its_money(
    pipeline: Pipeline, state: str, more: dict[str, str]
) -> None:
    due, moment = timedelta(days=2), timedelta(seconds=1)
    with pipeline.database.transaction() as tx:
        if "batch_id" in more:
            insert(tx, "batches", payments_count=2, claimed_wei=2 * 97)
        for number, age in enumerate((due - moment, due + moment)):
            insert(
                tx, "payments", payment_id=str(number), state=state,
                received_at=pipeline.now - age, **more,
            )  # fmt: skip

    assert measured(pipeline)["payments_late"] == 1


def test_the_wallets_own_money_is_what_is_nobodys(pipeline: Pipeline) -> None:
    before = measured(pipeline)
    assert before["wallet_eth"] == 10
    assert before["wallet_spare_eth"] == 10 - Decimal("0.005")
    with pipeline.database.transaction() as tx:
        insert(tx, "payments", received_wei=10 * ETH, fee_wei=0, net_wei=10 * ETH)

    after = measured(pipeline)
    assert after["wallet_eth"] == 10
    assert after["wallet_spare_eth"] == -Decimal("0.005"), "below the reserve"
    assert before["gas_runway_transfers"] > after["gas_runway_transfers"] == 0


def test_every_wallet_is_looked_at_and_the_one_that_is_short_rings(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    other, short = "0x" + "31" * 20, "0x" + "32" * 20
    pipeline.source = replace(pipeline.source, other_wallets=(other, short))
    pipeline.chain.balances_wei |= {other: ETH, short: ETH // 1000}
    pipeline.now += timedelta(minutes=11)
    metrics.provider.clear_metrics()
    pipeline.observe()
    assert sum(metrics.metric_set["balances_read"]["Value"]) == 1, "the first one's alone"

    metrics.provider.clear_metrics()
    pipeline.transact(measure, pipeline.policies)

    found = [Decimal(str(each)) for each in metrics.metric_set["wallet_spare_eth"]["Value"]]
    reserve = Decimal("0.005")
    assert sorted(found) == [Decimal("0.001") - reserve, 1 - reserve, 10 - reserve]
    assert metrics.metric_set["wallet_eth"]["Value"] == [10]
    said = [vars(each) for each in caplog.records if each.msg == "wallet_below_reserve"]
    assert [(each["wallet"], each["missing_wei"]) for each in said] == [(short, str(4 * 10**15))]


def test_a_balance_that_is_read_is_counted(pipeline: Pipeline) -> None:
    metrics.provider.clear_metrics()
    pipeline.now += timedelta(minutes=11)
    pipeline.observe()

    assert sum(metrics.metric_set["balances_read"]["Value"]) == 1

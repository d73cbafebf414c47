"""An exchange that was paid otherwise than by our one transfer, or that pays twice, rings."""

from typing import Any

import pytest

from microbatch.messages import ExchangeStatusObserved, Outgoing
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.platform.observability import metrics
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import live, one, pay_in

FIRST = f"{1:014x}"
ANOTHER = "0x" + "cd" * 32
NET_ETH = "0.0485"  # of 0.05
DIFFERS = "exchange_deposit_differs"
AGAIN = "exchange_pays_again"


@pytest.fixture(params=["batch", "payout"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(database: Database, kind: str) -> Pipeline:
    """A payment on its way to its exchange, which is held once it has our money."""
    pipeline = Pipeline(database)
    pipeline.observe()
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {"status": "verifying"}
    if kind == "batch":
        pipeline.client("7", threshold_usd=100_000)
        pay_in(pipeline, "7", "0.05")
        pipeline.check()
    else:
        pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
        pipeline.payment("7", "0.05")
    live(pipeline, 0.5)
    assert one(pipeline, "SELECT state FROM swaps")["state"] == "paid"
    metrics.provider.clear_metrics()
    return pipeline


def counted() -> set[str]:
    return {DIFFERS, AGAIN} & set(metrics.metric_set)


def says(pipeline: Pipeline, **fields: str) -> None:
    pipeline.exchange.forced[FIRST] = {"status": "verifying", **fields}
    live(pipeline, 0.2)


def our_hash(pipeline: Pipeline) -> str:
    return str(one(pipeline, "SELECT tx_hash FROM transfers")["tx_hash"])


def test_our_own_deposit_is_no_news(pipeline: Pipeline) -> None:
    says(pipeline, amount_from=NET_ETH, payin_hash=our_hash(pipeline).upper().replace("X", "x"))
    assert counted() == set()
    says(pipeline, amount_from="0.04850000004850001")  # a double, rounded somewhere
    assert counted() == set()
    says(pipeline, amount_from="0")  # nothing named yet
    assert counted() == set()


@pytest.mark.parametrize("amount", ["0.097", "0.05", "0.0001"])
def test_another_sum_than_we_paid_rings(pipeline: Pipeline, amount: str) -> None:
    says(pipeline, amount_from=amount)
    assert counted() == {DIFFERS}


def test_another_transaction_than_ours_rings(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    says(pipeline, payin_hash=ANOTHER)
    assert counted() == {DIFFERS}
    assert DIFFERS in caplog.text


def test_what_it_delivers_counts_all_the_same(pipeline: Pipeline, kind: str) -> None:
    says(pipeline, amount_from="0.097", payin_hash=ANOTHER)
    pipeline.exchange.forced.clear()
    live(pipeline, 1)
    done = {"batch": "converted", "payout": "paid"}[kind]
    assert one(pipeline, "SELECT state FROM payments")["state"] == done
    assert broken_invariants(pipeline.database) == []


def late_word(pipeline: Pipeline, **fields: str) -> None:
    """One more answer about an exchange that is over."""
    swap = one(pipeline, "SELECT swap_id, cn_api_id FROM swaps")
    empty: dict[str, Any] = dict.fromkeys(
        ("amount_from", "amount_to", "payin_hash", "payout_hash", "refund_hash", "refund_amount"),
        "",
    )
    word = ExchangeStatusObserved(
        timestamp=int(pipeline.now.timestamp()), **swap, **{**empty, "status": "", **fields}
    )
    pipeline.queue.append(Outgoing("swap-results", word))
    pipeline.run()


def test_an_exchange_that_names_another_payout_when_it_is_over_rings(pipeline: Pipeline) -> None:
    pipeline.exchange.forced.clear()
    live(pipeline, 1)
    swap = one(pipeline, "SELECT state, payout_hash FROM swaps")
    assert swap["state"] == "finished"
    late_word(pipeline, status="finished", payout_hash=swap["payout_hash"])
    late_word(pipeline, status="finished")
    late_word(pipeline, status="verifying", payout_hash=ANOTHER)
    assert counted() == set()
    late_word(pipeline, status="finished", payout_hash=ANOTHER)
    assert counted() == {AGAIN}
    assert one(pipeline, "SELECT payout_hash FROM swaps")["payout_hash"] == swap["payout_hash"]
    assert broken_invariants(pipeline.database) == []


def test_an_exchange_that_pays_back_what_it_has_paid_out_rings(pipeline: Pipeline) -> None:
    pipeline.exchange.forced.clear()
    live(pipeline, 1)
    late_word(pipeline, status="refunded", refund_hash=ANOTHER)
    assert counted() == {AGAIN}
    assert broken_invariants(pipeline.database) == []


def test_an_exchange_made_twice_is_paid_once_and_the_other_is_kept(database: Database) -> None:
    pipeline = Pipeline(database, copies=1)
    pipeline.observe()
    pipeline.client("7", threshold_usd=100_000)
    pay_in(pipeline, "7", "0.05")
    pipeline.check()
    asked = [each for each in pipeline.queue if each.queue == "swap-create"]
    pipeline.queue += asked  # a message that came twice: two exchanges are made
    pipeline.run()
    rows = pipeline.rows("SELECT is_current FROM exchanges ORDER BY recorded_at, cn_api_id")
    assert sorted(row["is_current"] for row in rows) == [False, True]
    assert len(pipeline.exchange.exchanges) == 2
    assert pipeline.chain.count(pipeline.wallet) == 1
    waiting = [each.status for each in pipeline.exchange.exchanges.values()]
    assert sorted(waiting) == ["finished", "waiting"], "nobody pays the other"
    assert one(pipeline, "SELECT state FROM payments")["state"] == "converted"
    assert broken_invariants(database) == []

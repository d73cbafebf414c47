"""All messages are lost at any moment; then only the reconciler and the schedules go on.

Every moment of every way that money goes is tried: after each delivered message whatever is on
the queues is dropped, but for `payments`, which is the payment itself until it is stored.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from tests.fakes.pipeline import Pipeline

CLIENT = "0x" + "99" * 20
MINUTES_MAX = 8 * 60
Fresh = Callable[[], AbstractContextManager[Database]]

# What a client wants, how, and whether its money goes through a batch first.
WAYS: dict[str, dict[str, Any]] = {
    "batch": {"wants": "btc/btc", "address": "bc1q", "threshold_usd": 100_000},
    "instant by exchange": {"strategy": "instant", "wants": "btc/btc", "address": "bc1q"},
    "instant, direct": {"strategy": "instant", "wants": "eth/eth"},
    "threshold by exchange": {"wants": "btc/btc", "address": "bc1q"},
    "threshold, direct": {"wants": "usdt/eth"},
}


class Day(Pipeline):
    """The queues are delivered, the schedules run, time passes; what is queued may be lost."""

    def live(self, lost_after: Callable[[int], bool]) -> int:
        """Until everything is finished; how many messages were delivered."""
        count = minute = 0
        while minute < MINUTES_MAX:
            while self.queue:
                self.step(self.queue.pop(0))
                count += 1
                if lost_after(count):
                    self.queue = [each for each in self.queue if each.queue == "payments"]
            if self.is_finished():
                return count
            minute += 2
            self.now += timedelta(minutes=2)
            self.chain.mine()
            self.reconcile()
            if minute % 6 == 0:
                self.pay_out()
            if minute % 16 == 0:
                self.check()
        raise AssertionError(f"not finished: {self.open_rows()}")

    def is_finished(self) -> bool:
        return bool(self.rows("SELECT FROM payments")) and not self.open_rows()

    def open_rows(self) -> list[dict[str, Any]]:
        """Whatever has an end to come to and is not there; a batch's money may rest in accounts."""
        return self.rows(
            "SELECT 'payments' AS entity, state, park_reason AS reason FROM payments"
            " WHERE state <> 'paid' AND (state <> 'converted' OR client_id <> 'batch')"
            " UNION ALL SELECT 'batches', state, reason FROM batches"
            "   WHERE state NOT IN ('distributed', 'released')"
            "   OR announced_state IS DISTINCT FROM state"
            " UNION ALL SELECT 'swaps', state, reason FROM swaps"
            "   WHERE state NOT IN ('finished', 'failed', 'refunded', 'expired')"
            " UNION ALL SELECT 'transfers', state, reason FROM transfers"
            "   WHERE state NOT IN ('settled', 'rejected', 'failed')"
            " UNION ALL SELECT 'payouts', state, reason FROM payouts"
            "   WHERE state NOT IN ('completed', 'released', 'rerouted')"
            "   OR announced_state IS DISTINCT FROM state"
        )

    def money(self) -> dict[str, Any]:
        """Every amount in the books and outside, but for names that are made up in each run."""
        return {
            "payments": self.rows(
                "SELECT payment_id, state, received_wei, fee_wei, net_wei, refund_loss_wei,"
                " share_microusdt, payout_loss_microusdt, attempts FROM payments ORDER BY 1"
            ),
            "batches": self.rows(
                "SELECT state, payments_count, claimed_wei, received_microusdt FROM batches"
            ),
            "payouts": self.rows(
                "SELECT context, kind, state, payments_count, amount_units, to_address, delivered"
                " FROM payouts ORDER BY amount_units, context"
            ),
            "transfers": self.rows(
                "SELECT kind, currency, amount_units, state FROM transfers ORDER BY amount_units"
            ),
            "delivered": sorted(each.amount for each in self.exchange.delivered),
            "sent": self.chain.count(self.wallet),
            "wallet_wei": self.chain.balances_wei[self.wallet],
            "wallet_units": self.chain.units_of(self.wallet),
            "client_wei": self.chain.received_wei(CLIENT),
            "client_units": self.chain.received_units(CLIENT),
        }


def day(database: Database, way: str) -> Day:
    """A client's payments on their way; prices are known, or they would have no value."""
    one = Day(database)
    one.observe()
    one.client(way.replace(" ", "_").replace(",", ""), **WAYS[way])
    for eth in ("0.05",) if "strategy" in WAYS[way] else ("0.031", "0.07777"):
        one.payment(way.replace(" ", "_").replace(",", ""), eth)
    return one


def assert_as_undisturbed(lost: Day, undisturbed: dict[str, Any]) -> None:
    assert lost.money() == undisturbed
    assert broken_invariants(lost.database) == []
    assert lost.dead == []


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def undisturbed(fresh: Fresh, way: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """How many messages a run needs, and what it comes to."""
    with fresh() as database:
        quiet = day(database, way)
        count = quiet.live(lambda _: False)
        assert broken_invariants(database) == []
        yield count, quiet.money()


def test_whenever_all_messages_are_lost_everything_is_finished_all_the_same(
    fresh: Fresh, way: str, undisturbed: tuple[int, dict[str, Any]]
) -> None:
    count, money = undisturbed
    assert count > 10
    for moment in range(1, count + 1):
        with fresh() as database:
            lost = day(database, way)
            try:
                lost.live(lambda delivered, moment=moment: delivered == moment)
                assert_as_undisturbed(lost, money)
            except AssertionError as error:
                raise AssertionError(f"lost after {moment} of {count} messages: {error}") from error


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_all_messages_are_lost_again_and_again(
    fresh: Fresh, way: str, undisturbed: tuple[int, dict[str, Any]], seed: int
) -> None:
    _, money = undisturbed
    chance = Random(seed)
    with fresh() as database:
        lost = day(database, way)
        lost.live(lambda _: chance.random() < 1 / 6)
        assert_as_undisturbed(lost, money)

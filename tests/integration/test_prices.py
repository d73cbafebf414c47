"""What a payment asks of the market costs the same after a month of observations as after one."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from microbatch.market import service as market
from microbatch.market.model import ETH_TO_USDT, ETH_USD
from microbatch.platform.database import Database, Transaction
from tests.integration.test_distribution import undone

KEPT = 30 * 24 * 6  # each ten minutes for as long as they are kept
MAX_AGE_SECONDS = 1800


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """After a month, of which statistics know nothing; the newest price is ten minutes old."""
    with undone(module_database) as found:
        for name in (ETH_USD, ETH_TO_USDT.rate, ETH_TO_USDT.minimum):
            found.execute(
                "INSERT INTO observations (name, value, observed_at)"
                " SELECT %(name)s, 2000 + n, now() - n * interval '10 minutes'"
                " FROM generate_series(1, %(kept)s) AS n",
                name=name,
                kept=KEPT,
            )
        yield found


def read(tx: Transaction) -> int:
    """Rows of observations that this transaction has read so far."""
    row = tx.one(
        "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) AS rows_count"
        " FROM pg_stat_xact_user_tables WHERE relname = 'observations'"
    )
    assert row is not None
    return int(row["rows_count"])


def test_the_newest_is_found_without_reading_the_others(tx: Transaction) -> None:
    before = read(tx)

    prices = market.prices(tx, tx.began_at, MAX_AGE_SECONDS)

    assert prices == (Decimal(2001), Decimal(2001))
    assert read(tx) - before == 1


def test_each_of_several_names_has_its_own_newest(tx: Transaction) -> None:
    names = [ETH_USD, ETH_TO_USDT.rate, ETH_TO_USDT.maximum]

    seen = market.fresh(tx, names, tx.began_at, MAX_AGE_SECONDS)

    at = tx.began_at - timedelta(minutes=10)
    assert {name: (each.value, each.observed_at) for name, each in seen.items()} == {
        ETH_USD: (Decimal(2001), at),
        ETH_TO_USDT.rate: (Decimal(2001), at),
    }


@pytest.mark.parametrize(("older", "fresh"), [(timedelta(0), True), (timedelta(seconds=1), False)])
def test_a_price_is_fresh_up_to_its_age(tx: Transaction, older: timedelta, fresh: bool) -> None:
    now = tx.began_at + timedelta(seconds=MAX_AGE_SECONDS - 600) + older

    price, last_price = market.prices(tx, now, MAX_AGE_SECONDS)

    assert price == market.fresh_price(tx, now, MAX_AGE_SECONDS)
    assert (price is not None) is fresh
    assert last_price == market.last_price(tx, now) == Decimal(2001)


def test_what_was_never_seen_is_no_price(module_database: Database) -> None:
    with undone(module_database) as tx:
        assert market.prices(tx, tx.began_at, MAX_AGE_SECONDS) == (None, None)

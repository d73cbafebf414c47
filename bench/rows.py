"""Rows that the benchmarks work on: clients, a price, and payments by the million."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from bench.server import connect
from cdk.settings import Settings
from microbatch.market.model import ETH_TO_USDT, ETH_USD
from microbatch.market.service import KEPT_DAYS

Fields = Mapping[str, Any]


def run(fields: Fields, statement: str, **parameters: Any) -> int:
    """One statement as the owner; how many rows it touched."""
    with closing(connect(fields)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        touched: int = cursor.rowcount
        return touched


def client(fields: Fields, client_id: str) -> None:
    """A client that is paid in USDT at its threshold."""
    run(
        fields,
        "INSERT INTO clients (client_id, wallet_address, payout_currency, payout_network,"
        " payout_strategy, payout_threshold_usd, address_state, created_at)"
        " VALUES (%(id)s, %(address)s, 'usdt', 'eth', 'threshold', 50, 'verified', now())",
        id=client_id,
        address="0x" + "99" * 20,
    )


def price(fields: Fields) -> None:
    """ETH in USD, and the exchange's range and rate: a month of them, the last seen just now."""
    seen = {
        ETH_USD: 2400,
        ETH_TO_USDT.minimum: "0.005",
        ETH_TO_USDT.maximum: None,
        ETH_TO_USDT.rate: 2400,
    }
    for name, value in seen.items():
        run(
            fields,
            "INSERT INTO observations (name, value, observed_at)"
            " SELECT %(name)s, %(value)s::numeric, seen_at FROM"
            " generate_series(now() - %(days)s * interval '1 day', now(), %(period)s"
            " * interval '1 second') AS seen_at",
            name=name,
            value=value,
            days=KEPT_DAYS,
            period=Settings(chain_id=1).observation_period_seconds,
        )

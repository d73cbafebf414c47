"""The original system's tables as views: old reports find their numbers, to the unit."""

import re
from decimal import Decimal

import pytest
from psycopg2 import errors

from cdk.layers import PROJECT
from microbatch.platform.database import Database
from tests.fakes.logins import transaction_of
from tests.fakes.pipeline import Pipeline
from tests.unit import documents

VIEWS = (
    *("main_clients_database", "processed_payments", "payout_accumulation", "batch_conversions"),
    *("payout_batches", "split_payout_que", "split_payout_hostpay", "failed_transactions"),
)


@pytest.fixture
def converted(pipeline: Pipeline) -> Pipeline:
    """Two payments that were converted together, and one that waits."""
    for eth in ("0.02", "0.03"):
        pipeline.payment("7", eth)
    pipeline.run()
    pipeline.check()
    pipeline.run()
    pipeline.payment("7", "0.001")
    pipeline.run()
    return pipeline


def test_every_view_is_there_and_described(database: Database) -> None:
    with database.transaction() as tx:
        rows = tx.all("SELECT viewname FROM pg_views WHERE schemaname = 'ported'")
    text = (PROJECT / "docs" / "port.md").read_text(encoding="utf-8")
    described = {name for row in documents.table_rows(text) for name in documents.codes(row[0])}

    assert {row["viewname"] for row in rows} == set(VIEWS)
    assert described >= set(VIEWS)


def test_what_was_accumulated_and_converted_is_shown_to_the_unit(converted: Pipeline) -> None:
    rows = converted.rows("SELECT * FROM ported.payout_accumulation ORDER BY payment_timestamp, id")
    (batch,) = converted.rows("SELECT * FROM ported.batch_conversions")
    done = [row for row in rows if row["conversion_status"] == "completed"]
    (waiting,) = [row for row in rows if row["conversion_status"] == "pending"]

    assert [row["nowpayments_outcome_amount"] for row in done] == [Decimal("0.02"), Decimal("0.03")]
    assert sum(row["accumulated_amount_usdt"] for row in done) == batch["actual_usdt_received"]
    assert batch["conversion_status"] == "completed"
    assert {row["batch_conversion_id"] for row in done} == {batch["batch_conversion_id"]}
    assert {row["conversion_tx_hash"] for row in done} == {batch["conversion_tx_hash"]}
    assert re.fullmatch("0x[0-9a-f]{64}", batch["conversion_tx_hash"])
    assert waiting["batch_conversion_id"] is None
    assert waiting["nowpayments_outcome_amount"] == Decimal("0.001")
    assert not any(row["is_paid_out"] for row in rows)


def test_what_the_wallet_paid_is_shown_with_its_exchange(converted: Pipeline) -> None:
    (exchange,) = converted.rows("SELECT * FROM ported.split_payout_que")
    (paid,) = converted.rows("SELECT * FROM ported.split_payout_hostpay")
    (batch,) = converted.rows("SELECT claimed_wei FROM batches")

    assert paid["cn_api_id"] == exchange["cn_api_id"]
    assert paid["is_complete"] is True
    assert paid["from_amount"] * 10**18 == exchange["from_amount"] * 10**18 == batch["claimed_wei"]
    assert converted.rows("SELECT * FROM ported.failed_transactions") == []


def test_a_payout_is_shown_as_a_batch_of_its_client(converted: Pipeline) -> None:
    converted.pay_out()
    converted.run()

    (payout,) = converted.rows("SELECT * FROM ported.payout_batches")
    shown = converted.rows("SELECT * FROM ported.payout_accumulation WHERE is_paid_out")
    assert payout["status"] == "completed"
    assert payout["total_amount_usdt"] == sum(row["accumulated_amount_usdt"] for row in shown)
    assert {row["payout_batch_id"] for row in shown} == {payout["batch_id"]}
    assert len(shown) == payout["total_payments_count"] == 2


def test_no_function_reads_them(database: Database) -> None:
    for stage in ("accumulator", "hostpay_signer"):
        with pytest.raises(errors.InsufficientPrivilege), transaction_of(stage, database) as tx:
            tx.all("SELECT * FROM ported.payout_batches")

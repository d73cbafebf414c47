"""An operator looks: everything in the books, rows of every state; nothing changes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from microbatch.errors import InvalidInput
from microbatch.operations.looking import LOOKS
from microbatch.platform.database import Database, Transaction
from tests.fakes.pipeline import Pipeline
from tests.integration.looking import look, undone
from tests.integration.paying import convert, operate, pay_in, pay_out
from tests.integration.rows import BATCH, NOW, PAYOUT, insert
from tests.integration.standing import LATER, STATES, stand
from tests.integration.test_waits import walk

FORBIDDEN_KEYS = {"raw_transaction", "data"}


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction that is rolled back."""
    with undone(module_database) as tx:
        yield tx


def names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield name
            yield from names(below)
    elif isinstance(value, list):
        for below in value:
            yield from names(below)


# --- every look on rows in every state ------------------------------------------------------------


@pytest.mark.parametrize(("entity", "state"), STATES)
def test_every_look_shows_rows_of_every_state_and_changes_none(
    tx: Transaction, entity: str, state: str
) -> None:
    text = stand(tx, entity, state)
    asked: dict[str, dict[str, Any]] = {"why": {"id": text}}
    if entity in ("payments", "held_payments"):
        asked["payment"] = {"payment_id": text}
    if tx.one("SELECT 1 FROM batches LIMIT 1"):
        asked["batch"] = {"batch_id": BATCH}
    if tx.one("SELECT 1 FROM payouts LIMIT 1"):
        asked["payout"] = {"payout_id": PAYOUT}
    before = books(tx)
    for act in ("status", "held", "parked", "acts", *asked):
        answer = look(tx, act, **asked.get(act, {}))
        assert answer["at"] == LATER.isoformat()
        assert not FORBIDDEN_KEYS & set(names(answer))
    assert books(tx) == before


def books(tx: Transaction) -> dict[str, Any]:
    """Every row there is."""
    tables = tx.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return {
        row["tablename"]: tx.all(f"SELECT t::text AS row FROM {row['tablename']} t ORDER BY 1")
        for row in tables
    }


@pytest.mark.parametrize(("entity", "state"), STATES)
def test_the_status_shows_every_row_that_is_on_its_way_or_waits_for_somebody(
    tx: Transaction, entity: str, state: str
) -> None:
    stand(tx, entity, state)
    status = look(tx, "status")
    shown = {(row["entity"], row["state"]) for row in status["rows"]}
    shown |= {("payments", row["state"]) for row in status["payments"]}
    shown |= {("held_payments", "held") for _ in status["held"]}
    shown |= {("observations", row["name"]) for row in status["observations"]}
    shown |= {("clients", "waiting") for row in status["payouts_waiting"]}
    implicit = {
        ("held_payments", "paused"): ("held_payments", "held"),
        ("observations", "stale"): ("observations", "eth_usd"),
        ("address_changes", "untold"): ("clients", "waiting"),
        ("batches", "untold"): ("batches", "distributed"),
        ("payouts", "untold"): ("payouts", "completed"),
    }
    wanted = implicit.get((entity, state), (entity, state))
    if entity == "transfer_attempts":
        wanted = ("transfers", "signed" if state == "prepared" else "broadcast")
    if (entity, state) != ("held_payments", "untold"):
        assert wanted in shown


# --- one payment, batch or payout -----------------------------------------------------------------


@pytest.fixture
def paid(pipeline: Pipeline) -> Pipeline:
    """A client of Monero whose payment went through a batch and a payout."""
    pipeline.client("8", wants="xmr/xmr", address="4x" + "8" * 90, threshold_usd=10)
    pay_in(pipeline, "8", "0.05")
    convert(pipeline)
    pay_out(pipeline)
    (payment,) = pipeline.rows("SELECT state FROM payments")
    assert payment["state"] == "paid"
    return pipeline


def test_a_payment_has_both_legs_its_money_went_through(paid: Pipeline) -> None:
    answer = operate(paid, "payment", payment_id="4900000001")

    (batch,) = paid.rows("SELECT * FROM batches")
    (payout,) = paid.rows("SELECT * FROM payouts")
    assert answer["payment"]["net_wei"] == "48500000000000000"
    assert answer["batch"]["batch_id"] == batch["batch_id"]
    assert answer["batch"]["received_microusdt"] == str(batch["received_microusdt"])
    assert answer["payout"]["delivered_hash"] == payout["delivered_hash"]
    hashes = {row["tx_hash"] for row in paid.rows("SELECT tx_hash FROM transfer_attempts")}
    shown = {answer[leg]["transfer"]["tx_hash"] for leg in ("batch", "payout")}
    assert shown == hashes
    assert len(hashes) == 2


def test_the_timeline_tells_everything_in_order_with_hashes_and_exact_amounts(
    paid: Pipeline,
) -> None:
    timeline = operate(paid, "payment", payment_id="4900000001")["timeline"]

    assert [each["at"] for each in timeline] == sorted(each["at"] for each in timeline)
    text = "\n".join(f"{each['entity']} {each['what']}" for each in timeline)
    (batch,) = paid.rows("SELECT * FROM batches")
    (payout,) = paid.rows("SELECT * FROM payouts")
    for fact in (
        "payments received 0.05 ETH: fee 0.0015 ETH, net 0.0485 ETH, worth 97.00 USD",
        "batches claimed: 1 payment, 0.0485 ETH",
        "batches finished: 96.03 USDT have arrived",
        "batches distributed",
        "payouts claimed: 96.03 USDT of 1 payment, as xmr/xmr to 4x",
        f"payouts completed: {payout['delivered']:f}".rstrip("0").rstrip("."),
        "payments paid: its share is 96.03 USDT",
        f"in {payout['delivered_hash']}",
    ):
        assert fact in text
    for row in paid.rows("SELECT tx_hash, nonce FROM transfers"):
        assert row["tx_hash"] in text
        assert f"nonce {row['nonce']} of" in text
    for row in paid.rows("SELECT cn_api_id FROM swaps"):
        assert f"exchange {row['cn_api_id']}" in text
    moves = paid.rows("SELECT entity, to_state FROM state_changes")
    told = [(each["entity"], each["what"].partition(":")[0]) for each in timeline]
    assert all((move["entity"], move["to_state"]) in told for move in moves)
    assert batch["state"] == "distributed"


def test_a_batch_is_found_by_how_it_begins_and_lists_its_payments(paid: Pipeline) -> None:
    (batch,) = paid.rows("SELECT batch_id::text AS batch_id FROM batches")
    answer = operate(paid, "batch", batch_id=batch["batch_id"][:8])
    assert [row["payment_id"] for row in answer["payments"]] == ["4900000001"]
    assert answer["batch"]["swap"]["state"] == "finished"
    assert answer["batch"]["receipts"][0]["amount_units"] == "96030000"
    with pytest.raises(InvalidInput, match="nothing has the id"):
        operate(paid, "payout", payout_id=batch["batch_id"])


def test_what_was_held_is_shown_with_its_body_and_what_to_do(pipeline: Pipeline) -> None:
    pipeline.payment("nobody", "0.05", body=b'{"payment_id": 1}')
    pipeline.run()
    answer = operate(pipeline, "payment", payment_id="4900000001")
    (held,) = answer["held"]
    assert answer["payment"] is None
    assert (held["reason"], held["notification"]) == ("unknown_client", '{"payment_id": 1}')
    assert held["fix"].startswith("Register the client")
    assert [each["what"] for each in answer["timeline"]] == ["held: unknown_client, 0.05 ETH"]


# --- lists ----------------------------------------------------------------------------------------


def test_what_is_held_is_counted_by_reason_and_listed_oldest_first(tx: Transaction) -> None:
    insert(tx, "clients")
    for number, reason in enumerate(("conflict", "unknown_client", "conflict")):
        insert(tx, "held_payments", payment_id=str(number), reason=reason,
               held_at=NOW - timedelta(minutes=number))  # fmt: skip
    answer = look(tx, "held", limit=2)
    assert [row["payment_id"] for row in answer["held"]] == ["2", "1"]
    assert answer["rows_count"] == 3
    counted = {each["reason"]: each["rows_count"] for each in answer["by_reason"]}
    assert counted == {"conflict": 2, "unknown_client": 1}
    assert all("notification" not in row for row in answer["held"])


def test_parked_money_is_summed_by_reason_and_its_rows_are_listed(tx: Transaction) -> None:
    insert(tx, "clients")
    for number, wei in enumerate((100, 200)):
        insert(tx, "payments", payment_id=str(number), state="parked", park_reason="quote_missing",
               received_wei=wei + 3, fee_wei=3, net_wei=wei, attempts=5)  # fmt: skip
    insert(tx, "payouts", state="parked", reason="refund_loss_too_large", amount_units=7_000_001)
    answer = look(tx, "parked")
    summed = {
        (each["entity"], each["reason"]): (each["rows_count"], each["wei"], each["microusdt"])
        for each in answer["by_reason"]
    }
    assert summed == {
        ("payments", "quote_missing"): (2, "300", "0"),
        ("payouts", "refund_loss_too_large"): (1, "0", "7000001"),
    }
    rows = [(row["entity"], row["id"], row["units"], row["currency"]) for row in answer["rows"]]
    assert rows == [
        ("payments", "0", "100", "eth"),
        ("payments", "1", "200", "eth"),
        ("payouts", PAYOUT, "7000001", "usdt"),
    ]


def test_the_acts_are_listed_newest_first_with_what_they_changed(pipeline: Pipeline) -> None:
    operate(pipeline, "threshold set", threshold_usd="30")
    operate(pipeline, "pause", part="payout")
    first, second = operate(pipeline, "acts")["acts"]
    assert (first["act"], first["subject"], first["who"], first["why"]) == (
        "pause", "payout", "me", "she wrote",
    )  # fmt: skip
    assert (second["before"], second["after"]) == ("20.00", "30.00")
    assert len(operate(pipeline, "acts", limit=1)["acts"]) == 1


@pytest.mark.parametrize("limit", [0, -1, 501, "5", 1.5, True, None])
def test_a_limit_that_is_none_is_refused(tx: Transaction, limit: Any) -> None:
    for act in ("held", "parked", "acts"):
        with pytest.raises(InvalidInput, match="limit"):
            look(tx, act, limit=limit)


def test_nobody_has_to_say_who_looks() -> None:
    assert {"status", "payment", "batch", "payout", "why", "held", "parked", "acts"} == set(LOOKS)


# --- the status -----------------------------------------------------------------------------------


def test_the_status_says_in_words_what_the_last_check_found_and_when_the_next_is(
    pipeline: Pipeline,
) -> None:
    pipeline.payment("7", "0.006")
    pipeline.run()
    pipeline.check()
    pipeline.now += timedelta(minutes=7)
    check = operate(pipeline, "status")["last_check"]
    assert check["words"] == (
        "11.64 of 20.00 USD pending at the last check 7 min ago, oldest 7 min: below_threshold"
    )
    (row,) = pipeline.rows("SELECT at FROM threshold_checks")
    assert check["next_at"] == (row["at"] + timedelta(minutes=15)).isoformat()


def test_the_status_says_what_of_the_wallets_eth_is_ours_and_for_how_much_gas(
    pipeline: Pipeline,
) -> None:
    pipeline.payment("7", "0.006")
    pipeline.run()
    funds = operate(pipeline, "status")["funds"]
    owed = 6 * 10**15 * 97 // 100
    assert (funds["balance_wei"], funds["owed_wei"]) == (str(10 * 10**18), str(owed))
    assert funds["own_wei"] == str(10 * 10**18 - owed)
    gas_wei = int(funds["gas_per_transfer_wei"])
    assert gas_wei == 21_000 * 3 * 10**9
    assert funds["runway_transfers"] == (10 * 10**18 - owed) // gas_wei


def test_the_status_says_what_is_over_age_and_how_old_rows_may_become(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[f"{1:014x}"] = {"status": "verifying"}
    pipeline.check()
    walk(pipeline, 40)
    pipeline.queue.clear()
    pipeline.now += timedelta(days=3)
    status = operate(pipeline, "status")
    assert {(each["entity"], each["state"]) for each in status["over_age"]} >= {("swaps", "paid")}
    limits = {(row["entity"], row["state"]): row["max_age_seconds"] for row in status["rows"]}
    assert limits["swaps", "paid"] == 172_800
    assert limits["batches", "paid"] is None, "it follows its swap"

"""`why` follows the money from any id to the row that everything waits for."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from microbatch.errors import InvalidInput
from microbatch.platform.database import Database, Transaction
from tests.fakes.pipeline import Pipeline
from tests.integration.looking import undone, why
from tests.integration.paying import operate
from tests.integration.rows import BATCH, COMPLETE, SWAP, TX_HASH, WALLET, insert
from tests.integration.standing import stand
from tests.integration.test_waits import walk


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction that is rolled back."""
    with undone(module_database) as tx:
        yield tx


def test_a_payment_says_what_its_transfer_waits_for(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.check()
    pipeline.chain.balances_wei[pipeline.wallet] = 10**15
    walk(pipeline, 8)
    pipeline.queue.clear()
    (transfer,) = pipeline.rows("SELECT * FROM transfers")

    found = operate(pipeline, "why", id="4900000001")

    assert [each["entity"] for each in found["chain"]] == [
        "payments", "batches", "swaps", "transfers",
    ]  # fmt: skip
    answer = found["answer"]
    assert (answer["entity"], answer["state"]) == ("transfers", "approved")
    assert answer["reason"] == "short_of_funds"
    assert answer["waits_since"] == transfer["waits_since"].isoformat()
    assert answer["unblocked_by"] == "whoever fills the wallet"
    assert answer["fix"] == "Send ETH to the wallet."
    assert any("had 0.001 ETH" in detail for detail in answer["details"])
    given_up_at = transfer["created_at"] + timedelta(days=1)
    assert answer["last"]["at"] == given_up_at.isoformat()
    for other in (transfer["cn_api_id"], transfer["unique_id"][:6]):
        assert operate(pipeline, "why", id=other)["answer"]["id"] == answer["id"]


def test_what_is_pending_says_what_the_last_check_found(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.006")
    pipeline.run()
    pipeline.check()
    pipeline.now += timedelta(minutes=7)
    answer = operate(pipeline, "why", id="4900000001")["answer"]
    assert (answer["state"], answer["reason"]) == ("pending", "below_threshold")
    assert answer["details"][0] == (
        "11.64 of 20.00 USD pending at the last check 7 min ago, oldest 7 min: below_threshold"
    )
    (check,) = pipeline.rows("SELECT at FROM threshold_checks")
    assert answer["next"]["at"] == (check["at"] + timedelta(minutes=15)).isoformat()
    (payment,) = pipeline.rows("SELECT received_at FROM payments")
    overdue_at = payment["received_at"] + timedelta(hours=25)
    assert answer["last"]["at"] == overdue_at.isoformat()


def test_an_exchange_that_checks_where_the_money_comes_from_is_named(pipeline: Pipeline) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[f"{1:014x}"] = {"status": "verifying"}
    pipeline.check()
    walk(pipeline, 40)
    pipeline.queue.clear()
    answer = operate(pipeline, "why", id="4900000001")["answer"]
    assert (answer["entity"], answer["state"]) == ("swaps", "paid")
    (said,) = (detail for detail in answer["details"] if "verifying" in detail)
    assert "up to 48 hours" in said
    assert answer["unblocked_by"].startswith("ChangeNOW")
    assert answer["next"]["by"] in ("swap_monitor", "reconciler")


def test_bytes_behind_another_nonce_name_the_transfer_that_is_before_them(
    tx: Transaction,
) -> None:
    stand(tx, "transfers", "broadcast")
    other = "BEHINDBEHIND2222"
    insert(tx, "swaps", **{**COMPLETE["swaps"], "cn_api_id": "cn2"}, swap_id=other, state="created",
           context="threshold", owner_id="6f1c2f0e-0000-4000-8000-000000000003")  # fmt: skip
    insert(tx, "payouts", unique_id=other)
    insert(tx, "transfers", **{**COMPLETE["transfers"], "nonce": 8}, unique_id=other,
           swap_id=other, cn_api_id="cn2", context="threshold", state="broadcast")  # fmt: skip
    insert(tx, "transfer_nonces", nonce=8, unique_id=other)
    insert(tx, "transfer_attempts", nonce=8, unique_id=other, tx_hash="0x" + "ef" * 32)

    found = why(tx, other)

    assert [(each["entity"], each["id"]) for each in found["chain"]][-2:] == [
        ("transfers", other),
        ("transfers", SWAP),
    ]
    assert found["answer"]["id"] == SWAP
    assert any("nonce 7" in detail for detail in found["answer"]["details"])


def test_what_is_over_says_so(pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth", address="0x" + "88" * 20)
    pipeline.payment("8", "0.05")
    pipeline.run()
    found = operate(pipeline, "why", id="4900000001")
    assert found["answer"]["final"] is True
    assert (found["answer"]["state"], found["answer"]["unblocked_by"]) == ("paid", None)


@pytest.mark.parametrize("part", ["conversion", "hostpay"])
def test_a_paused_part_is_the_reason_with_who_paused_it_and_why(
    pipeline: Pipeline, part: str
) -> None:
    pipeline.payment("7", "0.05")
    pipeline.run()
    if part == "hostpay":
        pipeline.check()
    pipeline.operate("pause", part=part, why="a strange exchange")
    walk(pipeline, 8)
    pipeline.queue.clear()
    answer = pipeline.operate("why", id="4900000001")["answer"]
    assert answer["reason"] == f"{part}_paused"
    assert f"{part} was paused by me: a strange exchange" in answer["details"]
    assert answer["waits_since"] is not None
    pipeline.operate("resume", part=part)
    resumed = pipeline.operate("why", id="4900000001")["answer"]
    assert not any("was paused by" in detail for detail in resumed["details"])


# --- finding --------------------------------------------------------------------------------------


def test_an_unambiguous_beginning_is_enough_and_an_ambiguous_one_names_them_all(
    pipeline: Pipeline,
) -> None:
    for _ in range(3):
        pipeline.payment("7", "0.001")
    pipeline.run()
    with pytest.raises(InvalidInput, match="4900000001, payments 4900000002") as refusal:
        operate(pipeline, "why", id="49000")
    assert "begins several" not in str(refusal.value) or "say more of it" in str(refusal.value)
    assert operate(pipeline, "why", id="4900000002")["found"]["id"] == "4900000002"


@pytest.mark.parametrize("text", [BATCH, BATCH[:9], BATCH.replace("-", ""), BATCH[:13].upper()])
def test_a_batch_is_found_by_how_its_id_begins(tx: Transaction, text: str) -> None:
    stand(tx, "batches", "paid")
    assert why(tx, text)["found"] == {"entity": "batches", "id": BATCH}


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        (SWAP, "swaps"),
        (SWAP.lower()[:8], "swaps"),
        (TX_HASH, "transfers"),
        (TX_HASH[:12], "transfers"),
        ("cn1", "swaps"),
        (WALLET, "wallets"),
    ],
)
def test_any_id_along_the_way_is_found(tx: Transaction, text: str, entity: str) -> None:
    stand(tx, "transfers", "broadcast")
    insert(tx, "exchanges")
    tx.execute("UPDATE swaps SET refund_hash = NULL")
    assert why(tx, text)["found"]["entity"] == entity


def test_the_hash_of_what_the_exchange_has_paid_out_finds_its_swap(tx: Transaction) -> None:
    stand(tx, "swaps", "paid")
    tx.execute("UPDATE swaps SET payout_hash = %(hash)s", hash="0x" + "77" * 32)
    assert why(tx, "0x" + "77" * 32)["found"] == {"entity": "swaps", "id": SWAP}


def test_one_id_of_two_things_is_said_of_which(tx: Transaction) -> None:
    stand(tx, "payments", "pending")
    insert(tx, "payments", payment_id="7")
    with pytest.raises(InvalidInput, match="payments 7, clients 7"):
        why(tx, "7")
    assert why(tx, "7", entity="clients")["found"]["entity"] == "clients"
    with pytest.raises(InvalidInput, match="entity"):
        why(tx, "7", entity="everything")


@pytest.mark.parametrize("text", ["no_such_thing", "%", "____", "490", "0x", "a'b", "\\"])
def test_what_is_no_id_is_refused(tx: Transaction, text: str) -> None:
    stand(tx, "payments", "pending")
    with pytest.raises(InvalidInput):
        why(tx, text)

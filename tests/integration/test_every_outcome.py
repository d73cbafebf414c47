"""Every word that an exchange can say, before and after we have paid it: the edge that is taken."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local.changenow.outcomes import OUTCOMES
from microbatch.hostpay.model import ENDED, NOT_YET
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.swap import service as swaps
from microbatch.swap.model import ONGOING
from tests.fakes.pipeline import Pipeline
from tests.integration.paying import live, pay_in
from tests.unit.documents import codes, table_rows

FIRST = f"{1:014x}"
RECOVERY = Path(__file__).parents[2] / "docs" / "recovery.md"

# What ChangeNOW's documentation names, `expired`, which it says all the same, what we say when it
# knows no such exchange, and words of other providers of the family: unknown ones.
DOCUMENTED = {
    *("new", "waiting", "confirming", "exchanging", "sending"),
    *("finished", "failed", "refunded", "verifying"),
}
STATUSES = {*DOCUMENTED, "expired", "not_found", "hold", "overdue"}


@dataclass(frozen=True)
class Unpaid:
    """What becomes of a transfer that nothing is signed for yet, and of what it was for."""

    within_the_hour: str
    after_a_day: str
    reason: str = "waited_too_long"
    counts: bool = False  # as a try of the payments


ASKED_ON = Unpaid("requested", "rejected")
BEFORE: dict[str, Unpaid] = {
    "new": ASKED_ON,
    "confirming": ASKED_ON,
    "exchanging": ASKED_ON,
    "sending": ASKED_ON,
    "verifying": ASKED_ON,
    "hold": ASKED_ON,
    "overdue": ASKED_ON,
    "not_found": ASKED_ON,
    "finished": Unpaid("parked", "parked", "exchange_paid_by_somebody_else"),
    "failed": Unpaid("rejected", "rejected", "exchange_failed", counts=True),
    "refunded": Unpaid("rejected", "rejected", "exchange_refunded", counts=True),
    "expired": Unpaid("rejected", "rejected", "exchange_expired"),
    "waiting": Unpaid("confirmed", "confirmed"),  # the only word on which anything is paid
}


@dataclass(frozen=True)
class Paid:
    """What becomes of a swap whose exchange has our money."""

    state: str
    is_trouble: bool  # flagged, with an alarm
    payment: str  # what the payment is, of a batch or paid at once
    counts: bool = False


WAITS = Paid("paid", False, "under way")
TROUBLE = Paid("paid", True, "under way")
AFTER: dict[tuple[str, bool], Paid] = {  # (status, with the transaction that it names)
    **dict.fromkeys(
        [(each, False) for each in ("new", "waiting", "confirming", "exchanging", "sending")], WAITS
    ),
    **dict.fromkeys(
        [(each, False) for each in ("failed", "expired", "verifying", "hold", "overdue")], TROUBLE
    ),
    ("not_found", False): TROUBLE,
    ("refunded", False): TROUBLE,  # nothing is given back on its word alone
    ("finished", False): WAITS,
    ("finished", True): Paid("finished", False, "done"),
    ("refunded", True): Paid("refunded", False, "given back", counts=True),
}
UNDER_WAY = {"batch": "swapping", "payout": "in_payout"}
GIVEN_BACK = {"batch": "pending", "payout": "waiting_instant"}
DONE = {"batch": "converted", "payout": "paid"}


def test_the_tables_have_every_word_and_the_document_too() -> None:
    known = {*ONGOING, *NOT_YET, *ENDED, *DOCUMENTED}
    scripted = {each for each in OUTCOMES if "_" not in each}
    assert known | scripted <= STATUSES
    assert set(BEFORE) == STATUSES
    assert {status for status, _ in AFTER} == STATUSES
    said = re.search(r"^## What an exchange says\n(.*?)(?=^## )", RECOVERY.read_text(), re.M | re.S)
    assert said
    rows = {code: row for row in table_rows(said[1]) for code in codes(row[0])}
    assert rows.keys() == STATUSES
    for status, unpaid in BEFORE.items():
        if unpaid.reason != "waited_too_long":
            assert f"`{unpaid.reason}`" in rows[status][1]
        assert ("after a day given up" in rows[status][1]) == (unpaid is ASKED_ON)
        assert ("alarm" in rows[status][2]) == AFTER[status, False].is_trouble


@pytest.fixture(params=["batch", "payout"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pipeline(database: Database, kind: str) -> Pipeline:
    """One payment on its way to its exchange, by a batch or at once."""
    pipeline = Pipeline(database)
    pipeline.observe()
    if kind == "batch":
        pipeline.client("7", threshold_usd=100_000)
        pay_in(pipeline, "7", "0.05")
        pipeline.check()
    else:
        pipeline.client("7", strategy="instant", wants="btc/btc", address="bc1q")
        pipeline.payment("7", "0.05")
    return pipeline


def first(pipeline: Pipeline, table: str) -> dict[str, Any]:
    return pipeline.rows(f"SELECT * FROM {table} ORDER BY created_at LIMIT 1")[0]


def payment(pipeline: Pipeline) -> dict[str, Any]:
    (row,) = pipeline.rows("SELECT state, attempts, park_reason FROM payments")
    return row


@pytest.mark.parametrize("status", sorted(BEFORE))
def test_before_we_have_paid(pipeline: Pipeline, kind: str, status: str) -> None:
    expected = BEFORE[status]
    pipeline.exchange.forced[FIRST] = {"status": status}
    live(pipeline, 0.5)
    transfer = first(pipeline, "transfers")
    assert transfer["state"] == expected.within_the_hour
    if expected.within_the_hour == "rejected":
        assert_given_back(pipeline, kind, expected)
    assert broken_invariants(pipeline.database) == []

    live(pipeline, 24.2, step_minutes=30)
    transfer = first(pipeline, "transfers")
    assert transfer["state"] == expected.after_a_day
    assert broken_invariants(pipeline.database) == []
    if status == "waiting":
        assert pipeline.chain.count(pipeline.wallet) == 1
        return
    assert transfer["reason"] == expected.reason
    if expected.within_the_hour == "requested":
        assert_given_back(pipeline, kind, expected)
    if expected.after_a_day == "parked":
        assert payment(pipeline)["state"] == UNDER_WAY[kind]
        assert pipeline.chain.offered == []


def assert_given_back(pipeline: Pipeline, kind: str, expected: Unpaid) -> None:
    """Its payment is what it was, with its tries counted; or on its way with another exchange."""
    assert first(pipeline, "swaps")["state"] == "failed"
    assert first(pipeline, "swaps")["reason"] == f"rejected: {expected.reason}"
    row = payment(pipeline)
    if kind == "payout" and row["state"] == "paid":
        return
    assert row == {
        "state": GIVEN_BACK[kind],
        "attempts": int(expected.counts),
        "park_reason": None,
    }
    assert pipeline.chain.offered == []


@pytest.mark.parametrize(("status", "is_named"), sorted(AFTER))
def test_after_we_have_paid(pipeline: Pipeline, kind: str, status: str, is_named: bool) -> None:
    expected = AFTER[status, is_named]
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {"status": status}
    if is_named and status == "finished":
        pipeline.exchange.forced.clear()
    live(pipeline, 0.5)
    if is_named and status == "refunded":
        pipeline.exchange.refund(FIRST)
    live(pipeline, 0.5)

    swap = first(pipeline, "swaps")
    assert (swap["state"], swap["reason"]) == (expected.state, None)
    with pipeline.database.transaction() as tx:
        assert swaps.in_trouble(tx) == int(expected.is_trouble)
    states = {"under way": UNDER_WAY, "given back": GIVEN_BACK, "done": DONE}[expected.payment]
    row = payment(pipeline)
    assert (row["state"], row["attempts"]) == (states[kind], int(expected.counts))
    if status == "refunded" and is_named:
        assert int(swap["refunded_units"]) == int(swap["from_amount_units"])
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


def test_an_exchange_in_trouble_is_over_age_after_two_days(pipeline: Pipeline, kind: str) -> None:
    pipeline.exchange.only_after_deposit = True
    pipeline.exchange.forced[FIRST] = {"status": "verifying"}
    live(pipeline, 1)
    live(pipeline, 50, step_minutes=60)
    assert ("swaps", "paid") in pipeline.over_age()
    pipeline.exchange.forced.clear()
    for _ in range(3):
        pipeline.chain.mine(3)
        live(pipeline, 1)
    assert pipeline.over_age() == set()
    assert payment(pipeline)["state"] == DONE[kind]

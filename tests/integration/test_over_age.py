"""A row that stands longer in its state than its lifetime allows is counted; no other is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from microbatch.operations.lifetimes import LIFETIMES, lifetime
from microbatch.operations.over_age import over_age
from microbatch.platform.database import Database, Transaction
from tests.fakes.policies import Rules
from tests.integration.rows import COMPLETE, insert

NOW = datetime.now(UTC).replace(microsecond=0)
AGES = Rules().ages
MEASURED = [(each.entity, each.state) for each in LIFETIMES if each.max_age]
DIRECT = {"kind": "direct", "to_currency": "usdt", "to_network": "eth"}
NO_EXCHANGE = {"kind": "direct", "swap_id": None, "cn_api_id": None}


@pytest.fixture
def tx(module_database: Database) -> Iterator[Transaction]:
    """A transaction whose work nobody keeps; nothing is asked for or untold in it."""
    with module_database.transaction() as tx, tx.savepoint() as point:
        tx.execute("UPDATE schema_migrations SET applied_at = %(now)s", now=NOW)
        yield tx
        point.rollback()


def put(tx: Transaction, entity: str, state: str, since: datetime) -> None:
    """One row that has stood in this state since then, and whatever it needs beside it."""
    if state == "untold":
        UNTOLD[entity](tx, since)
        return
    if entity in SPECIAL:
        SPECIAL[entity](tx, state, since)
        return
    complete = COMPLETE.get(entity, {})
    announced = {"announced_state": state} if entity in ("batches", "payouts") else {}
    insert(tx, entity, **complete, **announced, state=state, state_since=since)


def put_payment(tx: Transaction, state: str, since: datetime) -> None:
    insert(tx, "clients")
    reason = {"park_reason": "refunded"} if state == "parked" else {}
    moments = {"received_at": since, "state_since": since}
    insert(tx, "payments", state=state, **moments, **reason)


def put_held(tx: Transaction, state: str, since: datetime) -> None:
    reason = "client_paused" if state == "paused" else "conflict"
    insert(tx, "held_payments", reason=reason, announced_state=reason, held_at=since)


def put_transfer(tx: Transaction, state: str, since: datetime) -> None:
    out = state not in ("requested", "approved", "parked")
    rest = COMPLETE["transfers"] if out else {"approved_at": NOW, "reason": "because"}
    moments = {"created_at": since, "state_since": since}
    insert(tx, "transfers", **{**rest, **NO_EXCHANGE, **moments, "state": state})


def put_attempt(tx: Transaction, state: str, since: datetime) -> None:
    insert(tx, "swaps", state="parked", reason="because", state_since=NOW)
    insert(tx, "wallets")
    insert(tx, "transfers", **{**COMPLETE["transfers"], "state": "broadcast", "state_since": NOW})
    insert(tx, "transfer_nonces")
    insert(tx, "transfer_attempts", state="sent", state_since=NOW)
    unsigned = {"raw_transaction": None, "tx_hash": None, "attempt_no": 2}
    insert(tx, "transfer_attempts", state=state, state_since=since, **unsigned)


def put_payout(tx: Transaction, state: str, since: datetime) -> None:
    insert(tx, "clients")
    told = {"announced_state": state, "reason": "because"}
    insert(tx, "payouts", state=state, state_since=since, **told, **DIRECT)


def put_client(tx: Transaction, state: str, since: datetime) -> None:
    fields: dict[str, dict[str, Any]] = {
        "unverified": {"address_state": "unverified", "created_at": since},
        "refused": {"address_state": "refused", "address_reason": "bad", "created_at": since},
        "waiting": {"payout_wait_reason": "no_fresh_observation", "payout_waits_since": since},
    }
    insert(tx, "clients", **fields[state])


def put_wallet(tx: Transaction, state: str, since: datetime) -> None:
    insert(tx, "wallets", status=state, reason="because", frozen_at=since)


def put_observation(tx: Transaction, state: str, since: datetime) -> None:
    del state
    for name, at in (("eth_usd", since), ("minimum:eth/eth>usdt/eth", NOW)):
        tx.execute(
            "INSERT INTO observations (name, value, observed_at) VALUES (%(name)s, 1, %(at)s)",
            name=name,
            at=at,
        )


def untold_payout(tx: Transaction, since: datetime) -> None:
    insert(tx, "clients")
    insert(tx, "payouts", state="released", reason="because", state_since=since)


def untold_change(tx: Transaction, since: datetime) -> None:
    insert(tx, "clients")
    tx.execute(
        "INSERT INTO address_changes (client_id, changed_at, matures_at, who, why, before, after)"
        " VALUES ('7', %(since)s, %(since)s, 'me', 'because', '{}', '{}')",
        since=since,
    )


SPECIAL: dict[str, Any] = {
    "payments": put_payment,
    "held_payments": put_held,
    "transfers": put_transfer,
    "transfer_attempts": put_attempt,
    "payouts": put_payout,
    "clients": put_client,
    "wallets": put_wallet,
    "observations": put_observation,
}
UNTOLD: dict[str, Any] = {
    "batches": lambda tx, since: insert(
        tx, "batches", state="released", reason="because", state_since=since
    ),
    "payouts": untold_payout,
    "address_changes": untold_change,
    "held_payments": lambda tx, since: insert(
        tx, "held_payments", state="rejected", held_at=since, announced_state="conflict",
        **{**COMPLETE["held_payments"], "decided_at": since},
    ),
}  # fmt: skip


def found(tx: Transaction) -> list[tuple[str, str, int, datetime]]:
    return [
        (each.entity, each.state, each.rows_count, each.oldest_since)
        for each in over_age(tx, NOW, AGES)
    ]


@pytest.mark.parametrize(("entity", "state"), MEASURED)
def test_past_its_maximum_age_a_row_is_counted(tx: Transaction, entity: str, state: str) -> None:
    known = lifetime(entity, state)
    assert known is not None
    since = NOW - timedelta(seconds=AGES.seconds(known.max_age))
    put(tx, entity, state, since)
    assert found(tx) == [(entity, state, 1, since)]


@pytest.mark.parametrize(("entity", "state"), MEASURED)
def test_before_it_is_not(tx: Transaction, entity: str, state: str) -> None:
    known = lifetime(entity, state)
    assert known is not None
    put(tx, entity, state, NOW - timedelta(seconds=AGES.seconds(known.max_age) - 1))
    assert found(tx) == []


LONG_AGO = NOW - timedelta(days=30)


def test_what_a_person_has_paused_is_not_over_age(tx: Transaction) -> None:
    insert(
        tx, "clients", paused_at=NOW, address_state="unverified", created_at=LONG_AGO,
        payout_wait_reason="no_fresh_observation", payout_waits_since=LONG_AGO,
    )  # fmt: skip
    insert(tx, "payments", state="waiting_instant", received_at=LONG_AGO)
    insert(
        tx, "held_payments", reason="client_paused", announced_state="client_paused",
        held_at=LONG_AGO,
    )  # fmt: skip
    assert found(tx) == []


@pytest.mark.parametrize(
    ("act", "subject", "counts"),
    [
        ("resume", "ingress", True),
        ("clients resume", "7", True),
        ("resume", "hostpay", False),
        ("clients resume", "8", False),
    ],
)
def test_what_was_held_by_a_pause_waits_since_the_end_of_its_own(
    tx: Transaction, act: str, subject: str, counts: bool
) -> None:
    insert(tx, "clients")
    insert(
        tx, "held_payments", reason="client_paused", announced_state="client_paused",
        held_at=LONG_AGO,
    )  # fmt: skip
    tx.execute(
        "INSERT INTO operator_acts (at, who, why, act, subject)"
        " VALUES (%(now)s, 'me', 'because', %(act)s, %(subject)s)",
        now=NOW,
        act=act,
        subject=subject,
    )
    assert found(tx) == ([] if counts else [("held_payments", "paused", 1, LONG_AGO)])


@pytest.mark.parametrize("reason", ["below_threshold", "below_minimum: 5 usdt", "gas_too_dear: 9"])
def test_a_client_who_waits_for_more_money_is_not_over_age(tx: Transaction, reason: str) -> None:
    insert(tx, "clients", payout_wait_reason=reason, payout_waits_since=LONG_AGO)
    assert found(tx) == []


def test_a_swap_waits_for_its_transfer_and_a_confirmed_transfer_for_its_swap(
    tx: Transaction,
) -> None:
    created = {"cn_api_id": "cn1", "payin_address": "0x1", "state_since": LONG_AGO}
    insert(tx, "swaps", state="created", **created)
    insert(tx, "transfers", state="requested", created_at=NOW)
    assert found(tx) == [], "the transfer's age counts"
    tx.execute("UPDATE transfers SET state = 'rejected', reason = 'because'")
    assert [each[:2] for each in found(tx)] == [("swaps", "created")], "nobody is paying it"
    tx.execute("UPDATE swaps SET state = 'paid', state_since = %(now)s", now=NOW)
    tx.execute("DELETE FROM transfers")
    confirmed = {**COMPLETE["transfers"], "state": "confirmed", "state_since": LONG_AGO}
    insert(tx, "transfers", **confirmed)
    assert found(tx) == [], "the swap's age counts"


def test_a_payout_by_exchange_goes_on_with_its_swap(tx: Transaction) -> None:
    insert(tx, "clients")
    insert(tx, "payouts", state="claimed", state_since=LONG_AGO)
    assert found(tx) == []


def test_a_transfer_that_was_tried_again_is_as_old_as_that(tx: Transaction) -> None:
    put_transfer(tx, "requested", LONG_AGO)
    tx.execute("UPDATE transfers SET tried_since = %(now)s", now=NOW)
    assert found(tx) == []


def test_what_is_converted_may_wait_for_ever(tx: Transaction) -> None:
    insert(tx, "clients")
    insert(tx, "batches", state="distributed", received_microusdt=18, announced_state="distributed")
    insert(
        tx, "payments", state="converted", share_microusdt=18, state_since=LONG_AGO,
        received_at=LONG_AGO, batch_id="6f1c2f0e-0000-4000-8000-000000000001",
    )  # fmt: skip
    assert found(tx) == []


def test_several_are_counted_together_and_the_oldest_is_named(tx: Transaction) -> None:
    insert(tx, "clients")
    for number in range(3):
        since = LONG_AGO + timedelta(days=number)
        insert(
            tx, "payments", payment_id=str(number), state="parked", park_reason="x",
            state_since=since,
        )  # fmt: skip
    assert found(tx) == [("payments", "parked", 3, LONG_AGO)]

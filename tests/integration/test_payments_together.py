"""What SQS delivers at once is stored in one transaction, as if it had come one by one."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from microbatch.intake import store
from microbatch.intake.many import credit_many
from microbatch.intake.service import accumulate
from microbatch.messages import EventOccurred, Outgoing, PaymentReceived
from microbatch.platform.database import Database
from microbatch.platform.observability import metrics
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import Doors, everything, signed

FIRST_COMMIT_FAILS = """
CREATE SEQUENCE commits;
CREATE FUNCTION refuse_the_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('commits') = 1 THEN
        RAISE EXCEPTION 'as a fail-over would' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER refuses AFTER INSERT ON payments
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_the_first();
GRANT USAGE ON commits TO PUBLIC;
"""


def new(payment_id: str, eth: str = "0.01", client_id: str = "7", **rest: Any) -> PaymentReceived:
    return PaymentReceived(
        timestamp=1_800_000_000,
        source="nowpayments",
        payment_id=payment_id,
        client_id=client_id,
        received_amount=eth,
        received_currency="eth",
        received_network="eth",
        body=b'{"a": 1}',
        **rest,
    )


# Of every kind: plain ones with and without an invoice, repetitions, conflicts, and what is held.
MIXED = (
    new("1", invoice_usd="30.5"),
    new("2", "0.123456789012345678", order_id="an 'order' with \\ and %s"),
    new("2", "0.1234567890123456780", order_id="an 'order' with \\ and %s"),
    new("3"),
    new("3", "0.02"),
    new("4", client_id="nobody"),
    new("4"),
    new("5", client_id="at_once"),
    new("6", client_id="paused"),
    new("7", "-1"),
    new("8", "1e999999"),
    new("9", parent_payment_id="1"),
    replace(new("10"), received_currency="btc", received_network="btc"),
    new("11", "", problem="no JSON"),
    new("12", "0.000000000000000001"),
)


def stage(database: Database) -> Pipeline:
    pipeline = Pipeline(database)
    pipeline.client("7")
    pipeline.client("at_once", strategy="instant", address_state="unverified")
    pipeline.client("paused", paused=True)
    pipeline.observe()
    return pipeline


def many(
    pipeline: Pipeline, database: Database, *messages: PaymentReceived
) -> tuple[set[str], list[Outgoing]]:
    named = {str(number): each for number, each in enumerate(messages)}
    with database.transaction() as tx:
        return credit_many(named, tx, pipeline.now, pipeline.intake_policy)


def each_alone(
    pipeline: Pipeline, database: Database, *messages: PaymentReceived
) -> list[Outgoing]:
    told = []
    for message in messages:
        with database.transaction() as tx:
            told += accumulate(
                message, tx, pipeline.now, pipeline.intake_policy, pipeline.payout_policy
            )
    return told


def stored(database: Database) -> dict[str, list[Any]]:
    """What intake stores, but for what is drawn anew each time."""
    with database.transaction() as tx:
        payments = tx.all("SELECT to_jsonb(payments) - 'payout_id' AS row FROM payments ORDER BY 1")
        held = tx.all("SELECT to_jsonb(h) - 'held_id' AS row FROM held_payments h ORDER BY 1")
    return {"payments": [row["row"] for row in payments], "held": [row["row"] for row in held]}


def events(outgoing: list[Outgoing]) -> set[tuple[Any, ...]]:
    """What is told, in whatever order."""
    return {
        (each.message.event_id, each.message.name, each.message.occurred_at, each.message.detail)
        for each in outgoing
        if isinstance(each.message, EventOccurred)
    }


def test_it_comes_to_the_same_as_one_by_one(
    fresh: Callable[[], AbstractContextManager[Database]],
) -> None:
    with fresh() as alone, fresh() as at_once:
        pipeline, other = stage(alone), stage(at_once)
        other.now = pipeline.now
        told = each_alone(pipeline, alone, *MIXED)

        done, told_together = many(other, at_once, *MIXED)
        left = [each for number, each in enumerate(MIXED) if str(number) not in done]
        told_together += each_alone(other, at_once, *left)

        assert {MIXED[int(name)].payment_id for name in done} == {"1", "2", "3", "12"}
        assert stored(at_once) == stored(alone)
        assert events(told_together) == events(told)


def test_nothing_is_credited_twice_however_often_it_comes(database: Database) -> None:
    pipeline = stage(database)
    done, told = many(pipeline, database, new("1"), new("1"), new("2"))
    before = everything(database)

    assert done == {"0", "2"}, "the second of one id waits its turn"
    assert many(pipeline, database, new("1"), new("2"), new("2", "0.5")) == (set(), [])
    assert everything(database) == before
    assert events(each_alone(pipeline, database, new("1"), new("2"))) == events(told)


def test_an_id_that_somebody_else_is_at_is_left_to_its_own_step(
    database: Database, other: Database
) -> None:
    pipeline = stage(database)
    with other.transaction() as tx:
        store.lock_payment_id(tx, "1")

        assert many(pipeline, database, new("1"), new("2"))[0] == {"1"}


def test_two_at_once_neither_wait_for_each_other_nor_book_twice(
    database: Database, other: Database
) -> None:
    pipeline = stage(database)
    messages = [new(str(number)) for number in range(60)]
    done: list[set[str]] = []

    def run(on: Database, order: list[PaymentReceived]) -> None:
        named = {each.payment_id: each for each in order}
        with on.transaction() as tx:
            done.append(credit_many(named, tx, pipeline.now, pipeline.intake_policy)[0])

    threads = [
        threading.Thread(target=run, args=(database, messages)),
        threading.Thread(target=run, args=(other, messages[::-1])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(done) == 2
    assert not done[0] & done[1]
    (row,) = pipeline.rows(
        "SELECT count(*) AS rows, count(DISTINCT payment_id) AS ids FROM payments"
    )
    assert row["rows"] == row["ids"] == len(done[0] | done[1])


# --- at the door ----------------------------------------------------------------------------------


def bodies(*messages: PaymentReceived) -> list[str]:
    return [signed("payments", message) for message in messages]


def told_of(doors: Doors) -> list[Any]:
    return [message for message in doors.waiting("events") if isinstance(message, EventOccurred)]


def test_the_plain_ones_of_a_delivery_are_of_one_transaction(
    doors: Doors, pipeline: Pipeline
) -> None:
    assert doors.deliver("payments", *bodies(new("1"), new("2"), new("3"), new("4", "-1"))) == 0

    transactions = pipeline.rows("SELECT DISTINCT xmin::text FROM payments")
    assert len(transactions) == 1
    assert len(pipeline.rows("SELECT FROM payments")) == 3
    assert len(pipeline.rows("SELECT FROM held_payments")) == 1
    assert sorted(event.name for event in told_of(doors)) == [
        *["payment.accumulated"] * 3,
        "payment.held",
    ]


POISON = {
    "what no column takes": signed("payments", new("bad", order_id="x", paid_at="\0")),
    "a forged signature": signed("payments", new("bad"), key="f" * 64),
    "no token at all": "{}",
}


@pytest.mark.parametrize("poison", POISON)
def test_one_that_cannot_be_stored_takes_none_of_the_others_with_it(
    doors: Doors, pipeline: Pipeline, poison: str
) -> None:
    good = bodies(new("1"), new("2"))

    failed = doors.deliver("payments", good[0], POISON[poison], good[1])

    dead = len(doors.dead("payments"))
    assert failed + dead == 1
    assert pipeline.rows("SELECT payment_id FROM payments ORDER BY 1") == [
        {"payment_id": "1"},
        {"payment_id": "2"},
    ]
    assert len(told_of(doors)) == 2


def test_what_was_stored_and_not_told_is_told_when_it_comes_again(
    doors: Doors, pipeline: Pipeline, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = bodies(new("1"), new("2"))
    with monkeypatch.context() as patched:
        patched.setattr(doors, "_base_url", doors._base_url + "away-")
        assert doors.deliver("payments", *messages) == 2
    before = everything(database)

    assert doors.deliver("payments", *messages) == 0

    assert len(before["payments"]) == 2
    assert everything(database) == before
    assert len({event.event_id for event in told_of(doors)}) == 2


def test_what_was_not_committed_is_not_counted(
    doors: Doors, pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    with pipeline.database.transaction() as tx:
        tx.execute(FIRST_COMMIT_FAILS)
    metrics.clear_metrics()  # what tests without a door have counted waits for the next one
    capsys.readouterr()

    assert doors.deliver("payments", *(signed("payments", new(each)) for each in "123")) == 0

    assert len(pipeline.rows("SELECT payment_id FROM payments")) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    credited = [line["payments_credited"] for line in lines if "payments_credited" in line]
    assert sum(map(sum, credited)) == 3

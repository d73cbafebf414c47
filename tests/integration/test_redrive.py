"""Dead letters of every queue: the row decides what is sent, and only then is one thrown away."""

from datetime import timedelta
from typing import Any

import pytest

from microbatch import messages
from microbatch.messages import QUEUES, Message
from microbatch.operations.invariants import broken_invariants
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import Doors, sample, signed
from tests.integration.test_doors import next_message, until

MONEY = ("payments", "swaps", "transfers", "transfer_attempts", "batches", "payouts")
# Of every queue each message on the path of one payment, and on which queue what its row calls for
# is sent when it has died.
DIED: list[tuple[type[Message], str]] = [
    (messages.ExchangeRequested, "swap-create"),
    (messages.ExchangeCreated, "swap-create"),
    (messages.BatchOrder, "hostpay-batch"),
    (messages.StatusCheckRequest, "hostpay-status-check"),
    (messages.StatusCheckResponse, "hostpay-status-check"),
    (messages.PaymentExecutionRequest, "chain-requests"),
    (messages.PreflightRequested, "chain-requests"),
    (messages.PreflightObserved, "chain-requests"),
    (messages.BroadcastRequested, "chain-requests"),
    (messages.BroadcastObserved, "chain-requests"),
    (messages.ReceiptRequested, "chain-requests"),
    (messages.ReceiptObserved, "chain-requests"),
    (messages.PaymentExecutionResponse, "hostpay-payment-response"),
    (messages.ExchangeStatusRequested, "swap-monitor"),
    (messages.ExchangeStatusObserved, "swap-monitor"),
    (messages.TransferLogsRequested, "chain-requests"),
    (messages.TransferLogsFound, "chain-requests"),
    (messages.BatchResult, "microbatch-response"),
]


def time_passes(pipeline: Pipeline) -> None:
    """As if it had all been an hour ago."""
    with pipeline.database.transaction() as tx:
        for table in ("swaps", "transfers", "clients"):
            tx.execute(f"UPDATE {table} SET asked_at = asked_at - interval '1 hour'")


def redriven(doors: Doors, queue: str, **fields: Any) -> tuple[dict[str, Any], dict[str, int]]:
    """(the answer, what is in which queue afterwards)."""
    answer = doors.operate("redrive", queue=queue, **fields)
    return answer, doors.counts()


@pytest.mark.parametrize(("kind", "sends_to"), DIED)
def test_what_the_row_calls_for_is_sent_and_the_letter_thrown_away(
    doors: Doors, pipeline: Pipeline, kind: type[Message], sends_to: str
) -> None:
    lost = next_message(pipeline, kind)
    time_passes(pipeline)
    body = signed(lost.queue, lost.message)
    doors.bury(lost.queue, body)

    answer, counts = redriven(doors, lost.queue)

    assert answer["changed"] is True
    assert answer["after"] == {"dead_letters": 0, "sent": 1}
    (letter,) = answer["letters"]
    assert (letter["kind"], letter["outcome"]) == (kind.__name__, "sent")
    assert letter["reason"] == "RetryLater: too long"
    assert set(answer["sent"]) == set(counts) == {sends_to}
    assert sum(counts.values()) == sum(answer["sent"].values())
    assert doors.dead(lost.queue) == []
    assert broken_invariants(pipeline.database) == []


@pytest.mark.parametrize("kind", [messages.ExchangeCreated, messages.StatusCheckResponse])
def test_what_was_redriven_carries_the_money_to_its_end(
    doors: Doors, pipeline: Pipeline, kind: type[Message]
) -> None:
    lost = next_message(pipeline, kind)
    doors.bury(lost.queue, signed(lost.queue, lost.message))
    answer, _ = redriven(doors, lost.queue)
    (queue,) = answer["sent"]
    pipeline.queue = [messages.Outgoing(queue, sent) for sent in doors.waiting(queue)]
    pipeline.run()

    assert pipeline.rows("SELECT state FROM batches") == [{"state": "distributed"}]
    assert pipeline.chain.count(pipeline.wallet) == 1
    assert broken_invariants(pipeline.database) == []


def test_every_queue_of_a_row_is_looked_at_here_or_below() -> None:
    looked_at = {
        queue
        for queue, carrier in QUEUES.items()
        if {kind for kind, _ in DIED}.intersection(carrier.carries)
    }
    assert QUEUES.keys() - looked_at == {"payments", "events", "swap-quote", "hostpay-trigger"}


# --- orders and questions of clients --------------------------------------------------------------


def test_a_question_about_a_payout_and_about_an_address(doors: Doors, pipeline: Pipeline) -> None:
    pipeline.client("8", strategy="instant", wants="btc/btc", address="bc1q")
    pipeline.client("9", wants="btc/btc", address="bc1qx", address_state="unverified")
    pipeline.payment("8", "0.05")
    quote = until(pipeline, messages.QuoteRequested)
    address = messages.AddressCheckRequested(
        timestamp=quote.message.timestamp, client_id="9", network="btc", address="bc1qx"
    )
    for message in (quote.message, address):
        doors.bury("swap-quote", signed("swap-quote", message))

    answer, counts = redriven(doors, "swap-quote")

    assert [letter["outcome"] for letter in answer["letters"]] == ["sent", "sent"]
    assert counts == {"swap-quote": 2}
    kinds = {type(message) for message in doors.waiting("swap-quote")}
    assert kinds == {messages.QuoteRequested, messages.AddressCheckRequested}


@pytest.mark.parametrize("is_reserved", [False, True])
def test_an_order_to_pay_a_client_directly(
    doors: Doors, pipeline: Pipeline, is_reserved: bool
) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pipeline.payment("8", "0.05")
    order = until(pipeline, messages.HostPayOrder)
    if is_reserved:
        pipeline.step(order)
        pipeline.queue.clear()
    doors.bury("hostpay-trigger", signed("hostpay-trigger", order.message))

    _, counts = redriven(doors, "hostpay-trigger")

    assert counts == {"chain-requests" if is_reserved else "hostpay-trigger": 1}


def test_the_end_of_a_direct_payment_is_told_again_until_its_payout_is_over(
    doors: Doors, pipeline: Pipeline
) -> None:
    pipeline.client("8", strategy="instant", wants="eth/eth")
    pipeline.payment("8", "0.05")
    pipeline.step(until(pipeline, messages.HostPayOrder))
    (transfer,) = pipeline.rows(
        "UPDATE transfers SET state = 'rejected', reason = 'x', state_since = %(at)s RETURNING *",
        at=pipeline.now - timedelta(seconds=5),
    )
    ended = messages.HostPaymentEnded(
        timestamp=int(pipeline.now.timestamp()),
        swap_id="",
        cn_api_id="",
        unique_id=transfer["unique_id"],
        outcome="rejected",
        detail="x",
    )
    body = signed("swap-results", ended)
    doors.bury("swap-results", body)

    _, counts = redriven(doors, "swap-results")
    assert counts == {"swap-results": 1}
    doors.waiting("swap-results")
    pipeline.deliver("swap-results", ended)
    doors.bury("swap-results", body)
    answer, _ = redriven(doors, "swap-results")
    assert answer["letters"][0]["why"] == "its payout is over"
    assert answer["sent"] == {}


# --- what is the thing itself ---------------------------------------------------------------------


def test_a_payment_is_moved_as_it_is_and_its_day_begins_anew(
    doors: Doors, pipeline: Pipeline
) -> None:
    payment = pipeline.payment("7", "0.02")
    body = signed("payments", payment)
    doors.bury("payments", body, first_sent_at="1700000000000", kept="as it is")

    answer, counts = redriven(doors, "payments")

    assert counts == {"payments": 1}
    assert answer["after"] == {"dead_letters": 0, "moved": 1}
    (moved,) = doors._receive("payments")
    assert moved["Body"] == body
    attributes = moved["MessageAttributes"]
    assert {name: each["StringValue"] for name, each in attributes.items()} == {"kept": "as it is"}


def test_an_event_is_signed_anew(doors: Doors) -> None:
    event = sample(messages.EventOccurred, age_seconds=3 * 86_400)
    doors.bury("events", signed("events", event))

    _, counts = redriven(doors, "events")

    assert counts == {"events": 1}
    (told,) = doors.waiting("events")
    assert told.event_id == event.event_id
    assert told.timestamp > event.timestamp


# --- nothing is to be sent ------------------------------------------------------------------------


def test_an_old_message_of_a_row_that_has_moved_on_sends_nothing(
    doors: Doors, pipeline: Pipeline
) -> None:
    order = next_message(pipeline, messages.BatchOrder)
    pipeline.now += timedelta(minutes=1)
    pipeline.step(order)
    doors.bury(order.queue, signed(order.queue, order.message))
    answer, counts = redriven(doors, order.queue)
    assert answer["letters"][0]["why"] == "its row has moved on since"
    assert (answer["sent"], counts) == ({}, {})

    pipeline.run()
    doors.bury(order.queue, signed(order.queue, order.message))
    answer, counts = redriven(doors, order.queue)
    assert answer["letters"][0]["why"] == "it is over"
    assert (answer["sent"], counts) == ({}, {})


def test_what_is_parked_waits_for_its_own_act(doors: Doors, pipeline: Pipeline) -> None:
    asked = next_message(pipeline, messages.StatusCheckRequest)
    with pipeline.database.transaction() as tx:
        tx.execute("UPDATE transfers SET state = 'parked', reason = 'amount_differs'")
    doors.bury(asked.queue, signed(asked.queue, asked.message))
    answer, counts = redriven(doors, asked.queue)
    why = "it is parked for amount_differs: retry or release it"
    assert answer["letters"][0]["why"] == why
    assert counts == {}


@pytest.mark.parametrize(
    ("queue", "kind"),
    [
        ("swap-quote", messages.RangeRequested),
        ("swap-results", messages.RangeObserved),
        ("chain-requests", messages.ChainObservationRequested),
        ("chain-results", messages.ChainObserved),
        ("chain-requests", messages.TransactionSighted),
    ],
)
def test_an_observation_and_a_hint_come_again_by_themselves(
    doors: Doors, queue: str, kind: type[Message]
) -> None:
    doors.bury(queue, signed(queue, sample(kind)))
    answer, counts = redriven(doors, queue)
    assert answer["letters"][0]["outcome"] == "nothing_to_send"
    assert counts == {}


def test_many_letters_of_one_row_send_once(doors: Doors, pipeline: Pipeline) -> None:
    lost = next_message(pipeline, messages.ExchangeRequested)
    for _ in range(12):
        doors.bury(lost.queue, signed(lost.queue, lost.message))
    answer, counts = redriven(doors, lost.queue)
    assert counts == {"swap-create": 1}
    assert answer["after"] == {"dead_letters": 0, "nothing_to_send": 11, "sent": 1}

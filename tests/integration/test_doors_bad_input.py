"""What is forged, cut, expired or of another type ends in its queue's dead letters, by reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from microbatch import messages
from microbatch.codec import VALID_AHEAD_SECONDS, VALID_BACK_SECONDS
from microbatch.messages import QUEUES
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import KEYS, Doors, everything, sample, signed
from tests.unit.stub_server import StubServer

MARGIN_SECONDS = 60
FORGED = "InvalidToken: signature does not match"
NO_TOKEN = 'InvalidToken: body is not {"token": "…"}'


def spoiled(queue: str) -> list[tuple[str, str]]:
    """Bodies that no function may act upon, each with how its reason begins."""
    kind = QUEUES[queue].carries[0]
    good = signed(queue, sample(kind))
    strange = messages.RangeRequested if queue == "chain-results" else messages.ReceiptObserved
    other_keys = [key for family, key in KEYS.items() if family != QUEUES[queue].key]
    bodies = [
        (signed(queue, sample(kind), "x" * 64), FORGED),
        (signed(queue, sample(kind), other_keys[0]), FORGED),
        (good[:-12] + '"}', "InvalidToken"),
        (good.replace('"token"', '"taken"'), NO_TOKEN),
        ("hello", NO_TOKEN),
        (signed(queue, sample(strange)), "InvalidToken"),
    ]
    if kind.EXPIRES:
        late = sample(kind, age_seconds=VALID_BACK_SECONDS + MARGIN_SECONDS)
        early = sample(kind, age_seconds=-VALID_AHEAD_SECONDS - MARGIN_SECONDS)
        bodies += [(signed(queue, late), "ExpiredToken"), (signed(queue, early), "ExpiredToken")]
    return bodies


@pytest.mark.parametrize("queue", QUEUES)
def test_a_token_that_is_not_right_is_dead_lettered_and_nothing_else_happens(
    doors: Doors, pipeline: Pipeline, outside: StubServer, queue: str
) -> None:
    expected = spoiled(queue)
    before = everything(pipeline.database)

    assert doors.deliver(queue, *(body for body, _ in expected)) == 0

    found = dict(doors.dead(queue))
    assert set(found) == {body for body, _ in expected}
    for body, reason in expected:
        assert found[body].startswith(reason), (body, found[body])
    assert doors.counts() == {f"{queue}-dlq": len(expected)}
    assert everything(pipeline.database) == before
    assert outside.requests == []


def test_a_good_message_among_bad_ones_is_processed(doors: Doors, pipeline: Pipeline) -> None:
    good = signed("payments", pipeline.payment("7", "0.02"))

    assert doors.deliver("payments", "hello", good, good[:-12] + '"}') == 0

    assert len(doors.dead("payments")) == 2
    assert pipeline.rows("SELECT state FROM payments") == [{"state": "pending"}]


def test_a_payments_message_never_expires(doors: Doors, pipeline: Pipeline) -> None:
    long_ago = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    message = pipeline.payment("7", "0.02", timestamp=long_ago)

    assert doors.deliver("payments", signed("payments", message)) == 0

    assert doors.counts() == {"events": 1}
    assert pipeline.rows("SELECT state FROM payments") == [{"state": "pending"}]


def odd(pipeline: Pipeline) -> list[tuple[str, messages.PaymentReceived]]:
    """Authentic payments that must not be credited, each with its reason."""
    pipeline.client("paused", paused=True)
    return [
        ("unknown_client", pipeline.payment("nobody", "0.02")),
        ("client_paused", pipeline.payment("paused", "0.02")),
        ("wrong_asset", pipeline.payment("7", "20", received_currency="usdttrc20")),
        ("redeposit", pipeline.payment("7", "0.02", parent_payment_id="4")),
        ("implausible_amount", pipeline.payment("7", "0")),
        ("implausible_amount", pipeline.payment("7", "-0.02")),
        ("implausible_amount", pipeline.payment("7", "1000000")),
        ("amount_unknown", pipeline.payment("7", "")),
        ("malformed", pipeline.payment("7", "0.02", problem="body is not JSON")),
    ]


def test_an_odd_payment_is_a_row_that_an_operator_finds(doors: Doors, pipeline: Pipeline) -> None:
    payments = odd(pipeline)

    assert doors.deliver("payments", *(signed("payments", message) for _, message in payments)) == 0

    rows = pipeline.rows("SELECT payment_id, reason, state, detail FROM held_payments")
    assert {(row["payment_id"], row["reason"], row["state"]) for row in rows} == {
        (message.payment_id, reason, "held") for reason, message in payments
    }
    assert all(row["detail"] for row in rows)
    assert pipeline.rows("SELECT payment_id FROM payments") == []
    status = doors.invoke("operations", {"act": "status"})["result"]
    assert sum(row["payments_count"] for row in status["held"]) == len(payments)


UNKNOWN: list[tuple[str, type[messages.Message]]] = [
    ("swap-results", messages.ExchangeCreated),
    ("swap-results", messages.ExchangeStatusObserved),
    ("swap-results", messages.TransferLogsFound),
    ("hostpay-status-response", messages.StatusCheckResponse),
    ("hostpay-payment-execute", messages.PaymentExecutionRequest),
    ("hostpay-payment-response", messages.PaymentExecutionResponse),
    ("chain-results", messages.ReceiptObserved),
    ("microbatch-response", messages.BatchResult),
]


def test_an_authentic_message_about_nothing_we_know_is_dead_lettered(
    doors: Doors, pipeline: Pipeline
) -> None:
    before = everything(pipeline.database)
    for queue, kind in UNKNOWN:
        assert doors.deliver(queue, signed(queue, sample(kind))) == 0

        ((_, reason),) = doors.dead(queue)
        assert reason.startswith("PermanentFailure")
        assert everything(pipeline.database) == before


def test_without_its_database_a_function_waits(doors_without_database: Doors) -> None:
    doors = doors_without_database
    payment = sample(messages.PaymentReceived)

    assert doors.deliver("payments", signed("payments", payment)) == 1

    assert doors.counts() == {"payments": 1}


def test_without_its_exchange_a_function_waits(
    doors_without_database: Doors, outside: StubServer
) -> None:
    doors = doors_without_database
    outside.answer = StubServer().answer  # HTTP 500

    assert doors.deliver("swap-quote", signed("swap-quote", _range())) == 1

    assert doors.counts() == {"swap-quote": 1}
    assert len(outside.requests) == 1  # no client repeats anything by itself


def _range() -> Any:
    return messages.RangeRequested(
        timestamp=int(datetime.now(UTC).timestamp()),
        from_currency="eth",
        from_network="eth",
        to_currency="usdt",
        to_network="eth",
        amount="1",
    )

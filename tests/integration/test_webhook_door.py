"""The door that the outside world knocks at: verified, queued, answered; never the database."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from microbatch.codec import BYTES_MAX
from microbatch.messages import Outgoing, PaymentReceived
from tests.fakes.pipeline import Pipeline
from tests.integration.doors import IPN_SECRET, Doors

ROUTE = "POST /webhooks/nowpayments"
NOTIFICATION = {
    "order_id": "PGP-1|-1003296084379",
    "outcome_amount": 0.0123,
    "outcome_currency": "eth",
    "payment_id": 4938475683,
    "payment_status": "finished",
    "price_amount": 30,
    "price_currency": "usd",
    "updated_at": 1795328912000,
}


def written(**changed: Any) -> bytes:
    return json.dumps(NOTIFICATION | changed, separators=(",", ":"), sort_keys=True).encode()


def request(body: bytes, *, key: str = IPN_SECRET, encoded: bool = False) -> dict[str, Any]:
    """What API Gateway makes of an HTTP request."""
    return {
        "version": "2.0",
        "routeKey": ROUTE,
        "headers": {"x-nowpayments-sig": hmac.digest(key.encode(), body, hashlib.sha512).hex()},
        "body": base64.b64encode(body).decode() if encoded else body.decode(),
        "isBase64Encoded": encoded,
    }


def knock(doors: Doors, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = doors.invoke("payment_webhook", event)
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def door(doors_without_database: Doors) -> Doors:
    return doors_without_database


@pytest.mark.parametrize("encoded", [False, True])
def test_a_good_notification_is_queued_signed_and_then_accepted(door: Doors, encoded: bool) -> None:
    body = written()

    assert knock(door, request(body, encoded=encoded)) == (200, {"status": "accepted"})

    assert door.counts() == {"payments": 1}
    (message,) = door.waiting("payments")
    assert isinstance(message, PaymentReceived)
    assert (message.payment_id, message.client_id) == ("4938475683", "-1003296084379")
    assert (message.received_amount, message.received_currency) == ("0.0123", "eth")
    assert message.body == body


def test_a_number_is_kept_as_it_was_written(door: Doors) -> None:
    body = written().replace(b"0.0123", b"0.01230000000000000001")

    assert knock(door, request(body))[0] == 200

    (message,) = door.waiting("payments")
    assert isinstance(message, PaymentReceived)
    assert message.received_amount == "0.01230000000000000001"


def test_a_reordered_body_is_verified_by_its_sorted_form(door: Doors) -> None:
    event = request(written())
    event["body"] = json.dumps(dict(reversed(NOTIFICATION.items())), indent=1)

    assert knock(door, event) == (200, {"status": "accepted"})


@pytest.mark.parametrize("headers", [None, {}, {"x-nowpayments-sig": "hello"}])
def test_without_a_signature_nothing_is_kept(
    door: Doors, headers: dict[str, str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = knock(door, request(written()) | {"headers": headers})

    assert status == 401
    assert "x-nowpayments-sig" in answer["error"]
    assert door.counts() == {}
    assert "webhook_unauthorized" in capsys.readouterr().out


def test_a_bad_signature_is_counted_and_nothing_is_kept(
    door: Doors, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _ = knock(door, request(written(), key="wrong"))

    assert status == 401
    assert door.counts() == {}
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert [metric["webhook_unauthorized"] for metric in metrics] == [[1.0]]


def test_a_changed_body_is_refused(door: Doors) -> None:
    event = request(written())
    event["body"] = written(outcome_amount=123).decode()

    assert knock(door, event)[0] == 401
    assert door.counts() == {}


@pytest.mark.parametrize("status", ["waiting", "confirming", "sending", "failed", "refunded",
                                    "expired", "partially_paid", "something_new"])  # fmt: skip
def test_a_status_that_is_not_finished_is_ignored(door: Doors, status: str) -> None:
    found = knock(door, request(written(payment_status=status)))

    assert found == (200, {"status": "ignored", "payment_status": status})
    assert door.counts() == {}


MALFORMED = [
    b"hello",
    b"[]",
    b'{"payment_status":"finished"}',
    written(payment_id=None),
    written(payment_id={"a": 1}),
    written(payment_status=None),
    written(order_id="x" * 300),
    b'{"payment_id":1,"payment_id":2}',
]


def test_a_signed_body_that_cannot_be_read_is_refused_but_held_once(
    doors: Doors, pipeline: Pipeline
) -> None:
    for body in MALFORMED:
        status, answer = knock(doors, request(body))
        again, _ = knock(doors, request(body))
        assert (status, again) == (400, 400)
        assert answer["error"]
        pipeline.queue += [Outgoing("payments", message) for message in doors.waiting("payments")]
    assert len(pipeline.queue) == 2 * len(MALFORMED)

    pipeline.run()

    rows = pipeline.rows("SELECT reason, state, notification FROM held_payments")
    assert {(row["reason"], row["state"]) for row in rows} == {("malformed", "held")}
    assert sorted(row["notification"] for row in rows) == sorted(MALFORMED)


@pytest.mark.parametrize(("size_bytes", "status"), [(BYTES_MAX, 400), (BYTES_MAX + 1, 413)])
def test_a_body_that_is_too_large_is_refused(door: Doors, size_bytes: int, status: int) -> None:
    assert knock(door, request(b"x" * size_bytes))[0] == status

    assert door.counts() == ({} if status == 413 else {"payments": 1})


def test_when_the_queue_takes_nothing_the_sender_is_asked_to_come_again(door: Doors) -> None:
    door.drop_queue("payments")

    status, answer = knock(door, request(written()))

    assert status == 503
    assert "send it again" in answer["error"]

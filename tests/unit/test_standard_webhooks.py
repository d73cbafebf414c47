"""The Standard Webhooks scheme: its own test vector, rotation, time, and what a body must have."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken
from microbatch.vendors import standard_webhooks as webhooks
from tests.fakes.times import NOON

# From the specification's reference libraries.
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_TIME = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
PAYMENT = {
    "payment_id": "order-1001",
    "client_id": "-1003296084379",
    "received_amount": "0.0121",
    "received_currency": "ETH",
    "received_network": "eth",
    "invoice_usd": "24.90",
    "paid_at": "2026-03-01T11:59:00Z",
}


def headers(
    body: bytes, secret: str, at: datetime = NOON, message_id: str = "msg_1"
) -> dict[str, str]:
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    (key,) = webhooks.keys_in(secret)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,{webhooks._signature(signed, key).decode()}",
    }


def test_the_vector_of_the_specification_verifies() -> None:
    given = {
        "webhook-id": VECTOR_ID,
        "webhook-timestamp": str(VECTOR_TIME),
        "webhook-signature": VECTOR_SIGNATURE,
    }
    at = datetime.fromtimestamp(VECTOR_TIME, UTC)
    webhooks.verify(VECTOR_BODY, given, webhooks.keys_in(VECTOR_SECRET), at)
    with pytest.raises(InvalidToken):
        webhooks.verify(VECTOR_BODY + b" ", given, webhooks.keys_in(VECTOR_SECRET), at)


def test_several_keys_and_several_signatures_may_be_live() -> None:
    body = b"{}"
    both = webhooks.keys_in(f"{NEW}\n {OLD}\n")
    webhooks.verify(body, headers(body, OLD), both, NOON)
    webhooks.verify(body, headers(body, NEW), both, NOON)
    two = headers(body, OLD)
    two["webhook-signature"] = "v1a,other v1,bm90IHRoaXM= " + two["webhook-signature"]
    webhooks.verify(body, two, both, NOON)
    with pytest.raises(InvalidToken):
        webhooks.verify(body, headers(body, OLD), webhooks.keys_in(NEW), NOON)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_are_tolerated_and_no_second_more(seconds: int) -> None:
    body, keys = b"{}", webhooks.keys_in(NEW)
    given = headers(body, NEW)
    webhooks.verify(body, given, keys, NOON + timedelta(seconds=seconds))
    past = timedelta(seconds=1 if seconds > 0 else -1)
    with pytest.raises(InvalidToken, match="five minutes"):
        webhooks.verify(body, given, keys, NOON + timedelta(seconds=seconds) + past)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_every_header_is_needed(missing: str) -> None:
    given = headers(b"{}", NEW)
    del given[missing]
    with pytest.raises(InvalidToken):
        webhooks.verify(b"{}", given, webhooks.keys_in(NEW), NOON)


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "whsec_!!!", "whsec_c2hvcnQ="])
def test_a_key_that_cannot_be_one_is_named_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="PAYMENTS_WEBHOOK_SECRET") as raised:
        webhooks.keys_in(secret)
    shown = secret.strip().removeprefix("whsec_")
    assert not shown or shown not in str(raised.value)


def test_a_payment_is_read_with_every_digit() -> None:
    found = webhooks.parse(json.dumps(PAYMENT).encode(), NOON)
    assert (found.payment_id, found.client_id) == ("order-1001", "-1003296084379")
    assert (found.received_amount, found.received_currency) == ("0.0121", "eth")
    assert (found.invoice_usd, found.payment_status) == ("24.90", "finished")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"payment_id": None}, "payment_id"),
        ({"payment_id": "a b"}, "payment_id"),
        ({"client_id": ""}, "client_id"),
        ({"received_amount": 0.0121}, "received_amount"),
        ({"received_amount": "much"}, "received_amount"),
        ({"received_currency": ["eth"]}, "received_currency"),
        ({"invoice_usd": 24.9}, "invoice_usd"),
        ({"paid_at": "yesterday"}, "paid_at"),
        ({"paid_at": "2026-03-01T11:59:00"}, "time zone"),
        ({"client_id": "x" * 256}, "client_id"),
    ],
)
def test_what_is_wrong_with_a_body_is_named(change: dict[str, object], named: str) -> None:
    body = json.dumps({**PAYMENT, **change}).encode()
    with pytest.raises(InvalidInput, match=named):
        webhooks.parse(body, NOON)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"payment_id": "1", "payment_id": "2"}'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="body"):
        webhooks.parse(body, NOON)

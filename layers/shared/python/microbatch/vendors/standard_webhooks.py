"""Notifications of senders other than NOWPayments, signed by the Standard Webhooks scheme 1.0.0.

https://github.com/standard-webhooks/standard-webhooks: HMAC-SHA256 over "<id>.<timestamp>.<body>",
base64, under headers webhook-id, webhook-timestamp and webhook-signature; a signature header may
carry several signatures, and several keys may be live at once, so that a key can be changed.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from microbatch.codec import BYTES_MAX, STR_MAX_BYTES
from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken
from microbatch.vendors.notification import Notification
from microbatch.vendors.wire import Number, cut, decimal_text, read_json

SOURCE = "payments"
TOLERANCE = timedelta(minutes=5)
KEY_BYTES_MIN = 24
PREFIX = "whsec_"
PAYMENT_ID = re.compile(r"[0-9A-Za-z_.:-]{1,128}")
REQUIRED = (
    "payment_id",
    "client_id",
    "received_amount",
    "received_currency",
    "received_network",
    "paid_at",
)


def keys_in(secret: str) -> list[bytes]:
    """The live keys of a secret: one or more `whsec_<base64>`, separated by white space.

    Raises ConfigurationError when one is malformed, never showing it.
    """
    keys = []
    for text in secret.split():
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) < KEY_BYTES_MIN:
            raise ConfigurationError(
                "PAYMENTS_WEBHOOK_SECRET is not whsec_ and base64 of 24 bytes or more"
            )
        keys.append(key)
    if not keys:
        raise ConfigurationError("PAYMENTS_WEBHOOK_SECRET is empty")
    return keys


def verify(
    raw_body: bytes, headers: Mapping[str, str], keys: Sequence[bytes], now: datetime
) -> None:
    """Raises InvalidToken unless one of the keys signed this body within the last five minutes."""
    identity = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not identity or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        raise InvalidToken("webhook-id or webhook-timestamp is missing or malformed")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        raise InvalidToken("webhook-timestamp is more than five minutes away")
    signed = identity.encode() + b"." + timestamp.encode() + b"." + raw_body
    claimed = [
        part.partition(",")[2]
        for part in headers.get("webhook-signature", "").split()
        if part.startswith("v1,")
    ]
    matches = [
        hmac.compare_digest(_signature(signed, key), signature.encode())
        for key in keys
        for signature in claimed
    ]
    if not any(matches):
        raise InvalidToken("webhook-signature does not match the body")


def _signature(signed: bytes, key: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def parse(raw_body: bytes, now: datetime) -> Notification:
    """The payment in an authentic body; raises InvalidInput naming what is wrong."""
    try:
        fields = read_json(raw_body) if len(raw_body) <= BYTES_MAX else None
    except ValueError as error:
        raise InvalidInput(f"body is not JSON: {cut(str(error), 120)}") from error
    if not isinstance(fields, dict):
        raise InvalidInput(f"body is not a JSON object of at most {BYTES_MAX} bytes")
    texts = {name: _text(fields, name) for name in REQUIRED}
    if not PAYMENT_ID.fullmatch(texts["payment_id"]):
        raise InvalidInput("payment_id must be 1 to 128 of 0-9 A-Z a-z _ . : -")
    return Notification(
        timestamp=int(now.timestamp()),
        source=SOURCE,
        payment_id=texts["payment_id"],
        client_id=texts["client_id"],
        received_amount=_amount(texts["received_amount"], "received_amount"),
        received_currency=texts["received_currency"].lower(),
        received_network=texts["received_network"].lower(),
        invoice_usd=_invoice(fields),
        parent_payment_id=_text(fields, "parent_payment_id", needed=False),
        order_id=_text(fields, "order_id", needed=False),
        payment_status="finished",
        paid_at=_time(texts["paid_at"]),
        problem="",
        body=raw_body,
    )


def _text(fields: dict[str, object], name: str, *, needed: bool = True) -> str:
    value = fields.get(name)
    if value is None and not needed:
        return ""
    if isinstance(value, Number) or not isinstance(value, str):
        raise InvalidInput(f"{name} is missing or not text; amounts are decimal text too")
    text = value.strip()
    if needed and not text:
        raise InvalidInput(f"{name} is empty")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{name} is not valid Unicode text") from error
    if "\0" in text or size_bytes > STR_MAX_BYTES:
        raise InvalidInput(f"{name} is longer than {STR_MAX_BYTES} bytes or contains NUL")
    return text


def _amount(text: str, name: str) -> str:
    try:
        return decimal_text(text)
    except ValueError as error:
        raise InvalidInput(f"{name} is not decimal text") from error


def _invoice(fields: dict[str, object]) -> str:
    text = _text(fields, "invoice_usd", needed=False)
    return _amount(text, "invoice_usd") if text else ""


def _time(text: str) -> str:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("paid_at is not an ISO 8601 time") from error
    if at.tzinfo is None:
        raise InvalidInput("paid_at has no time zone; write …Z or …+00:00")
    return at.isoformat()

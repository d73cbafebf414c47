"""NOWPayments notifications: is one authentic, and what does it say.

The signature is HMAC-SHA512 over the body as JSON with its keys sorted at every level. Bodies
arrive sorted, so the raw bytes are tried first; a body re-ordered on its way is sorted here, each
number kept as it was written: JavaScript writes 0.00005 where Python would write 5e-05.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from microbatch.codec import BYTES_MAX, STR_MAX_BYTES
from microbatch.errors import ConfigurationError, InvalidInput, InvalidToken
from microbatch.vendors.notification import Notification
from microbatch.vendors.wire import NUMBER, Number, cut, decimal_text, read_json

SIGNATURE = re.compile(r"[0-9a-f]{128}")
PAYMENT_ID = re.compile(r"[0-9A-Za-z_-]+")
SOURCE = "nowpayments"

Fields = dict[str, object]


def verify(raw_body: bytes, signature: str, secrets: Sequence[str]) -> None:
    """Raises InvalidToken unless one of the secrets signed this body."""
    if not secrets or not all(secrets):
        raise ConfigurationError("NOWPAYMENTS_IPN_SECRET is empty")
    claimed = signature.strip().lower()
    if not SIGNATURE.fullmatch(claimed):
        raise InvalidToken("x-nowpayments-sig is not 128 hex digits")
    bodies = [raw_body, sorted_body(raw_body)]
    matches = [
        hmac.compare_digest(claimed, hmac.new(secret.encode(), body, hashlib.sha512).hexdigest())
        for secret in secrets
        for body in bodies
        if body is not None
    ]
    if not any(matches):
        raise InvalidToken("x-nowpayments-sig does not match the body")


def sorted_body(raw_body: bytes) -> bytes | None:
    """The body as compact JSON, its keys sorted at every level; None when it is not JSON."""
    try:
        return _written(read_json(raw_body)).encode()
    except ValueError:
        return None


def _written(value: object) -> str:
    """The value as JSON.stringify writes it, except that a number stays as it came."""
    if isinstance(value, Number):
        return value
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{_written(name)}:{_written(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def parse(raw_body: bytes, now: datetime) -> Notification:
    """The notification in an authentic body. Raises InvalidInput naming what is wrong.

    What must not be credited blindly, but can be kept, is not an error: `problem` says it.
    """
    fields = _fields(raw_body)
    payment_id = _text(fields, "payment_id")
    if not PAYMENT_ID.fullmatch(payment_id):
        raise InvalidInput("payment_id is missing or not an id; send the payment's id")
    status = _text(fields, "payment_status").lower()
    if not status:
        raise InvalidInput("payment_status is missing; send the payment's status")
    order_id = _text(fields, "order_id")
    client_id = order_id.partition("|")[2].strip()
    problems = [] if client_id else ['order_id is not "<prefix>|<client id>"']
    received_amount = _amount(fields, "outcome_amount", problems)
    currency = _text(fields, "outcome_currency").lower()
    return Notification(
        timestamp=int(now.timestamp()),
        source=SOURCE,
        payment_id=payment_id,
        client_id=client_id,
        received_amount=received_amount,
        received_currency=currency,
        received_network="eth" if currency == "eth" else "",
        invoice_usd=_invoice_usd(fields),
        parent_payment_id=_text(fields, "parent_payment_id"),
        order_id=order_id,
        payment_status=status,
        paid_at=_time(_text(fields, "updated_at")),
        problem=cut("; ".join(problems)),
        body=raw_body,
    )


def _fields(raw_body: bytes) -> Fields:
    if len(raw_body) > BYTES_MAX:
        raise InvalidInput(f"body has {len(raw_body)} bytes, at most {BYTES_MAX}")
    try:
        fields = read_json(raw_body)
    except ValueError as error:
        raise InvalidInput(f"body is not JSON: {cut(str(error), 120)}") from error
    if not isinstance(fields, dict):
        raise InvalidInput("body is not a JSON object")
    return fields


def _text(fields: Fields, name: str) -> str:
    """A text or number as text; "" when absent or null."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{name} is neither text nor a number")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{name} is not valid Unicode text") from error
    if size_bytes > STR_MAX_BYTES:
        raise InvalidInput(f"{name} has {size_bytes} bytes, at most {STR_MAX_BYTES}")
    if "\0" in value:
        raise InvalidInput(f"{name} contains NUL")
    return value.strip()


def _amount(fields: Fields, name: str, problems: list[str]) -> str:
    written = _text(fields, name)
    try:
        return decimal_text(written) if written else ""
    except ValueError:
        problems.append(f"{name} is not a plausible number")
        return ""


def _invoice_usd(fields: Fields) -> str:
    """The invoice's label; no money is ever computed from it."""
    if _text(fields, "price_currency").lower() != "usd":
        return ""
    return _amount(fields, "price_amount", [])


def _time(written: str) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC; any other text as it is."""
    if not NUMBER.fullmatch(written) or not written.isdigit():
        return written
    try:
        return datetime.fromtimestamp(int(written) // 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return written

"""A sender of NOWPayments notifications: their field set, their number format, their signature.

The real sender is JavaScript: it writes 0.00005 and 5e-7, and signs the recursively key-sorted,
compact JSON with HMAC-SHA512. Notifications are plain dictionaries with Decimal for amounts.
"""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from decimal import Decimal
from typing import Any

PATIENCE_SECONDS = 3.0  # the real sender waits no longer for an answer
STATUSES = (
    "waiting",
    "confirming",
    "confirmed",
    "sending",
    "partially_paid",
    "finished",
    "failed",
    "refunded",
    "expired",
)
DEFAULT_SECRET = "local-nowpayments-ipn-secret"  # of the local stack only
PAY_ADDRESS = "0x1dF62f291b2E969fB0849d99D9Ce41e2F137006e"
JS_PLAIN_DIGITS_MAX = 21  # Number.prototype.toString writes an exponent past this
JS_PLAIN_ZEROS_MAX = 6  # … and below 1e-6

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # past every proxy


def notification(
    payment_id: int,
    client_id: int,
    outcome_amount: Decimal,
    price_usd: Decimal,
    status: str = "finished",
    *,
    outcome_currency: str = "eth",
    prefix: str = "PGP",
    order_id: str | None = None,
    parent_payment_id: int | None = None,
    service_fee: Decimal = Decimal(0),
    updated_at_ms: int | None = None,
) -> dict[str, Any]:
    """All fields of a payment notification; outcome_amount is what reaches us after their fees."""
    paid = outcome_amount + service_fee
    return {
        "payment_id": payment_id,
        "parent_payment_id": parent_payment_id,
        "invoice_id": payment_id - 1,
        "payment_status": status,
        "pay_address": PAY_ADDRESS,
        "payin_extra_id": None,
        "price_amount": price_usd,
        "price_currency": "usd",
        "pay_amount": paid,
        "actually_paid": paid,
        "actually_paid_at_fiat": 0,
        "pay_currency": outcome_currency,
        "order_id": order_id if order_id is not None else f"{prefix}|{client_id}",
        "order_description": "Membership",
        "purchase_id": str(payment_id + 1),
        "outcome_amount": outcome_amount,
        "outcome_currency": outcome_currency,
        "payment_extra_ids": None,
        "fee": {
            "currency": outcome_currency,
            "depositFee": 0,
            "withdrawalFee": 0,
            "serviceFee": service_fee,
        },
        "updated_at": int(time.time() * 1000) if updated_at_ms is None else updated_at_ms,
    }


def sorted_body(fields: dict[str, Any]) -> bytes:
    """The body as the real sender writes it, and the only text it ever signs."""
    return _stringify(fields, in_order=True).encode()


def unsorted_body(fields: dict[str, Any]) -> bytes:
    """The same notification with keys as given: its raw bytes do not match the signature."""
    return _stringify(fields, in_order=False).encode()


def sign(body: bytes, secret: str) -> str:
    """The value of `x-nowpayments-sig` for a sorted body: HMAC-SHA512, hex."""
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def forged(signature: str) -> str:
    """A well-formed signature that is wrong in its last digit."""
    return signature[:-1] + ("0" if signature[-1] != "0" else "1")


def send(
    url: str, body: bytes, signature: str | None, *, timeout_seconds: float = PATIENCE_SECONDS
) -> tuple[int, str]:
    """POST one notification: (status, text); raises OSError when nobody answers in time."""
    headers = {"Content-Type": "application/json"}
    if signature is not None:
        headers["x-nowpayments-sig"] = signature
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")
    try:
        with _direct.open(request, timeout=timeout_seconds) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode("utf-8", "replace")


def js_number(value: Decimal | int) -> str:
    """A number as JavaScript writes it; raises ValueError if a double cannot carry it."""
    number = Decimal(value)
    if Decimal(repr(float(number))) != number:
        raise ValueError(f"{number} has more digits than a JavaScript number can carry")
    if number == 0:
        return "0"
    sign_text = "-" if number < 0 else ""
    digits = "".join(map(str, number.normalize().as_tuple().digits))
    point = number.adjusted() + 1  # digits before the decimal point
    return sign_text + _place_point(digits, point)


def _place_point(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= JS_PLAIN_DIGITS_MAX:
        return digits + "0" * (point - count)
    if 0 < point <= JS_PLAIN_DIGITS_MAX:
        return f"{digits[:point]}.{digits[point:]}"
    if -JS_PLAIN_ZEROS_MAX < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"


def _stringify(value: Any, *, in_order: bool) -> str:
    if isinstance(value, dict):
        keys = sorted(value) if in_order else value
        members = (f"{json.dumps(key)}:{_stringify(value[key], in_order=in_order)}" for key in keys)
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_stringify(item, in_order=in_order) for item in value) + "]"
    if isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        return js_number(value)
    return json.dumps(value, ensure_ascii=False)

"""Those who tell us of payments: they sign, and send again until they are answered 200."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.fakes import alchemy
from tests.simulation.plan import PaymentPlan
from tests.simulation.secrets_and_events import ALCHEMY_KEY, IPN_SECRET, WEBHOOK_SECRET

FIRST_ID = 4_900_000_000
IMPLAUSIBLE_WEI = 11 * 10**18


def payment_id(payment: PaymentPlan) -> str:
    """The sender's own id of a payment."""
    return str(FIRST_ID + payment.number)


def notification(payment: PaymentPlan, copy: int, now: datetime) -> dict[str, Any]:
    """The HTTP request that tells of a payment for the n-th time (from 0)."""
    payment = _made_odd(payment, copy)
    build = _nowpayments if payment.sender == "nowpayments" else _standard
    return build(payment, copy, now)


def _made_odd(payment: PaymentPlan, copy: int) -> PaymentPlan:
    if payment.oddity == "unknown_client":
        return replace(payment, client_id="9999")
    if payment.oddity == "implausible":
        return replace(payment, wei=IMPLAUSIBLE_WEI)
    if payment.oddity == "conflict" and copy:
        return replace(payment, wei=payment.wei + 1)
    return payment


def amount_text(wei: int) -> str:
    """ETH as decimal text."""
    return f"{Decimal(wei).scaleb(-18):f}"


def _nowpayments(payment: PaymentPlan, copy: int, now: datetime) -> dict[str, Any]:
    odd = payment.oddity
    body = {
        "payment_id": int(payment_id(payment)),
        "parent_payment_id": 4_800_000_000 if odd == "redeposit" else None,
        "payment_status": "confirming" if odd == "unfinished" else "finished",
        "price_amount": 0,
        "price_currency": "eur",
        "order_id": "no client" if odd == "unreadable" else f"PGP-{copy}|{payment.client_id}",
        "outcome_amount": None if odd == "amount_unknown" else amount_text(payment.wei),
        "outcome_currency": "btc" if odd == "wrong_asset" else "eth",
        "updated_at": int(now.timestamp() * 1000) + copy,
    }
    body["order_id"] = body["order_id"].replace(f"PGP-{copy}", "PGP-1")
    text = json.dumps(body, separators=(",", ":"), sort_keys=True)
    signature = hmac.new(IPN_SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()
    return _http("POST /webhooks/nowpayments", text, {"x-nowpayments-sig": signature})


def _standard(payment: PaymentPlan, copy: int, now: datetime) -> dict[str, Any]:
    odd = payment.oddity
    body = {
        "payment_id": payment_id(payment),
        "client_id": payment.client_id,
        "received_amount": "" if odd == "amount_unknown" else amount_text(payment.wei),
        "received_currency": "btc" if odd == "wrong_asset" else "eth",
        "received_network": "eth",
        "paid_at": now.isoformat(),
    }
    if odd == "redeposit":
        body["parent_payment_id"] = "4800000000"
    if odd == "unreadable":
        del body["client_id"]
    text, identity, timestamp = json.dumps(body), f"msg_{copy}", str(int(now.timestamp()))
    key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    signed = f"{identity}.{timestamp}.{text}".encode()
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    headers = {
        "webhook-id": identity,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }
    return _http("POST /webhooks/payments", text, headers)


def chain_notice(tx_hash: str, sender: str, to: str) -> dict[str, Any]:
    """The HTTP request by which Alchemy tells of a transaction of ours."""
    body = alchemy.notification(alchemy.external(tx_hash, sender, to))
    signature = hmac.digest(ALCHEMY_KEY.encode(), body, hashlib.sha256).hex()
    return _http("POST /webhooks/alchemy", body.decode(), {"x-alchemy-signature": signature})


def _http(route: str, body: str, headers: dict[str, str]) -> dict[str, Any]:
    return {"routeKey": route, "headers": headers, "body": body, "isBase64Encoded": False}

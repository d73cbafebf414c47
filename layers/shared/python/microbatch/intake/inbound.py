"""From a notification's raw body to the `payments` queue: verify first, then read."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from microbatch.codec import BYTES_MAX
from microbatch.errors import InvalidInput, InvalidToken
from microbatch.messages import Outgoing, PaymentReceived
from microbatch.platform.observability import count, logger
from microbatch.vendors import nowpayments, standard_webhooks
from microbatch.vendors.notification import Notification
from microbatch.webhook import Answer, Receiver, refused

COUNTED_STATUS = "finished"  # every other status is a step on the way, or an end without money

# Ignored too, but money has come or gone: a person may want to look at the sender's dashboard.
TELLING_STATUSES = frozenset({"partially_paid", "refunded"})


def receive_nowpayments(
    raw_body: bytes, headers: Mapping[str, str], secret: str, now: datetime
) -> Answer:
    """Take one NOWPayments notification."""
    signature = headers.get("x-nowpayments-sig", "")
    return _receive(
        raw_body,
        now,
        nowpayments.SOURCE,
        lambda: nowpayments.verify(raw_body, signature, secret.split()),
        lambda: nowpayments.parse(raw_body, now),
    )


def receive_payment(
    raw_body: bytes, headers: Mapping[str, str], secret: str, now: datetime
) -> Answer:
    """Take one notification of any other sender, signed by the Standard Webhooks scheme."""
    keys = standard_webhooks.keys_in(secret)
    return _receive(
        raw_body,
        now,
        standard_webhooks.SOURCE,
        lambda: standard_webhooks.verify(raw_body, headers, keys, now),
        lambda: standard_webhooks.parse(raw_body, now),
    )


ROUTES: dict[str, tuple[str, Receiver]] = {  # route: (secret, receiver)
    "POST /webhooks/nowpayments": ("NOWPAYMENTS_IPN_SECRET", receive_nowpayments),
    "POST /webhooks/payments": ("PAYMENTS_WEBHOOK_SECRET", receive_payment),
}


def _receive(
    raw_body: bytes,
    now: datetime,
    source: str,
    verify: Callable[[], None],
    parse: Callable[[], Notification],
) -> Answer:
    """Verify, then read.

    A bad signature leaves nothing behind. An authentic body that cannot be read is queued all the
    same, with what is wrong: money may stand behind it, so it is held for a person.
    """
    if len(raw_body) > BYTES_MAX:
        return Answer(413, {"error": f"body has {len(raw_body)} bytes, at most {BYTES_MAX}"})
    try:
        verify()
    except InvalidToken as error:
        return refused(source, error)
    try:
        notification = parse()
    except InvalidInput as error:
        count("webhook_malformed")
        logger.warning("webhook_malformed", source=source, reason=str(error))
        return Answer(400, {"error": str(error)}, [_unreadable(raw_body, source, str(error), now)])
    if notification.payment_status in TELLING_STATUSES:
        count("webhook_ignored_with_money")
        logger.warning(
            "webhook_ignored_with_money",
            payment_id=notification.payment_id,
            payment_status=notification.payment_status,
        )
    if notification.payment_status != COUNTED_STATUS:
        return Answer(200, {"status": "ignored", "payment_status": notification.payment_status})
    message = PaymentReceived(**asdict(notification))
    return Answer(200, {"status": "accepted"}, [Outgoing("payments", message)])


def _unreadable(raw_body: bytes, source: str, problem: str, now: datetime) -> Outgoing:
    """The body under an id of its own: sent again, it is the same held row."""
    digest = hashlib.sha256(raw_body).hexdigest()
    message = PaymentReceived(
        timestamp=int(now.timestamp()),
        source=source,
        payment_id=f"unreadable-{digest[:32]}",
        client_id="",
        received_amount="",
        received_currency="",
        received_network="",
        problem=problem[:200],
        body=raw_body,
    )
    return Outgoing("payments", message)

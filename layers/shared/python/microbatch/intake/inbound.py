"""From a notification's raw body to the `payments` queue: verify first, then read."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from microbatch.codec import BYTES_MAX
from microbatch.errors import InvalidInput, InvalidToken
from microbatch.messages import Outgoing, PaymentReceived
from microbatch.platform.observability import count, logger
from microbatch.vendors import nowpayments

COUNTED_STATUS = "finished"  # every other status is a step on the way, or an end without money


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told, and what is queued before it is told so."""

    status_code: int
    fields: dict[str, str]
    outgoing: list[Outgoing] = field(default_factory=list)


def receive_nowpayments(
    raw_body: bytes, signature: str, secrets: Sequence[str], now: datetime
) -> Answer:
    """Take one NOWPayments notification.

    A bad signature leaves nothing behind. An authentic body that cannot be read is queued all the
    same, with what is wrong: money may stand behind it, so it is held for a person.
    """
    if len(raw_body) > BYTES_MAX:
        return Answer(413, {"error": f"body has {len(raw_body)} bytes, at most {BYTES_MAX}"})
    try:
        nowpayments.verify(raw_body, signature, secrets)
    except InvalidToken as error:
        count("webhook_unauthorized")
        logger.warning("webhook_unauthorized", reason=str(error))
        return Answer(401, {"error": str(error)})
    try:
        notification = nowpayments.parse(raw_body, now)
    except InvalidInput as error:
        count("webhook_malformed")
        logger.warning("webhook_malformed", reason=str(error))
        return Answer(400, {"error": str(error)}, [_unreadable(raw_body, str(error), now)])
    if notification.payment_status != COUNTED_STATUS:
        return Answer(200, {"status": "ignored", "payment_status": notification.payment_status})
    message = PaymentReceived(**asdict(notification))
    return Answer(200, {"status": "accepted"}, [Outgoing("payments", message)])


def _unreadable(raw_body: bytes, problem: str, now: datetime) -> Outgoing:
    """The body under an id of its own: sent again, it is the same held row."""
    digest = hashlib.sha256(raw_body).hexdigest()
    message = PaymentReceived(
        timestamp=int(now.timestamp()),
        source=nowpayments.SOURCE,
        payment_id=f"unreadable-{digest[:32]}",
        client_id="",
        received_amount="",
        received_currency="",
        received_network="",
        problem=problem[:200],
        body=raw_body,
    )
    return Outgoing("payments", message)

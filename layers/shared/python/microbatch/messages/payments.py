"""What comes in: under INGRESS_SIGNING_KEY."""

from dataclasses import dataclass
from typing import ClassVar

from microbatch.codec import OwnMessage
from microbatch.messages.fields import Octets, Seconds, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReceived(OwnMessage):
    """A verified notification, normalised. Until it is stored, this message is the payment."""

    TYPE: ClassVar[int] = 1
    EXPIRES: ClassVar[bool] = False

    timestamp: Seconds
    source: Text  # "nowpayments" or "payments"
    payment_id: Text
    client_id: Text
    received_amount: Text  # decimal text as the sender wrote it; "" when unknown
    received_currency: Text
    received_network: Text
    invoice_usd: Text = ""
    parent_payment_id: Text = ""
    order_id: Text = ""
    payment_status: Text = ""
    paid_at: Text = ""
    problem: Text = ""  # why the body could not be read; such a payment is held, never credited
    body: Octets = b""  # the raw notification, the evidence

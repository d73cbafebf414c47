"""A payment notification, whoever sent it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification, normalised; its fields are those of messages.PaymentReceived."""

    timestamp: int
    source: str
    payment_id: str
    client_id: str
    received_amount: str  # decimal text, every digit kept; "" when unknown
    received_currency: str
    received_network: str
    invoice_usd: str
    parent_payment_id: str
    order_id: str
    payment_status: str
    paid_at: str
    problem: str
    body: bytes

"""The table of messages: every field that travels between two functions, and its bytes.

A token is base64url(payload ‖ HMAC-SHA256(key, payload)[0:16]) without padding. The first seven
layouts are those of the ported system, byte for byte; our own begin with two bytes, version and
type, and carry amounts as decimal text. `microbatch.codec` has the byte codes.
"""

from microbatch.codec import Message, OwnMessage, sign, verify
from microbatch.messages.chain import (
    BroadcastObserved,
    BroadcastRequested,
    ChainObservationRequested,
    ChainObserved,
    NonceFound,
    NonceSearchRequested,
    PreflightObserved,
    PreflightRequested,
    ReceiptObserved,
    ReceiptRequested,
    RefundRequested,
    TransactionSighted,
    TransferLogsRequested,
)
from microbatch.messages.events import EventOccurred
from microbatch.messages.payments import (
    PaymentReceived,
)
from microbatch.messages.ported import (
    BatchOrder,
    BatchResult,
    HostPayOrder,
    PaymentExecutionRequest,
    PaymentExecutionResponse,
    StatusCheckRequest,
    StatusCheckResponse,
)
from microbatch.messages.queues import (
    QUEUES,
    Announcement,
    Carrier,
    Outgoing,
    body,
    read,
    read_at_any_age,
)
from microbatch.messages.subject import subject
from microbatch.messages.swaps import (
    AddressChecked,
    AddressCheckRequested,
    ExchangeCreated,
    ExchangeRefused,
    ExchangeRequested,
    ExchangeStatusObserved,
    ExchangeStatusRequested,
    HostPaymentEnded,
    QuoteObserved,
    QuoteRequested,
    RangeObserved,
    RangeRequested,
    RefundFound,
    TransferLogsFound,
)

__all__ = [
    "QUEUES",
    "AddressCheckRequested",
    "AddressChecked",
    "Announcement",
    "BatchOrder",
    "BatchResult",
    "BroadcastObserved",
    "BroadcastRequested",
    "Carrier",
    "ChainObservationRequested",
    "ChainObserved",
    "EventOccurred",
    "ExchangeCreated",
    "ExchangeRefused",
    "ExchangeRequested",
    "ExchangeStatusObserved",
    "ExchangeStatusRequested",
    "HostPayOrder",
    "HostPaymentEnded",
    "Message",
    "NonceFound",
    "NonceSearchRequested",
    "Outgoing",
    "OwnMessage",
    "PaymentExecutionRequest",
    "PaymentExecutionResponse",
    "PaymentReceived",
    "PreflightObserved",
    "PreflightRequested",
    "QuoteObserved",
    "QuoteRequested",
    "RangeObserved",
    "RangeRequested",
    "ReceiptObserved",
    "ReceiptRequested",
    "RefundFound",
    "RefundRequested",
    "StatusCheckRequest",
    "StatusCheckResponse",
    "TransactionSighted",
    "TransferLogsFound",
    "TransferLogsRequested",
    "body",
    "read",
    "read_at_any_age",
    "sign",
    "subject",
    "verify",
]

"""Which queue carries what, under which key; and how a body is written and read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from microbatch.codec import Message, OwnMessage, authentic_payload, check_age, decode, sign
from microbatch.errors import InvalidToken
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


@dataclass(frozen=True, slots=True)
class Carrier:
    """A queue's key family and the only message classes it may carry."""

    key: str
    carries: tuple[type[Message], ...]


QUEUES: dict[str, Carrier] = {
    "payments": Carrier("INGRESS_SIGNING_KEY", (PaymentReceived,)),
    "swap-quote": Carrier(
        "SWAP_SIGNING_KEY", (RangeRequested, QuoteRequested, AddressCheckRequested)
    ),
    "swap-create": Carrier("SWAP_SIGNING_KEY", (ExchangeRequested,)),
    "swap-monitor": Carrier("SWAP_SIGNING_KEY", (ExchangeStatusRequested,)),
    "swap-results": Carrier(
        "SWAP_SIGNING_KEY",
        (
            RangeObserved,
            ExchangeCreated,
            ExchangeRefused,
            ExchangeStatusObserved,
            HostPaymentEnded,
            TransferLogsFound,
            RefundFound,
            QuoteObserved,
            AddressChecked,
        ),
    ),
    "hostpay-trigger": Carrier("TPS_HOSTPAY_SIGNING_KEY", (HostPayOrder,)),
    "hostpay-batch": Carrier("SUCCESS_URL_SIGNING_KEY", (BatchOrder,)),
    "hostpay-status-check": Carrier("HOSTPAY_INTERNAL_SIGNING_KEY", (StatusCheckRequest,)),
    "hostpay-status-response": Carrier("HOSTPAY_INTERNAL_SIGNING_KEY", (StatusCheckResponse,)),
    "hostpay-payment-execute": Carrier("HOSTPAY_INTERNAL_SIGNING_KEY", (PaymentExecutionRequest,)),
    "hostpay-payment-response": Carrier(
        "HOSTPAY_INTERNAL_SIGNING_KEY", (PaymentExecutionResponse,)
    ),
    "microbatch-response": Carrier("SUCCESS_URL_SIGNING_KEY", (BatchResult,)),
    "events": Carrier("EVENT_SIGNING_KEY", (EventOccurred,)),
    "chain-requests": Carrier(
        "CHAIN_SIGNING_KEY",
        (
            PreflightRequested,
            BroadcastRequested,
            ReceiptRequested,
            ChainObservationRequested,
            TransferLogsRequested,
            RefundRequested,
            TransactionSighted,
            NonceSearchRequested,
        ),
    ),
    "chain-results": Carrier(
        "CHAIN_SIGNING_KEY",
        (PreflightObserved, BroadcastObserved, ReceiptObserved, ChainObserved, NonceFound),
    ),
}


@dataclass(frozen=True, slots=True)
class Announcement:
    """The state of a row that an event tells of; noted on the row once the event is sent."""

    entity: str
    row_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send after the commit, on a queue that carries its class."""

    queue: str
    message: Message
    delay_seconds: int = 0
    announces: Announcement | None = None

    def __post_init__(self) -> None:
        if type(self.message) not in QUEUES[self.queue].carries:
            raise ValueError(f"{self.queue} does not carry {type(self.message).__name__}")


def body(message: Message, key: bytes) -> str:
    """The SQS body of a message, a JSON object: in base64url there is nothing to be escaped."""
    return f'{{"token": "{sign(message, key)}"}}'


def read(queue: str, text: str, keys: Sequence[bytes], now: datetime) -> Message:
    """The message in an SQS body, which must be of a class that `queue` carries.

    `keys` newest first. Raises InvalidToken or ExpiredToken.
    """
    message = read_at_any_age(queue, text, keys)
    check_age(message, now)
    return message


def read_at_any_age(queue: str, text: str, keys: Sequence[bytes]) -> Message:
    """The same for whoever acts on the row and not on the message. Raises InvalidToken."""
    try:
        token = json.loads(text)["token"]
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidToken('body is not {"token": "…"}') from error
    if not isinstance(token, str):
        raise InvalidToken("token is not text")
    payload = authentic_payload(token, keys)
    return decode(_carried_class(queue, payload), payload)


def _carried_class(queue: str, payload: bytes) -> type[Message]:
    carried = QUEUES[queue].carries
    if not issubclass(carried[0], OwnMessage):
        return carried[0]
    for kind in carried:
        if issubclass(kind, OwnMessage) and payload[1:2] == bytes([kind.TYPE]):
            return kind
    raise InvalidToken(f"{queue} does not carry this type of message")

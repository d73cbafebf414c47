"""What the outside world may know: under EVENT_SIGNING_KEY, on its way to the event bus."""

from dataclasses import dataclass
from typing import ClassVar

from microbatch.codec import OwnMessage
from microbatch.messages.fields import Octets, Seconds, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class EventOccurred(OwnMessage):
    """A business event, complete: event_publisher adds nothing to it.

    `event_id` is derived from what happened, so that the same event told twice has the same id.
    """

    TYPE: ClassVar[int] = 50
    EXPIRES: ClassVar[bool] = False  # told late is better than never; the id makes repeats harmless

    timestamp: Seconds  # of this telling
    event_id: Text
    name: Text  # "payment.accumulated", …; docs/events.md has every one with its schema
    version: Text
    occurred_at: Text  # ISO 8601, UTC
    detail: Octets  # JSON object

"""Tell the outside world: put business events on the bus."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from microbatch import messages
from microbatch.errors import RetryLater
from microbatch.messages import EventOccurred, Outgoing
from microbatch.platform.observability import logger


class Bus(Protocol):
    """Where events go (platform.bus.EventBus)."""

    def put(self, events: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
        """Put events there; why each was refused, or "". Raises RetryLater."""
        ...


def publish(message: EventOccurred, bus: Bus, now: datetime) -> list[Outgoing]:
    """Put one event on the bus. Raises RetryLater when it was not taken."""
    del now
    (refused,) = bus.put([_in_envelope(message)])
    if refused:
        raise RetryLater(f"event bus refused an event: {refused}")
    return []


def publish_many(
    events: Mapping[str, EventOccurred], bus: Bus, now: datetime
) -> tuple[set[str], list[Outgoing]]:
    """(names of the messages whose events the bus took, nothing to send), with one call."""
    del now
    refusals = bus.put([_in_envelope(message) for message in events.values()])
    taken = {
        name: message
        for (name, message), refused in zip(events.items(), refusals, strict=True)
        if not refused
    }
    logger.info(
        "events_published",
        events=[messages.subject(message) for message in taken.values()],
        left_count=len(events) - len(taken),
    )
    return set(taken), []


def _in_envelope(message: EventOccurred) -> tuple[str, dict[str, Any]]:
    """The event's name, and it with its id, version and time around the data."""
    return message.name, {
        "id": message.event_id,
        "type": message.name,
        "version": message.version,
        "occurred_at": message.occurred_at,
        "data": json.loads(message.detail),
    }

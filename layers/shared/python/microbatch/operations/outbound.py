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


def publish_many(events: Mapping[str, EventOccurred], bus: Bus, now: datetime) -> dict[str, str]:
    """Put events on the bus with one call; by name, why it refused which. Raises RetryLater."""
    del now
    said = bus.put([_in_envelope(message) for message in events.values()])
    refused = {name: why for name, why in zip(events, said, strict=True) if why}
    logger.info(
        "events_published",
        events=[messages.subject(events[name]) for name in events if name not in refused],
        left_count=len(refused),
    )
    return refused


def _in_envelope(message: EventOccurred) -> tuple[str, dict[str, Any]]:
    """The event's name, and it with its id, version and time around the data."""
    return message.name, {
        "id": message.event_id,
        "type": message.name,
        "version": message.version,
        "occurred_at": message.occurred_at,
        "data": json.loads(message.detail),
    }

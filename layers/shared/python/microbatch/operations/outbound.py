"""Tell the outside world: put one business event on the bus."""

import json
from datetime import datetime
from typing import Any, Protocol

from microbatch.messages import EventOccurred, Outgoing


class Bus(Protocol):
    """Where events go (platform.bus.EventBus)."""

    def put(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put one event there, or raise RetryLater."""
        ...


def publish(message: EventOccurred, bus: Bus, now: datetime) -> list[Outgoing]:
    """Put one event on the bus, in its envelope: id, name, version and times around the data."""
    del now
    bus.put(
        message.name,
        {
            "id": message.event_id,
            "type": message.name,
            "version": message.version,
            "occurred_at": message.occurred_at,
            "data": json.loads(message.detail),
        },
    )
    return []

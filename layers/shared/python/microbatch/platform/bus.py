"""Putting events on an EventBridge bus."""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import InvalidInput, RetryLater
from microbatch.platform.queues import error_code

SOURCE = "microbatch"
ENTRIES_MAX = 10  # that EventBridge takes at once
JUDGED = frozenset({"ValidationException", "RequestEntityTooLarge"})  # errors about what was said

Event: TypeAlias = tuple[str, dict[str, Any]]  # detail type, detail


class EventBus:
    """One bus, by name."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, events: Sequence[Event]) -> list[str]:
        """Put up to ENTRIES_MAX events on the bus; why it refused each, "" if it did not.

        Raises RetryLater when there is no answer to tell, InvalidInput when the call as a whole
        cannot be right (its entries are too large together, or one by itself).
        """
        entries = [
            {
                "EventBusName": self._name,
                "Source": SOURCE,
                "DetailType": detail_type,
                "Detail": json.dumps(detail),
            }
            for detail_type, detail in events
        ]
        try:
            answer = self._client.put_events(Entries=entries)
        except (BotoCoreError, ClientError) as error:
            code = error_code(error)
            if code in JUDGED:
                raise InvalidInput(f"event bus: {code}") from error
            raise RetryLater(f"event bus: {code}") from error
        said = answer.get("Entries") or []
        if len(said) != len(entries):
            raise RetryLater(f"event bus answered for {len(said)} of {len(entries)} events")
        # in the order in which they were given
        return [
            "" if each.get("EventId") else str(each.get("ErrorCode", "unknown")) for each in said
        ]

"""Putting events on an EventBridge bus."""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import RetryLater
from microbatch.platform.queues import error_code

SOURCE = "microbatch"


class EventBus:
    """One bus, by name."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Put one event on the bus. Raises RetryLater when it was not taken."""
        entry = {
            "EventBusName": self._name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
        }
        try:
            answer = self._client.put_events(Entries=[entry])
        except (BotoCoreError, ClientError) as error:
            raise RetryLater(f"event bus: {error_code(error)}") from error
        if answer.get("FailedEntryCount"):
            code = answer["Entries"][0].get("ErrorCode", "unknown")
            raise RetryLater(f"event bus refused an event: {code}")

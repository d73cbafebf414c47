"""What a function is invoked with: its own event, or refused by what is wrong with it.

AWS hands over nothing else. A person's call does, and a trigger that was put at the wrong function:
the whole event is refused before any of it is touched.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from microbatch.errors import InvalidInput
from microbatch.wiring.environment import queue_urls, setting

OF_SQS = "this function takes events of SQS; messages in a queue come to it by themselves"
TEXTS = ("messageId", "receiptHandle", "body", "eventSourceARN")
NUMBERS = ("ApproximateReceiveCount", "SentTimestamp")


def queue_named(arn: str) -> str:
    """The plain name of a queue."""
    return arn.rsplit(":", 1)[-1].removeprefix(setting("RESOURCE_PREFIX"))


def records_in(event: Any) -> list[dict[str, Any]]:
    """The records of an event of queues that the function knows, one at least.

    Raises InvalidInput that names what is missing or wrong, and nothing of what is in it.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list) or not records:
        raise InvalidInput(f"Records is missing in the event, or no list of records: {OF_SQS}")
    queues = queue_urls()
    for number, record in enumerate(records):
        wrong = _wrong_in(record, queues)
        if wrong:
            raise InvalidInput(f"Records[{number}]{wrong}: {OF_SQS}")
    return records


def _wrong_in(record: Any, queues: Collection[str]) -> str:
    """What is wrong with a record; "" when nothing is."""
    if not isinstance(record, Mapping):
        return " is no object"
    for name in TEXTS:
        if not isinstance(record.get(name), str):
            return f".{name} is missing, or no text"
    attributes = record.get("attributes")
    for name in NUMBERS:
        value = attributes.get(name) if isinstance(attributes, Mapping) else None
        if not (isinstance(value, str) and value.isascii() and value.isdigit()):
            return f".attributes.{name} is missing, or no whole number as text"
    if queue_named(record["eventSourceARN"]) not in queues:
        return ".eventSourceARN is of no queue that this function knows"
    return ""


def request_in(event: Any, routes: Collection[str]) -> Mapping[str, Any]:
    """An event of the HTTP API for one of the function's routes.

    Raises InvalidInput that names what is missing or wrong, and nothing of what is in it.
    """
    route = event.get("routeKey") if isinstance(event, Mapping) else None
    if not isinstance(route, str) or route not in routes:
        raise InvalidInput(f"routeKey in the event is not one of {', '.join(sorted(routes))}")
    request: Mapping[str, Any] = event
    kinds: dict[str, Callable[[Any], bool]] = {
        "body": lambda value: isinstance(value, str),
        "headers": lambda value: isinstance(value, Mapping),
    }
    for name, fits in kinds.items():  # either may be left out
        if request.get(name) is not None and not fits(request[name]):
            raise InvalidInput(f"{name} in the event is not what the HTTP API hands over")
    return request

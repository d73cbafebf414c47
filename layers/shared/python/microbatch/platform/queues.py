"""Sending messages to SQS queues by their plain names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import ConfigurationError, RetryLater

BATCH_ENTRIES_MAX = 10
BATCH_BYTES_MAX = 1024 * 1024  # of bodies and attributes; also the limit of a single message
DELAY_SECONDS_MAX = 900

_COUNTS = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message to send. Raises ValueError when SQS could never take it."""

    queue: str
    body: str
    delay_seconds: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 <= self.delay_seconds <= DELAY_SECONDS_MAX:
            raise ValueError(f"delay is {self.delay_seconds} s, SQS takes 0 to {DELAY_SECONDS_MAX}")
        if self.size_bytes > BATCH_BYTES_MAX:
            raise ValueError(f"message has {self.size_bytes} bytes, at most {BATCH_BYTES_MAX}")

    @property
    def size_bytes(self) -> int:
        """What SQS counts: the body and every attribute's name, type and value."""
        attributes = (f"{name}String{value}" for name, value in self.attributes.items())
        return sum(len(text.encode()) for text in (self.body, *attributes))


class Queues:
    """The queues a function may reach; `urls` by plain queue name.

    `trace_header`: X-Ray's, of whatever is being done; it travels with every message.
    """

    def __init__(
        self, client: Any, urls: Mapping[str, str], trace_header: Callable[[], str] = str
    ) -> None:
        self._client = client
        self._urls = urls
        self._trace_header = trace_header

    def send(self, entries: Sequence[Entry]) -> None:
        """Sends all of them, batched by queue.

        Raises RetryLater, after every one was tried, when some were not taken; sending all of
        them again is then right, for a repeated message changes nothing.
        """
        batches = list(_batches(entries))
        urls = [self._url(batch[0].queue) for batch in batches]  # all known before anything leaves
        refused: list[str] = []
        for url, batch in zip(urls, batches, strict=True):
            refused += (f"{batch[0].queue} ({code})" for code in self._send_batch(url, batch))
        if refused:
            names = ", ".join(sorted(set(refused)))
            raise RetryLater(f"{len(refused)} of {len(entries)} messages were not sent: {names}")

    def depth(self, queue: str) -> dict[str, int]:
        """Approximate numbers of messages: visible, in_flight, delayed. Raises RetryLater."""
        try:
            attributes = self._client.get_queue_attributes(
                QueueUrl=self._url(queue), AttributeNames=list(_COUNTS.values())
            )["Attributes"]
        except (BotoCoreError, ClientError) as error:
            raise RetryLater(f"depth of {queue}: {error_code(error)}") from error
        return {name: int(attributes.get(attribute, 0)) for name, attribute in _COUNTS.items()}

    def _url(self, queue: str) -> str:
        try:
            return self._urls[queue]
        except KeyError:
            raise ConfigurationError(f"no URL is set for queue {queue}") from None

    def _send_batch(self, url: str, batch: Sequence[Entry]) -> list[str]:
        """The error code of each entry that was not taken."""
        traced = _traced(self._trace_header())
        try:
            answer = self._client.send_message_batch(
                QueueUrl=url,
                Entries=[
                    _as_sqs(str(number), entry) | traced for number, entry in enumerate(batch)
                ],
            )
        except (BotoCoreError, ClientError) as error:
            return [error_code(error)] * len(batch)
        return [failed.get("Code", "unknown") for failed in answer.get("Failed", [])]


def error_code(error: BotoCoreError | ClientError) -> str:
    """AWS's code of an error, or the kind of connection problem; never a value."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return type(error).__name__


def _batches(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    by_queue: dict[str, list[Entry]] = {}
    for entry in entries:
        by_queue.setdefault(entry.queue, []).append(entry)
    for of_queue in by_queue.values():
        batch: list[Entry] = []
        size_bytes = 0
        for entry in of_queue:
            entry_bytes = entry.size_bytes
            full = len(batch) == BATCH_ENTRIES_MAX
            if batch and (full or size_bytes + entry_bytes > BATCH_BYTES_MAX):
                yield batch
                batch, size_bytes = [], 0
            batch.append(entry)
            size_bytes += entry_bytes
        yield batch


def _as_sqs(number: str, entry: Entry) -> dict[str, Any]:
    return {
        "Id": number,
        "MessageBody": entry.body,
        "DelaySeconds": entry.delay_seconds,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in entry.attributes.items()
        },
    }


def _traced(header: str) -> dict[str, Any]:
    # Not among the attributes that SQS counts into a message's size.
    if not header:
        return {}
    attribute = {"DataType": "String", "StringValue": header}
    return {"MessageSystemAttributes": {"AWSTraceHeader": attribute}}

"""What nobody could handle: dead letters looked at, put back, moved and thrown away."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.queues import error_code
from microbatch.platform.retry import FIRST_SENT_AT, REASON

RECEIVED_AT_ONCE = 10
WAIT_SECONDS = 1  # asked without waiting, SQS looks at some of its servers only


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One dead letter, hidden from others for a while."""

    queue: str  # that it was sent to, by its plain name
    message_id: str
    receipt_handle: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    sent_ms: int  # Unix time

    @property
    def reason(self) -> str:
        """What its consumer said when it gave up; "" when SQS moved it by itself."""
        return str(self.attributes.get(REASON, {}).get("StringValue", ""))

    @property
    def first_sent_ms(self) -> int:
        """When the message was first sent, whatever copies there were since."""
        carried = str(self.attributes.get(FIRST_SENT_AT, {}).get("StringValue", ""))
        is_number = carried.isascii() and carried.isdigit()
        return min(self.sent_ms, int(carried)) if is_number else self.sent_ms


class DeadLetters:
    """The dead-letter queues of some queues; all URLs by the plain name of the queue."""

    def __init__(self, client: Any, urls: Mapping[str, str], dead_urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls
        self._dead_urls = dead_urls

    def receive(self, queue: str, hidden_seconds: int) -> list[Letter]:
        """At most ten, hidden from everybody else for so long. Raises RetryLater."""
        try:
            answer = self._client.receive_message(
                QueueUrl=_url(self._dead_urls, queue),
                MaxNumberOfMessages=RECEIVED_AT_ONCE,
                VisibilityTimeout=hidden_seconds,
                WaitTimeSeconds=WAIT_SECONDS,
                AttributeNames=["SentTimestamp"],
                MessageAttributeNames=["All"],
            )
        except (BotoCoreError, ClientError) as error:
            raise RetryLater(f"dead letters of {queue}: {error_code(error)}") from error
        return [_letter(queue, message) for message in answer.get("Messages", [])]

    def move(self, letter: Letter) -> None:
        """Send it to its queue again as it is, but for why and since when it was in vain: it is
        tried for as long as a new one. Raises RetryLater.
        """
        attributes = {
            name: {key: value for key, value in attribute.items() if not key.endswith("ListValues")}
            for name, attribute in letter.attributes.items()
            if name not in (FIRST_SENT_AT, REASON)
        }
        self._call(
            letter,
            "send_message",
            QueueUrl=_url(self._urls, letter.queue),
            MessageBody=letter.body,
            MessageAttributes=attributes,
        )

    def delete(self, letter: Letter) -> None:
        """Throw it away. Raises RetryLater."""
        self._call(letter, "delete_message", **self._address(letter))

    def give_back(self, letter: Letter) -> None:
        """Let others see it again at once. Raises RetryLater."""
        self._call(
            letter, "change_message_visibility", **self._address(letter), VisibilityTimeout=0
        )

    def _address(self, letter: Letter) -> dict[str, str]:
        url = _url(self._dead_urls, letter.queue)
        return {"QueueUrl": url, "ReceiptHandle": letter.receipt_handle}

    def _call(self, letter: Letter, call: str, **request: Any) -> None:
        try:
            getattr(self._client, call)(**request)
        except (BotoCoreError, ClientError) as error:
            raise RetryLater(f"dead letters of {letter.queue}: {error_code(error)}") from error


def _url(urls: Mapping[str, str], queue: str) -> str:
    try:
        return urls[queue]
    except KeyError:
        raise ConfigurationError(f"no URL is set for queue {queue}") from None


def _letter(queue: str, message: Mapping[str, Any]) -> Letter:
    return Letter(
        queue=queue,
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        attributes=message.get("MessageAttributes", {}),
        sent_ms=int(message.get("Attributes", {}).get("SentTimestamp", 0)),
    )

"""SQS as it is: at least once, in any order, delayed, hidden by visibility, dead-lettered at last.

The client has the methods our code calls, and no others: a new one is an effect nobody knows.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from microbatch.messages import QUEUES
from tests.simulation.chance import Chance
from tests.simulation.clock import Clock
from tests.simulation.seams import Seams, UnknownEffect

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
NEVER_LOST = "payments"  # until it is stored, that message is the payment
RETENTION = timedelta(days=4)
LATENCY_SECONDS = (0.02, 1.5)
REORDERED_SECONDS = (3, 90)
LATE_SECONDS = (3600, 3 * 3600)
DUPLICATED, REORDERED, LATE, LOST = 0.05, 0.05, 0.01, 0.02
FOREIGN = 0.01
REFUSED, PARTLY = 0.004, 0.004


@dataclass
class Held:
    """One message in one queue."""

    message_id: str
    queue: str
    body: str
    attributes: dict[str, dict[str, Any]]
    sent_at: datetime
    visible_at: datetime
    receives: int = 0
    handle: str = ""
    gone: bool = False
    is_copy: bool = False  # SQS delivers a message a second time
    about: str = ""  # whose payment it is, in the one queue where that matters


@dataclass
class Queue:
    """One queue; a dead-letter queue is one without a consumer."""

    name: str
    visibility_seconds: int
    max_receives: int
    messages: list[Held] = field(default_factory=list)

    def remove(self, message: Held) -> None:
        """It is deleted."""
        if not message.gone:
            message.gone = True
            self.messages.remove(message)


@dataclass
class Sqs:
    """All queues, and what happens to messages on their way."""

    chance: Chance
    clock: Clock
    severity: float
    queues: dict[str, Queue] = field(default_factory=dict)
    due: Callable[[Held], None] = lambda _message: None  # tells the timeline
    tell: Callable[[str], None] = lambda _text: None
    before_delete: Callable[[Held], None] = lambda _message: None
    subject_of: Callable[[str], str] = lambda _body: ""  # whose payment a body is
    sent: int = 0
    down: bool = False  # nobody can send
    muted: bool = False  # what is sent never arrives
    lost: list[tuple[str, str]] = field(default_factory=list)  # (queue, body)
    at_next: dict[str, Callable[[], None]] = field(default_factory=dict)  # message of a queue

    def add(self, name: str, visibility_seconds: int, max_receives: int) -> None:
        """A queue and its dead-letter queue."""
        self.queues[name] = Queue(name, visibility_seconds, max_receives)
        self.queues[f"{name}-dlq"] = Queue(f"{name}-dlq", 30, 10**9)

    def dead(self) -> list[str]:
        """The queues that have dead letters, sorted."""
        return sorted(name for name in QUEUES if self.queues[f"{name}-dlq"].messages)

    def put(self, queue: str, body: str, delay_seconds: int, attributes: dict[str, Any]) -> None:
        """Take a message; on its way it may be lost, late, out of order or doubled."""
        if self.muted:
            return
        self.sent += 1
        self.chance.trace.note(f"sent {queue} {delay_seconds} {attributes} {body}")
        dead = queue.endswith("-dlq")
        if not dead and queue != NEVER_LOST and self._strikes("message_lost", queue, LOST):
            self.tell(f"lost: a message to {queue}")
            self.lost.append((queue, body))
            return
        latency_seconds = self.chance.between(f"latency {queue}", *LATENCY_SECONDS)
        if not dead and self._strikes("message_reordered", queue, REORDERED):
            latency_seconds += self.chance.between("reordered", *REORDERED_SECONDS)
        if not dead and self._strikes("message_late", queue, LATE):
            latency_seconds += self.chance.between("late", *LATE_SECONDS)
        number = self.chance.numbered(f"message {queue}")
        visible_at = self.clock.after(delay_seconds + latency_seconds)
        about = self.subject_of(body) if queue.startswith(NEVER_LOST) else ""
        held = Held(number, queue, body, attributes, self.clock.now, visible_at, about=about)
        self._hold(held)
        self.at_next.pop(queue, lambda: None)()
        if not dead and self._strikes("message_duplicated", queue, DUPLICATED):
            apart_seconds = self.chance.between("duplicated", 0, 120)
            again_at = visible_at + timedelta(milliseconds=round(apart_seconds * 1000))
            self._hold(replace(held, visible_at=again_at, is_copy=True))
        if not dead and self._strikes("message_foreign", queue, FOREIGN):
            self._write_elsewhere(queue, body)

    def _write_elsewhere(self, seen: str, body: str) -> None:
        """Somebody puts what was seen in one queue into another: whole, cut, or with no token."""
        others = [each for each in QUEUES if each not in (seen, NEVER_LOST)]
        queue = self.chance.pick("foreign queue", others)
        foreign = self.chance.pick("foreign body", (body, body[: len(body) // 2], "{}"))
        self.tell(f"foreign: a message to {queue}")
        number = self.chance.numbered(f"message {queue}")
        visible_at = self.clock.after(LATENCY_SECONDS[1])
        self._hold(Held(number, queue, foreign, {}, self.clock.now, visible_at))

    def _strikes(self, kind: str, queue: str, likely: float) -> bool:
        return self.chance.strikes(kind, queue, likely * self.severity)

    def copied(self, message: Held) -> Held:
        """The same message once more, now."""
        copy = replace(message, visible_at=self.clock.now, is_copy=True)
        self.queues[message.queue].messages.append(copy)
        return copy

    def _hold(self, message: Held) -> None:
        self.queues[message.queue].messages.append(message)
        self.due(message)

    def receive(self, message: Held) -> bool:
        """Hand it out: hidden from now on; False when it goes to the dead letters instead."""
        queue = self.queues[message.queue]
        if self.clock.now - message.sent_at > RETENTION:
            queue.remove(message)  # SQS deletes it in silence
            return False
        message.receives += 1
        if message.receives > queue.max_receives:
            queue.remove(message)
            self.put(f"{message.queue}-dlq", message.body, 0, message.attributes)
            return False
        message.handle = self.chance.numbered(f"handle {message.message_id}")
        self.hide(message, queue.visibility_seconds)
        return True

    def hide(self, message: Held, seconds: float) -> None:
        """Nobody gets it before then."""
        message.visible_at = self.clock.after(seconds)
        self.due(message)

    def by_handle(self, queue: str, handle: str) -> Held:
        """The message with this receipt. Raises ClientError when it is stale."""
        for message in self.queues[queue].messages:
            if message.handle == handle:
                return message
        raise ClientError({"Error": {"Code": "ReceiptHandleIsInvalid"}}, "ChangeMessageVisibility")


class SqsClient:
    """boto3's client for SQS, as far as our code uses it."""

    def __init__(self, sqs: Sqs, seams: Seams) -> None:
        self._sqs, self._seams = sqs, seams

    def __getattr__(self, name: str) -> Any:
        raise UnknownEffect(f"sqs.{name} passes no seam")

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
        """Some of the entries may not be taken."""
        assert 0 < len(Entries) <= 10, "SQS takes one to ten"
        assert len({entry["Id"] for entry in Entries}) == len(Entries)

        def take() -> dict[str, Any]:
            failed = []
            for entry in Entries:
                if self._strikes("send_partly_refused", QueueUrl, PARTLY):
                    failed.append({"Id": entry["Id"], "Code": "InternalError"})
                else:
                    self._take(QueueUrl, entry)
            return {"Failed": failed} if failed else {}

        return self._call("send", QueueUrl, take)

    def send_message(self, *, QueueUrl: str, **entry: Any) -> Any:
        """One message."""
        return self._call("send one", QueueUrl, lambda: self._take(QueueUrl, entry))

    def change_message_visibility(
        self,
        *,
        QueueUrl: str,
        ReceiptHandle: str,
        VisibilityTimeout: int,
    ) -> Any:
        """Hide a message that was received for so long from now on."""

        def hide() -> None:
            message = self._sqs.by_handle(QueueUrl, ReceiptHandle)
            self._sqs.hide(message, VisibilityTimeout)

        return self._call("hide", QueueUrl, hide)

    def receive_message(
        self, *, QueueUrl: str, MaxNumberOfMessages: int, VisibilityTimeout: int, **_more: Any
    ) -> Any:
        """Some of what nobody hides."""

        def receive() -> Any:
            now, queue = self._sqs.clock.now, self._sqs.queues[QueueUrl]
            seen = [each for each in queue.messages if each.visible_at <= now]
            for message in seen[:MaxNumberOfMessages]:
                message.handle = self._sqs.chance.numbered(f"handle {message.message_id}")
                self._sqs.hide(message, VisibilityTimeout)
            return {"Messages": [_received(each) for each in seen[:MaxNumberOfMessages]]}

        return self._call("receive", QueueUrl, receive)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> Any:
        """For good."""

        def delete() -> None:
            message = self._sqs.by_handle(QueueUrl, ReceiptHandle)
            self._sqs.before_delete(message)
            self._sqs.queues[QueueUrl].remove(message)

        return self._call("delete one", QueueUrl, delete)

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:
        """How many messages there are."""
        return self._call("depth", QueueUrl, lambda: self._counted(QueueUrl, AttributeNames))

    def _counted(self, url: str, names: list[str]) -> dict[str, Any]:
        waiting = len(self._sqs.queues[url].messages)
        return {"Attributes": dict.fromkeys(names, str(waiting))}

    def _take(self, url: str, entry: dict[str, Any]) -> None:
        assert not NOT_XML.search(entry["MessageBody"])
        assert 0 <= entry.get("DelaySeconds", 0) <= 900
        attributes = {
            name: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
            for name, value in entry.get("MessageAttributes", {}).items()
        }
        self._sqs.put(url, entry["MessageBody"], entry.get("DelaySeconds", 0), attributes)

    def _call(self, kind: str, url: str, act: Callable[[], Any]) -> Any:
        if self._sqs.down or self._strikes("sqs_refuses", url, REFUSED):
            raise EndpointConnectionError(endpoint_url="https://sqs")
        done = self._seams.effect(kind, act)
        if self._strikes("sqs_unheard", url, REFUSED):
            raise ReadTimeoutError(endpoint_url="https://sqs")
        return done

    def _strikes(self, kind: str, url: str, likely: float) -> bool:
        return self._sqs.chance.strikes(kind, url, likely * self._sqs.severity)


def _received(message: Held) -> dict[str, Any]:
    """As SQS hands a message out."""
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.handle,
        "Body": message.body,
        "Attributes": {"SentTimestamp": str(int(message.sent_at.timestamp() * 1000))},
        "MessageAttributes": {
            name: {"DataType": value["dataType"], "StringValue": value["stringValue"]}
            for name, value in message.attributes.items()
        },
    }

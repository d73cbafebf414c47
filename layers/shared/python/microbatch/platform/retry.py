"""What becomes of a message that could not be handled: wait, renew, or the dead-letter queue.

SQS hands a message out at most 1000 times, which at one try a minute is less than a day. So a
message is renewed once on its way: a copy that carries the first sending time, then acknowledged.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from types import TracebackType
from typing import Any, TypeAlias

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import ConfigurationError, MicrobatchError, PermanentFailure
from microbatch.platform.observability import (
    count,
    count_in_stage,
    count_unhandled,
    flush_stage,
    following,
    logger,
)
from microbatch.platform.queues import DELAY_SECONDS_MAX, error_code

RECEIVES_MAX = 1000  # SQS refuses a larger maxReceiveCount
REASON_CHARACTERS_MAX = 1000
FIRST_SENT_AT = "first_sent_at"  # Unix time in milliseconds, as SQS's own SentTimestamp
REASON = "reason"

# SQS refuses text with any character outside XML's
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType]
Result: TypeAlias = tuple[str, Any, Any]


class Action(Enum):
    """What to do with a message that failed."""

    WAIT = "wait"
    RENEW = "renew"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How long to wait, when to give up, when to renew. Raises ConfigurationError."""

    wait_seconds: int
    deadline_seconds: int
    renew_at_receives: int

    def __post_init__(self) -> None:
        if not 0 < self.wait_seconds <= DELAY_SECONDS_MAX:
            raise ConfigurationError(f"retry wait must be 1 to {DELAY_SECONDS_MAX} s")
        if self.deadline_seconds <= 0:
            raise ConfigurationError("retry deadline must be positive")
        if not 0 < self.renew_at_receives < RECEIVES_MAX:
            raise ConfigurationError(f"renewal must come before {RECEIVES_MAX} receives")


@dataclass(frozen=True, slots=True)
class QueueAddress:
    """A queue a message can have come from, and where its dead letters go."""

    name: str
    url: str
    dead_letter_url: str


def plan_retry(
    error: BaseException, age_seconds: int, receives: int, policy: RetryPolicy
) -> Action:
    """What to do with a message of this age that failed with this error."""
    # of a ConfigurationError the message is innocent: it waits until the function is put right
    if isinstance(error, PermanentFailure) and not isinstance(error, ConfigurationError):
        return Action.DEAD_LETTER
    if age_seconds >= policy.deadline_seconds:
        return Action.DEAD_LETTER
    if receives >= policy.renew_at_receives:
        return Action.RENEW
    return Action.WAIT


def utc_now() -> datetime:
    """The time of day of the machine, in UTC."""
    return datetime.now(UTC)


class RetryingProcessor(BatchProcessor):
    """Handles the records of an SQS event one by one and carries out the plan for each failed one.

    Nothing here raises: a message with which something goes wrong stays where it is, and comes
    back after the queue's visibility time-out.
    """

    def __init__(
        self,
        client: Any,
        policy: RetryPolicy,
        queue_of: Callable[[SQSRecord], QueueAddress],
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._client = client
        self._policy = policy
        self._queue_of = queue_of
        self._now = now

    def process(self) -> list[tuple[Any, ...]]:
        """Handles every record; what was counted on the way is written, whatever happens."""
        try:
            handled: list[tuple[Any, ...]] = super().process()
        finally:
            flush_stage()
        return handled

    def _process_record(self, record: Any) -> Any:
        # Powertools' own place for what is done around a record: all its lines carry its ids.
        with following(message_id=str(record.get("messageId"))):
            count_age(record, self._now())
            return super()._process_record(record)

    def success_handler(self, record: Any, result: Any) -> Result:
        """Counts a handled message."""
        count_in_stage("processed")
        return self._acknowledge(record, result)

    def failure_handler(self, record: Any, exception: Any) -> Result:
        """Carries out the plan; only what was moved safely counts as done."""
        try:
            moved = self._carry_out(record, exception)
        except (BotoCoreError, ClientError) as problem:
            logger.warning("message_not_moved", **_facts(record), problem=error_code(problem))
            moved = False
        except Exception:
            logger.exception("message_not_moved", **_facts(record))
            moved = False
        if moved:
            return self._acknowledge(record, None)
        count_in_stage("retried")
        count("failed_tries", _receives(record))
        failed: Result = super().failure_handler(record=record, exception=exception)
        return failed

    def _acknowledge(self, record: Any, result: Any) -> Result:
        done: Result = super().success_handler(record=record, result=result)
        return done

    def _carry_out(self, record: SQSRecord, exception: ExcInfo) -> bool:
        """Whether the message now stands elsewhere, so that this one may go."""
        error = exception[1]
        first_sent_ms, age_seconds = _first_sent_ms(record), _age_seconds(record, self._now())
        action = plan_retry(error, age_seconds, _receives(record), self._policy)
        _log(record, exception, action, age_seconds)

        if action is Action.WAIT:
            self._hide(record)
            return False
        try:
            if action is Action.RENEW:
                self._renew(record, first_sent_ms)
            else:
                self._dead_letter(record, first_sent_ms, _reason(error))
        except (BotoCoreError, ClientError):
            self._hide(record)
            raise
        return True

    def _hide(self, record: SQSRecord) -> None:
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_of(record).url,
                ReceiptHandle=record.receipt_handle,
                VisibilityTimeout=self._policy.wait_seconds,
            )
        except (BotoCoreError, ClientError) as error:
            # the receipt may be stale by now; the queue's own time-out brings the message back
            logger.warning("message_not_hidden", **_facts(record), problem=error_code(error))

    def _renew(self, record: SQSRecord, first_sent_ms: int) -> None:
        self._client.send_message(
            QueueUrl=self._queue_of(record).url,
            MessageBody=record.body,
            DelaySeconds=self._policy.wait_seconds,
            MessageAttributes=_attributes(record) | {FIRST_SENT_AT: _number(first_sent_ms)},
        )
        count_in_stage("renewed")

    def _dead_letter(self, record: SQSRecord, first_sent_ms: int, reason: str) -> None:
        self._client.send_message(
            QueueUrl=self._queue_of(record).dead_letter_url,
            MessageBody=record.body,
            MessageAttributes=_attributes(record)
            | {FIRST_SENT_AT: _number(first_sent_ms), REASON: _text(reason)},
        )
        count_in_stage("dead_lettered")


def count_age(record: dict[str, Any], now: datetime) -> None:
    """Count how many seconds ago a message was sent first; of no event of SQS nothing."""
    with suppress(KeyError, ValueError):  # no picture is worth a message
        count_in_stage("message_age_seconds", _age_seconds(SQSRecord(record), now))


def count_greatest_age(records: Sequence[dict[str, Any]], now: datetime) -> None:
    """Count how many seconds ago the first of some messages was sent."""
    with suppress(KeyError, ValueError):  # no picture is worth a message
        ages = [_age_seconds(record, now) for record in records]
        count_in_stage("message_age_seconds", max(ages))


def _age_seconds(record: SQSRecord | dict[str, Any], now: datetime) -> int:
    return max(0, int(now.timestamp() - _first_sent_ms(record) / 1000))


def _log(record: SQSRecord, exception: ExcInfo, action: Action, age_seconds: int) -> None:
    error = exception[1]
    facts = _facts(record) | {"action": action.value, "age_seconds": age_seconds}
    facts["reason"] = _reason(error)
    if not isinstance(error, MicrobatchError) or isinstance(error, ConfigurationError):
        count_unhandled()
    if not isinstance(error, MicrobatchError):
        logger.error("message_met_a_bug", exc_info=exception, **facts)
    elif isinstance(error, ConfigurationError):
        logger.error("message_met_a_configuration_error", **facts)
    elif action is Action.DEAD_LETTER:
        logger.warning("message_dead_lettered", **facts)
    else:
        logger.info("message_retried", **facts)


def _facts(record: SQSRecord) -> dict[str, Any]:
    return {"message_id": record.get("messageId"), "queue_arn": record.get("eventSourceARN")}


def _reason(error: BaseException) -> str:
    if isinstance(error, MicrobatchError):
        return error.reason
    # The first line only: a database error's further lines quote the row.
    text = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {text}"


def _receives(record: SQSRecord) -> int:
    return int(record.attributes.approximate_receive_count)


def _first_sent_ms(record: SQSRecord | dict[str, Any]) -> int:
    sent_ms = int(record["attributes"]["SentTimestamp"])
    carried = (record.get("messageAttributes") or {}).get(FIRST_SENT_AT, {}).get("stringValue", "")
    # a copy is never older than its first sending
    return min(sent_ms, int(carried)) if carried.isascii() and carried.isdigit() else sent_ms


def _attributes(record: SQSRecord) -> dict[str, Any]:
    """The message's attributes, from an event's spelling to that of the sending call."""
    return {
        name: {"DataType": attribute["dataType"], "StringValue": attribute["stringValue"]}
        for name, attribute in (record.get("messageAttributes") or {}).items()
        if attribute.get("stringValue")  # we send no binary ones
    }


def _number(value: int) -> dict[str, str]:
    return {"DataType": "Number", "StringValue": str(value)}


def _text(value: str) -> dict[str, str]:
    clean = _NOT_XML.sub("\ufffd", value)[:REASON_CHARACTERS_MAX]
    return {"DataType": "String", "StringValue": clean or "unknown"}

"""An event of SQS: its records one by one, or all at once as far as that goes."""

from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from microbatch import messages
from microbatch.errors import ExpiredToken, InvalidToken, MicrobatchError, RetryLater
from microbatch.messages import QUEUES, Outgoing
from microbatch.wiring.invocation import queue_named, records_in
from microbatch.wiring.parts import checked, processor, secrets
from microbatch.wiring.steps import decoded, send, transact, utc_now

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
    from aws_lambda_powertools.utilities.typing import LambdaContext

Together: TypeAlias = tuple[Set[str], list[Outgoing]]  # which messages are done, what they send


def each(event: Any, handle: "Callable[[SQSRecord], None]", context: "LambdaContext") -> Any:
    """Handle an event's records one by one; which of them come again.

    Raises InvalidInput when it is not the function's own event.
    """
    return _one_by_one(records_in(event), handle, context)


def together(
    event: Any,
    act: Callable[..., Together],
    policy: Callable[[], object],
    handle: "Callable[[SQSRecord], None]",
    context: "LambdaContext",
) -> Any:
    """Act on an event's records in one transaction, as far as it goes, and handle each of the rest.

    Gives which of them come again. Raises InvalidInput when it is not the function's own event.
    """
    left = _at_once(event, lambda found: transact(lambda tx, now: act(found, tx, now, policy())))
    return _one_by_one(left, handle, context)


def ask_together(
    event: Any,
    act: Callable[..., dict[str, str]],
    outside: Callable[[], object],
    handle: "Callable[[SQSRecord], None]",
    context: "LambdaContext",
) -> Any:
    """Ask the outside for all of an event's records with one call, and handle each of the rest.

    Which of them it refused, and why, is what `act` gives: these wait, as all do when there is no
    answer. Asked for once more at once, it would have the more to do, the less it can.
    Gives which of them come again. Raises InvalidInput when it is not the function's own event.
    """
    waiting: dict[str, str] = {}

    def ask_for_all(found: dict[str, Any]) -> Together:
        try:
            waiting.update(act(found, outside(), utc_now()))
        except RetryLater as error:
            waiting.update(dict.fromkeys(found, str(error)))
        return found.keys() - waiting.keys(), []

    def handle_unless_waiting(record: "SQSRecord") -> None:
        reason = waiting.get(str(record.message_id))
        if reason is None:
            handle(record)
        else:
            decoded(record)  # so that the log names its ids
            raise RetryLater(reason)

    return _one_by_one(_at_once(event, ask_for_all), handle_unless_waiting, context)


def _one_by_one(
    records: list[dict[str, Any]],
    handle: "Callable[[SQSRecord], None]",
    context: "LambdaContext",
) -> Any:
    if not records:
        return {"batchItemFailures": []}
    from aws_lambda_powertools.utilities.batch import process_partial_response  # noqa: PLC0415

    return process_partial_response({"Records": records}, handle, processor(), context)


def _at_once(event: Any, act: Callable[[dict[str, Any]], Together]) -> list[dict[str, Any]]:
    """The records that are left when as much as can be is done at once.

    What goes wrong with all of them leaves each to its own step, to be judged by that alone.
    """
    from microbatch.platform.observability import count_unhandled, logger  # noqa: PLC0415

    done: Set[str]
    records = records_in(event)
    try:
        checked()
        readable = _readable(records)
        done, outgoing = act(readable) if readable else (set(), [])
        send(outgoing)
    except MicrobatchError as error:
        logger.warning("not_done_together", reason=type(error).__name__)
        return records
    except Exception:
        count_unhandled()
        logger.exception("not_done_together")
        return records
    _count_done([record for record in records if record["messageId"] in done])
    return [record for record in records if record["messageId"] not in done]


def _count_done(records: Sequence[dict[str, Any]]) -> None:
    """Count what was handled together; of their ages the greatest is what anybody looks at."""
    from microbatch.platform.observability import count_in_stage, flush_stage  # noqa: PLC0415
    from microbatch.platform.retry import count_greatest_age  # noqa: PLC0415

    if records:
        count_greatest_age(records, utc_now())
        count_in_stage("processed", len(records))
    flush_stage()


def _readable(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """By id, the messages of the records that hold one; all are of one queue."""
    queue = queue_named(records[0]["eventSourceARN"])
    keys, now = secrets().signing_keys(QUEUES[queue].key), utc_now()
    found = {}
    for record in records:
        with suppress(InvalidToken, ExpiredToken):
            found[record["messageId"]] = messages.read(queue, record["body"], keys, now)
    return found

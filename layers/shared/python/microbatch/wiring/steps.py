"""The steps every door takes: check, decode, act in one transaction, send after the commit."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from microbatch import messages
from microbatch.errors import (
    ConfigurationError,
    InvalidToken,
    KeyDenied,
    RetryLater,
)
from microbatch.messages import QUEUES, Announcement, Outgoing
from microbatch.wiring.invocation import request_in
from microbatch.wiring.parts import (
    checked,
    database,
    login,
    logins,
    queue_name,
    queues,
    secrets,
)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from microbatch.webhook import Receiver

# As API Gateway hands it over, base64 or not; itself it would take 10 MB. What a sender may send at
# most is its receiver's business.
BODY_CHARACTERS_MAX = 1024 * 1024


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


def decoded(record: "SQSRecord") -> Any:
    """The message in a record, its signature and age checked; from here on the log names its ids.

    A key that was changed a moment ago is read again before a token is refused.
    """
    from microbatch.platform.observability import follow  # noqa: PLC0415

    checked()
    queue = queue_name(record)
    family = QUEUES[queue].key
    try:
        message = messages.read(queue, record.body, secrets().signing_keys(family), utc_now())
    except InvalidToken:
        keys = secrets().signing_keys(family, fresh=True)
        message = messages.read(queue, record.body, keys, utc_now())
    follow(**messages.subject(message))
    return message


def send(outgoing: list[Outgoing]) -> None:
    """Sign and send; raises RetryLater when some could not be sent."""
    from microbatch.platform.queues import Entry  # noqa: PLC0415

    families = dict.fromkeys(QUEUES[each.queue].key for each in outgoing)
    keys = {family: secrets().signing_keys(family)[0] for family in families}
    queues().send(
        [
            Entry(
                each.queue,
                messages.body(each.message, keys[QUEUES[each.queue].key]),
                each.delay_seconds,
            )
            for each in outgoing
        ]
    )
    _note_told([each.announces for each in outgoing if each.announces])


def _note_told(told: list[Announcement]) -> None:
    """What is not noted, because we end here, is told again by the reconciler."""
    if not told:
        return
    from microbatch.conversion import service as conversion  # noqa: PLC0415 - ledger only
    from microbatch.intake import service as intake  # noqa: PLC0415
    from microbatch.payout import service as payouts  # noqa: PLC0415

    owners = {"batches": conversion.note_told, "held_payments": intake.note_told}
    for owner in (*owners.values(), payouts.note_told):
        theirs = [each for each in told if owners.get(each.entity, payouts.note_told) is owner]
        if theirs:
            transact(owner, theirs)


def transact(act: Callable[..., Any], *arguments: Any) -> Any:
    """Call `act(tx, now, …)` in one transaction on the database's own clock."""
    with database().transaction() as tx:
        return act(tx, tx.began_at, *arguments)


def one_by_one(
    act: Callable[..., list[Outgoing]],
    items: Sequence[str],
    milliseconds_left: Callable[[], int],
    put_off: Callable[..., None],
    *arguments: Any,
) -> int:
    """Call `act` for each in a transaction of its own; for how many it was done.

    One that fails holds up none of the others: `put_off` has it come after them next time. What the
    first half of the time does not suffice for comes with the next run.
    """
    from microbatch.platform.observability import count, count_unhandled, logger  # noqa: PLC0415

    done, stop_at = 0, milliseconds_left() // 2
    for item in items:
        if milliseconds_left() < stop_at:
            logger.warning("schedule_cut_short", done=done, left=len(items) - done)
            break
        try:
            send(transact(act, item, *arguments))
            done += 1
        except Exception as error:
            count("schedule_item_failed")
            if not isinstance(error, RetryLater):  # that the database is away is no bug
                count_unhandled()
            logger.exception("schedule_item_failed", item=item)
            _put_off(put_off, item)
    return done


def _put_off(put_off: Callable[..., None], item: str) -> None:
    from microbatch.platform.observability import logger  # noqa: PLC0415

    try:
        transact(put_off, item)
    except Exception:  # the database is away: then nobody is held up
        logger.exception("schedule_item_not_put_off", item=item)


def step(record: "SQSRecord", act: Callable[..., list[Outgoing]], *arguments: Any) -> None:
    """A ledger stage: decode, one transaction, commit, then send what the new state calls for."""
    message = decoded(record)
    _hand_on(transact(lambda tx, now: act(message, tx, now, *arguments)))


def ask(
    record: "SQSRecord", act: Callable[..., list[Outgoing]], outside: Callable[..., object]
) -> None:
    """An outbound stage: decode, one call to the outside, send its answer.

    A key that was changed a moment ago is read again before its denial is believed.
    """
    message, party = decoded(record), outside()
    try:
        outgoing = act(message, party, utc_now())
    except KeyDenied:
        renewed = outside(fresh=True)
        if renewed is party:
            raise
        outgoing = act(message, renewed, utc_now())
    _hand_on(outgoing)


def _hand_on(outgoing: list[Outgoing]) -> None:
    """Send, and say so. What goes out with a delay asks again: not yet, and no failure."""
    from microbatch.platform.observability import count_in_stage, logger  # noqa: PLC0415

    send(outgoing)
    logger.info("message_handled", sent=[each.queue for each in outgoing])
    asked_again = sum(1 for each in outgoing if each.delay_seconds)
    if asked_again:
        count_in_stage("not_yet", asked_again)


def webhook(event: Any, routes: Mapping[str, tuple[str, "Receiver"]], *arguments: Any) -> Any:
    """An edge stage: verify and read the raw body, queue, and only then answer.

    Raises InvalidInput when it is not the function's own event.
    """
    body = request_in(event, routes).get("body") or ""
    if len(body) > BODY_CHARACTERS_MAX:  # before anything is read, decoded or hashed for anybody
        return http_answer(413, {"error": "the body is too large"})
    checked()
    secret_name, receive = routes[event["routeKey"]]
    try:
        secret = secrets().text(secret_name)
    except ConfigurationError as error:  # of a sender that may be left out: see OPTIONAL_SECRETS
        _warn("webhook_not_configured", str(error))
        return http_answer(503, {"error": "not configured"})
    raw_body = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    headers = event.get("headers") or {}
    answer = receive(raw_body, headers, secret, utc_now(), *arguments)
    try:
        send(answer.outgoing)
    except RetryLater:
        return http_answer(503, {"error": "not stored, send it again"})
    _tell_queued(answer.outgoing)
    return http_answer(answer.status_code, answer.fields)


def _tell_queued(outgoing: Sequence[Outgoing]) -> None:
    from microbatch.platform.observability import logger  # noqa: PLC0415

    for each in outgoing:
        logger.info("webhook_queued", **messages.subject(each.message))


def _warn(name: str, reason: str) -> None:
    from microbatch.platform.observability import logger  # noqa: PLC0415

    logger.warning(name, reason=reason)


def http_answer(status_code: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """An HTTP API answer."""
    return {
        "statusCode": status_code,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(fields),
    }


def health_probes() -> Mapping[str, Callable[[], object]]:
    """What /health looks at, and an operator's status."""
    return {
        "secrets": lambda: login(logins()[0], fresh=True),
        "database": _probe_database,
        "queues": lambda: queues().depth("payments"),
    }


def _probe_database() -> None:
    with database().transaction() as tx:
        tx.one("SELECT count(*) AS migrations FROM schema_migrations")

"""What an operator asks for: one transaction, or one for each dead letter."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from microbatch import messages
from microbatch.errors import InvalidInput, InvalidToken, RetryLater
from microbatch.messages import QUEUES, Message, Outgoing
from microbatch.wiring.environment import dead_letter_urls, queue_urls
from microbatch.wiring.parts import aws_client, checked, secrets
from microbatch.wiring.policies import operator_surroundings, reconciler_policies
from microbatch.wiring.steps import health_probes, send, transact

if TYPE_CHECKING:
    from microbatch.operations.redriving import Means
    from microbatch.platform.dead_letters import DeadLetters


def operate(request: Any, milliseconds_left: Callable[[], int]) -> dict[str, Any]:
    """Perform one act and answer; what is refused has changed nothing."""
    from microbatch.operations.acts import perform  # noqa: PLC0415
    from microbatch.operations.redriving import ACTS, operate_on_letters  # noqa: PLC0415

    checked()
    unwell = _unwell() if isinstance(request, dict) and request.get("act") == "status" else ""
    if unwell:
        return {"ok": False, "error": f"{unwell}; the log of operations says why"}
    try:
        if isinstance(request, dict) and request.get("act") in ACTS:
            return {"ok": True, "result": operate_on_letters(request, _means(milliseconds_left))}
        surroundings = operator_surroundings()
        result, outgoing = transact(lambda tx, now: perform(request, tx, now, surroundings))
    except InvalidInput as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "result": result | _sent(outgoing)}


def _unwell() -> str:
    """Which components nothing works without, in words; "" while all are well."""
    from microbatch.operations.health import probe  # noqa: PLC0415

    found = {name for name, state in probe(health_probes()).items() if state != "ok"}
    return f"not available: {', '.join(sorted(found))}" if found else ""


def _sent(outgoing: list[Outgoing]) -> dict[str, Any]:
    """What is done stays done, whether its messages can leave or not: its rows know them."""
    try:
        send(outgoing)
    except RetryLater as error:
        from microbatch.platform.observability import logger  # noqa: PLC0415

        logger.warning("act_not_sent", detail=str(error))
        return {"sent": {}, "not_sent": f"{error}; it is done, and the reconciler sends them"}
    return {}


def _means(milliseconds_left: Callable[[], int]) -> "Means":
    from microbatch.operations.redriving import Means  # noqa: PLC0415

    return Means(
        letters=_dead_letters(),
        read=_read,
        transact=transact,
        send=send,
        milliseconds_left=milliseconds_left,
        policies=reconciler_policies(),
    )


def _dead_letters() -> "DeadLetters":
    from microbatch.platform.dead_letters import DeadLetters  # noqa: PLC0415

    return DeadLetters(aws_client("sqs"), queue_urls(), dead_letter_urls())


def _read(queue: str, body: str) -> Message:
    """The message in a dead letter, however old; under a key that was changed a moment ago, too."""
    family = QUEUES[queue].key
    try:
        return messages.read_at_any_age(queue, body, secrets().signing_keys(family))
    except InvalidToken:
        keys = secrets().signing_keys(family, fresh=True)
        return messages.read_at_any_age(queue, body, keys)

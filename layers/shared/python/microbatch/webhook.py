"""What a webhook's sender is told, whoever it is, and what is queued before it is told so."""

from collections.abc import Callable
from dataclasses import dataclass, field

from microbatch.errors import InvalidToken
from microbatch.messages import Outgoing
from microbatch.platform.observability import count, logger


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told, and what is queued before it is told so."""

    status_code: int
    fields: dict[str, str]
    outgoing: list[Outgoing] = field(default_factory=list)


Receiver = Callable[..., Answer]  # (raw body, headers, secret, now, …)


def refused(source: str, error: InvalidToken) -> Answer:
    """To whom has no good signature; it leaves nothing behind."""
    count("webhook_unauthorized")
    logger.warning("webhook_unauthorized", source=source, reason=str(error))
    return Answer(401, {"error": str(error)})

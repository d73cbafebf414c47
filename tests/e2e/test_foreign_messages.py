"""What somebody else puts straight onto a queue ends in its dead-letter queue and moves nothing."""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, get_type_hints

import pytest

from microbatch import messages
from microbatch.codec import VALID_AHEAD_SECONDS, VALID_BACK_SECONDS
from microbatch.messages import QUEUES, Message
from tests.e2e.world import World

SAMPLES: dict[type, Any] = {str: "x", int: 1, float: 1.0, bytes: b"x"}
STRANGERS_KEY = "0" * 64

pytestmark = pytest.mark.usefixtures("tidy", "at_rest")


def sample(kind: type[Message], timestamp: int) -> Message:
    """A message of this kind about nothing we know."""
    types = get_type_hints(kind)
    values = {field.name: SAMPLES[types[field.name]] for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{**values, "timestamp": timestamp})


def carried(queue: str) -> type[Message]:
    return QUEUES[queue].carries[0]


def of_another_type(queue: str) -> type[Message]:
    """What this queue does not carry, of another length than what it does."""
    return messages.BatchResult if queue != "microbatch-response" else messages.BatchOrder


def token(world: World, queue: str, message: Message, key: str | None = None) -> str:
    signing_key = key or world.secret(QUEUES[queue].key)
    return messages.sign(message, signing_key.encode())


def in_body(text: str) -> str:
    return json.dumps({"token": text})


def foreign(world: World, queue: str) -> Iterator[tuple[str, str, str]]:
    """(what, body, words of the reason it must end with)."""
    now = int(time.time())
    good = sample(carried(queue), now)
    right = token(world, queue, good)
    yield (
        "forged",
        in_body(right[:-4] + ("AAAA" if right[-4:] != "AAAA" else "BBBB")),
        "InvalidToken: signature does not match",
    )
    yield (
        "signed with a key of nobody's",
        in_body(token(world, queue, good, STRANGERS_KEY)),
        "InvalidToken: signature does not match",
    )
    others = next(name for name in QUEUES if QUEUES[name].key != QUEUES[queue].key)
    yield (
        "signed with another queue's key",
        in_body(token(world, queue, good, world.secret(QUEUES[others].key))),
        "InvalidToken: signature does not match",
    )
    yield "cut", in_body(right[: len(right) // 2]), "InvalidToken: "
    yield (
        "of another type",
        in_body(token(world, queue, sample(of_another_type(queue), now))),
        "InvalidToken: ",
    )
    yield "not a token", in_body("!"), "InvalidToken: "
    yield "without a token", '{"tokens": []}', 'InvalidToken: body is not {"token"'
    yield "not JSON", "token", 'InvalidToken: body is not {"token"'
    if type(good).EXPIRES:
        for what, timestamp in (
            ("expired", now - VALID_BACK_SECONDS - 60),
            ("from the future", now + VALID_AHEAD_SECONDS + 120),
        ):
            message = replace(good, timestamp=timestamp)  # type: ignore[type-var]
            yield what, in_body(token(world, queue, message)), "ExpiredToken: "


def test_foreign_messages_become_dead_letters_with_a_reason(world: World) -> None:
    books = world.digests()
    sent = {queue: list(foreign(world, queue)) for queue in world.endpoints.queues}
    # one to each queue at a time: many at once would start many workers of every function
    for round_ in itertools.zip_longest(*sent.values()):
        for queue, foreign_message in zip(sent, round_, strict=True):
            if foreign_message is not None:
                world.put(queue, foreign_message[1])
        world.until_quiet()
    dead = {queue: dict(world.take_dead_letters(queue)) for queue in sent}

    for queue, put in sent.items():
        assert dead[queue].keys() == {body for _, body, _ in put}, queue
        wrong = [
            (queue, what, dead[queue][body])
            for what, body, reason in put
            if not dead[queue][body].startswith(reason)
        ]
        assert wrong == []
    assert world.digests() == books


def test_our_own_messages_about_unknown_rows_become_dead_letters_too(world: World) -> None:
    """Authentic, but of a conversion that our database has never heard of."""
    books, now = world.digests(), int(time.time())
    asked = ("hostpay-status-response", "hostpay-payment-execute", "hostpay-payment-response")
    for queue in (*asked, "swap-monitor"):
        world.put(queue, in_body(token(world, queue, sample(carried(queue), now))))

    world.until_quiet()

    # the exchange does not know it either, and its answer comes back as a swap's result
    for queue in (*asked, "swap-results"):
        ((_, reason),) = world.take_dead_letters(queue)
        assert reason.startswith("PermanentFailure: ")
        assert reason.endswith("'x' is not known")
    assert world.digests() == books

"""S31: two versions of the code at once.

That an older and a newer version share the queues and the database cannot be run before a second
version exists: there is one set of migrations and one of messages. What a second version will
rest on is here: every message about the chain is read without the fields that a version before
it may not have known (they are last and have defaults), and with fields that a later one may
append. Migrations expand before they contract; tests/integration/test_migrations.py holds them.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import MISSING

import pytest

from microbatch import codec, messages
from microbatch.messages import chain
from tests.hostile.world import World

APPENDED = b"\x00\x00\x00\x07unknown"


def older(message: codec.OwnMessage) -> bytes:
    """The payload of a version that did not have the fields with defaults."""
    known = [each for each in codec._layout(type(message)) if each[2] is MISSING]
    fields = b"".join(code.pack(getattr(message, name)) for name, code, _ in known)
    return bytes([message.VERSION, message.TYPE]) + fields


def newer(message: codec.OwnMessage) -> bytes:
    """The payload of a version that has appended a field."""
    payload = codec.encode(message)
    return bytes([payload[0] + 1]) + payload[1:] + APPENDED


def of_the_chain(message: object) -> bool:
    return type(message).__module__ == chain.__name__


@pytest.mark.parametrize("payload", [older, newer])
def test_a_transfer_is_paid_once_by_messages_of_another_version(
    world: World, monkeypatch: pytest.MonkeyPatch, payload: Callable[[codec.OwnMessage], bytes]
) -> None:
    """S31."""
    ours, seen = messages.body, set[str]()

    def body(message: codec.Message, key: bytes) -> str:
        if not isinstance(message, codec.OwnMessage) or not of_the_chain(message):
            return ours(message, key)
        seen.add(type(message).__name__)
        raw = payload(message)
        mac = hmac.digest(key, raw, hashlib.sha256)[: codec.MAC_BYTES]
        return json.dumps({"token": base64.urlsafe_b64encode(raw + mac).rstrip(b"=").decode()})

    monkeypatch.setattr(messages, "body", body)
    for _ in range(2):
        world.order()
    world.live(40)
    assert {"PreflightObserved", "BroadcastObserved", "ReceiptRequested"} <= seen
    assert len(world.transfers()) == 2
    assert world.dead == []
    world.assert_all_paid_once()


def test_every_message_about_the_chain_appends_only_fields_that_an_older_payload_may_lack() -> None:
    """S31: a field without a default after one with a default could not be read from it."""
    kinds = [
        kind
        for kind in vars(chain).values()
        if isinstance(kind, type) and issubclass(kind, codec.OwnMessage) and of_the_chain_kind(kind)
    ]
    assert len(kinds) > 10
    for kind in kinds:
        defaulted = [default is not MISSING for _, _, default in codec._layout(kind)]
        assert defaulted == sorted(defaulted), kind.__name__


def of_the_chain_kind(kind: type) -> bool:
    return kind.__module__ == chain.__name__

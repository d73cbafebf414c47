"""The door that Alchemy knocks at: verified, passed on as a hint, answered; never the database."""

import json
from typing import Any

import pytest

from microbatch.errors import ConfigurationError
from microbatch.messages import TransactionSighted
from tests.fakes import alchemy
from tests.integration.doors import Doors

WALLET = "0x" + "2c" * 20  # of the door below
STRANGER = "0x" + "71" * 20
TX_HASH = "0x" + "ab" * 32
BODY = alchemy.notification(alchemy.external(TX_HASH, WALLET, STRANGER))


def knock(doors: Doors, event: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    answer = doors.invoke("chain_webhook", event)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture
def door(doors_without_database: Doors) -> Doors:
    return doors_without_database


@pytest.mark.parametrize("encoded", [False, True])
def test_a_transaction_of_our_wallet_is_passed_on(door: Doors, encoded: bool) -> None:
    assert knock(door, alchemy.request(BODY, encoded=encoded)) == (200, {"status": "accepted"})

    assert door.counts() == {"chain-requests": 1}
    (message,) = door.waiting("chain-requests")
    assert isinstance(message, TransactionSighted)
    assert (message.wallet, message.tx_hash) == (WALLET, TX_HASH)


@pytest.mark.parametrize(
    "spoil",
    [
        {"headers": None},
        {"headers": {"x-alchemy-signature": "0" * 64}},
        {"body": BODY.decode() + " "},
        {"body": None},
    ],
)
def test_a_forged_one_is_refused_and_nothing_is_queued(door: Doors, spoil: dict[str, Any]) -> None:
    assert knock(door, alchemy.request(BODY) | spoil)[0] == 401

    assert door.counts() == {}


@pytest.mark.parametrize("value", [None, " "])
def test_without_a_key_of_alchemys_the_route_is_not_configured(
    door: Doors, value: str | None
) -> None:
    door.set_secret("ALCHEMY_SIGNING_KEY", value)

    assert knock(door, alchemy.request(BODY, key=" ")) == (503, {"error": "not configured"})

    assert door.counts() == {}


@pytest.mark.parametrize("name", ["ALCHEMY_SIGNING_KEY", "CHAIN_SIGNING_KEY"])
def test_a_malformed_key_is_named_whether_alchemy_is_used_or_not(door: Doors, name: str) -> None:
    door.set_secret("ALCHEMY_SIGNING_KEY", None)
    door.set_secret(name, "too-short")

    with pytest.raises(ConfigurationError, match=name) as raised:
        knock(door, alchemy.request(BODY))
    assert "too-short" not in str(raised.value)


def test_when_the_queue_takes_nothing_alchemy_is_asked_to_come_again(door: Doors) -> None:
    door.drop_queue("chain-requests")

    assert knock(door, alchemy.request(BODY))[0] == 503

"""A secret that is missing or malformed stops its function, by its name and never its value."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cdk.stages import BY_NAME, STAGES
from microbatch.errors import ConfigurationError
from microbatch.messages import QUEUES
from microbatch.platform.observability import logger
from microbatch.wiring.parts import LOGINS, OPTIONAL_SECRETS
from tests.integration.doors import FAMILIES, Doors, sample, signed
from tests.integration.lambda_host import Log
from tests.unit.stub_server import StubServer

HIDDEN = "hidden-value"
PROBES_ITSELF = "health"  # answers 503 instead of failing; tested with the other answers
MALFORMED = {
    **dict.fromkeys(LOGINS, ('{"hidden-value"', '["hidden-value"]', '{"host": "hidden-value"}')),
    "CHANGENOW_API_KEY": (f"{HIDDEN}\n{HIDDEN}", f"{HIDDEN}\N{SNOWMAN}"),
    "ETHEREUM_RPC_URL": (HIDDEN, f"ftp://{HIDDEN}"),
    "HOST_WALLET_PRIVATE_KEY": (HIDDEN, "0x" + "0" * 64, "0x" + "f" * 64, "11" * 32),
    **dict.fromkeys(FAMILIES, (HIDDEN, "h" * 63)),
}
CASES = [
    (stage.name, secret)
    for stage in STAGES
    if stage.name != PROBES_ITSELF
    for secret in stage.all_secrets
    if secret not in OPTIONAL_SECRETS
]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()
    logging.getLogger(logger.name).addHandler(log)
    yield log
    logging.getLogger(logger.name).removeHandler(log)


def stop(doors: Doors, name: str, log: Log) -> str:
    """All that the function says when it is started."""
    stage = BY_NAME[name]
    if not stage.queues:
        event = {"act": "status", "routeKey": (*stage.routes, "")[0], "headers": {}}
        with pytest.raises(ConfigurationError) as stopped:
            doors.invoke(name, event)
        return str(stopped.value)
    log.records.clear()
    queue = stage.queues[0]
    assert doors.deliver(queue, signed(queue, sample(QUEUES[queue].carries[0]))) == 1
    return " ".join(str(vars(record)) for record in log.records)


@pytest.mark.parametrize(("name", "secret"), CASES)
def test_a_function_does_not_work_without_its_secrets(
    doors_without_database: Doors, outside: StubServer, log: Log, name: str, secret: str
) -> None:
    doors = doors_without_database
    for value in (None, " ", *MALFORMED.get(secret, ())):
        doors.set_secret(secret, value)

        said = stop(doors, name, log)

        assert secret.lower() in said.lower(), value
        assert HIDDEN not in said
        assert value in (None, " ") or value not in said
    assert set(doors.counts()) <= set(BY_NAME[name].queues)
    assert outside.requests == []


def test_a_sender_that_is_left_out_is_turned_away(doors_without_database: Doors) -> None:
    doors = doors_without_database
    for value in (None, " "):
        doors.set_secret("ALCHEMY_SIGNING_KEY", value)

        answer = doors.invoke("chain_webhook", knock("POST /webhooks/alchemy"))

        assert answer["statusCode"] == 503
    assert doors.counts() == {}


def test_a_malformed_key_of_a_sender_is_named_at_its_route(doors_without_database: Doors) -> None:
    doors = doors_without_database
    doors.set_secret("PAYMENTS_WEBHOOK_SECRET", f"whsec_{HIDDEN}")

    with pytest.raises(ConfigurationError, match="PAYMENTS_WEBHOOK_SECRET") as stopped:
        doors.invoke("payment_webhook", knock("POST /webhooks/payments"))

    assert HIDDEN not in str(stopped.value)
    assert doors.counts() == {}


def knock(route: str) -> dict[str, Any]:
    return {"routeKey": route, "headers": {}, "body": "{}"}


def test_every_secret_has_stopped_somebody() -> None:
    secrets = {secret for _, secret in CASES} | OPTIONAL_SECRETS

    assert secrets == {secret for stage in STAGES for secret in stage.all_secrets}

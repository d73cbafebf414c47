"""Secrets, on moto: what is kept, what is refused, and that no value is ever shown."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.secrets import Secrets

OLD_KEY, NEW_KEY = "o" * 64, "n" * 64


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000

    def __call__(self) -> int:
        return self.seconds


class Unwell:
    """A client whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def get_secret_value(self, **_request: Any) -> Any:
        raise self._error


@pytest.fixture
def client(aws: None) -> Any:
    return boto3.client("secretsmanager")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secrets(client: Any, clock: Clock) -> Secrets:
    arn = client.create_secret(Name="microbatch/test/KEY", SecretString=f"{OLD_KEY}\n")["ARN"]
    ids = {"KEY": arn, "ABSENT": "microbatch/test/ABSENT"}
    return Secrets(client, ids, max_age_seconds=300, clock=clock)


def put(client: Any, value: str) -> None:
    client.put_secret_value(SecretId="microbatch/test/KEY", SecretString=value)


def test_surrounding_white_space_is_no_part_of_the_value(secrets: Secrets) -> None:
    assert secrets.text("KEY") == OLD_KEY


def test_a_value_is_kept_until_its_age(secrets: Secrets, client: Any, clock: Clock) -> None:
    secrets.text("KEY")
    put(client, NEW_KEY)

    clock.seconds += 299
    assert secrets.text("KEY") == OLD_KEY
    clock.seconds += 1
    assert secrets.text("KEY") == NEW_KEY


def test_fresh_does_not_take_the_kept_value(secrets: Secrets, client: Any) -> None:
    secrets.text("KEY")
    put(client, NEW_KEY)

    assert secrets.text("KEY", fresh=True) == NEW_KEY
    assert secrets.text("KEY") == NEW_KEY


def test_fields_of_a_json_secret(secrets: Secrets, client: Any) -> None:
    fields = {"host": "127.0.0.1", "port": 5432}
    put(client, json.dumps(fields))

    assert secrets.fields("KEY") == fields


@pytest.mark.parametrize("value", ['{"host": "hidden"', '["hidden"]', "hidden", '"hidden"'])
def test_a_secret_that_is_no_json_object_is_named_not_shown(
    secrets: Secrets, client: Any, value: str
) -> None:
    put(client, value)

    with pytest.raises(ConfigurationError, match="KEY is not a JSON object") as raised:
        secrets.fields("KEY")

    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("value", [" \n", "\t"])
def test_an_empty_secret_is_refused(secrets: Secrets, client: Any, value: str) -> None:
    put(client, value)

    with pytest.raises(ConfigurationError, match="KEY is empty"):
        secrets.text("KEY")


def test_a_missing_secret_is_refused(secrets: Secrets) -> None:
    with pytest.raises(ConfigurationError, match="ABSENT is missing"):
        secrets.text("ABSENT")


def test_a_secret_that_is_not_the_functions_is_refused(secrets: Secrets) -> None:
    with pytest.raises(ConfigurationError, match="OTHER is not among"):
        secrets.text("OTHER")


@pytest.mark.parametrize("code", ["AccessDeniedException", "DecryptionFailure"])
def test_a_denied_secret_is_a_configuration_error(code: str) -> None:
    denied = ClientError({"Error": {"Code": code, "Message": "x"}}, "GetSecretValue")

    with pytest.raises(ConfigurationError, match=f"KEY cannot be read: {code}"):
        Secrets(Unwell(denied), {"KEY": "arn"}).text("KEY")


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue"),
        ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue"),
        ReadTimeoutError(endpoint_url="http://127.0.0.1:1"),
    ],
)
def test_an_unwell_service_is_retried_later(error: Exception) -> None:
    with pytest.raises(RetryLater, match="KEY cannot be read now"):
        Secrets(Unwell(error), {"KEY": "arn"}).text("KEY")


def test_without_a_rotation_there_is_one_signing_key(secrets: Secrets) -> None:
    assert secrets.signing_keys("KEY") == [OLD_KEY.encode()]


def test_after_a_rotation_both_keys_are_accepted_newest_first(
    secrets: Secrets, client: Any
) -> None:
    put(client, f"{NEW_KEY}\n")

    assert secrets.signing_keys("KEY") == [NEW_KEY.encode(), OLD_KEY.encode()]


def test_a_rotation_is_seen_fresh_or_by_age(secrets: Secrets, client: Any) -> None:
    secrets.signing_keys("KEY")
    put(client, NEW_KEY)

    assert secrets.signing_keys("KEY") == [OLD_KEY.encode()]
    assert secrets.signing_keys("KEY", fresh=True) == [NEW_KEY.encode(), OLD_KEY.encode()]


@pytest.mark.parametrize("value", ["hidden", "h" * 63 + "\n\n"])
def test_a_short_signing_key_is_refused_unseen(secrets: Secrets, client: Any, value: str) -> None:
    put(client, value)

    with pytest.raises(ConfigurationError, match="KEY has fewer than 64 characters") as raised:
        secrets.signing_keys("KEY")

    assert value.strip() not in str(raised.value)


def test_a_short_previous_value_is_no_key(secrets: Secrets, client: Any) -> None:
    put(client, "too short")
    put(client, NEW_KEY)

    assert secrets.signing_keys("KEY") == [NEW_KEY.encode()]

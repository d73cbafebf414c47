"""Reading secrets, kept for a while; a value never occurs in an error or a log."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from microbatch.errors import ConfigurationError, RetryLater
from microbatch.platform.queues import error_code

MAX_AGE_SECONDS = 300
NANOSECONDS = 1_000_000_000  # in a second
SIGNING_KEY_CHARACTERS_MIN = 64

CURRENT = "AWSCURRENT"
PREVIOUS = "AWSPREVIOUS"
ABSENT = "ResourceNotFoundException"

# what waiting does not mend: somebody has to create the secret, or to grant it
_MISCONFIGURED = frozenset(
    {
        ABSENT,
        "AccessDenied",
        "AccessDeniedException",
        "DecryptionFailure",
        "InvalidParameterException",
        "InvalidRequestException",
        "UnrecognizedClientException",
    }
)


def _seconds() -> int:
    return time.monotonic_ns() // NANOSECONDS


class Secrets:
    """The secrets a function may read; `ids` by canonical name. Values live `max_age_seconds`."""

    def __init__(
        self,
        client: Any,
        ids: Mapping[str, str],
        max_age_seconds: int = MAX_AGE_SECONDS,
        clock: Callable[[], int] = _seconds,
    ) -> None:
        self._client = client
        self._ids = ids
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[int, str | None]] = {}

    def text(self, name: str, fresh: bool = False) -> str:
        """The value without surrounding white space; `fresh` does not take a kept one.

        Raises ConfigurationError when it is missing, empty or denied, else RetryLater.
        """
        value = self._read(name, CURRENT, fresh)
        if not value:
            raise ConfigurationError(f"secret {name} is {'missing' if value is None else 'empty'}")
        return value

    def fields(self, name: str, fresh: bool = False) -> dict[str, Any]:
        """The fields of a JSON secret. Raises as `text` does, and when it is no JSON object."""
        try:
            fields = json.loads(self.text(name, fresh))
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise ConfigurationError(f"secret {name} is not a JSON object")
        return fields

    def signing_keys(self, name: str, fresh: bool = False) -> list[bytes]:
        """The current key and, when there is a usable one, the previous; newest first.

        Raises ConfigurationError when the current one is missing, empty, denied or too short.
        """
        current, previous = self.text(name, fresh), self._read(name, PREVIOUS, fresh)
        if len(current) < SIGNING_KEY_CHARACTERS_MIN:
            raise ConfigurationError(
                f"secret {name} has fewer than {SIGNING_KEY_CHARACTERS_MIN} characters"
            )
        keys = [current.encode()]
        # A previous value that is too short is no key. Refusing to start over it would punish the
        # operator who has just replaced it.
        if previous and len(previous) >= SIGNING_KEY_CHARACTERS_MIN:
            keys.append(previous.encode())
        return keys

    def _read(self, name: str, stage: str, fresh: bool) -> str | None:
        kept = self._kept.get((name, stage))
        if kept and not fresh and self._clock() - kept[0] < self._max_age_seconds:
            return kept[1]
        value = self._fetch(name, stage)
        self._kept[name, stage] = (self._clock(), value)
        return value

    def _fetch(self, name: str, stage: str) -> str | None:
        if name not in self._ids:
            raise ConfigurationError(f"secret {name} is not among this function's secrets")
        try:
            answer = self._client.get_secret_value(SecretId=self._ids[name], VersionStage=stage)
        except (BotoCoreError, ClientError) as error:
            code = error_code(error)
            if code == ABSENT:
                return None
            if code in _MISCONFIGURED:
                raise ConfigurationError(f"secret {name} cannot be read: {code}") from error
            raise RetryLater(f"secret {name} cannot be read now: {code}") from error
        return str(answer.get("SecretString", "")).strip()

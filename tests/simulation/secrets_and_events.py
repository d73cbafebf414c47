"""Secrets Manager, KMS and EventBridge, as far as our code uses them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from cdk.stages import DATABASE_OWNER
from microbatch.messages import QUEUES
from tests.fakes.kms import FakeKms
from tests.fakes.logins import logins
from tests.simulation.chance import Chance
from tests.simulation.seams import Seams, UnknownEffect
from tests.simulation.settings import KEYS

FAMILIES = {carrier.key for carrier in QUEUES.values()}
SIGNING_KEYS = {family: hashlib.sha256(family.encode()).hexdigest() for family in FAMILIES}
IPN_SECRET = "ipn-secret"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALCHEMY_KEY = "whsec_ofATestOfAlchemysNotify"
UNREADABLE, BUS_REFUSES, BUS_UNHEARD, KMS_FAILS = 0.008, 0.01, 0.01, 0.05


def secret_values(
    database: Mapping[str, Any], node_urls: list[str], wallets: int
) -> dict[str, str]:
    """Every secret's value."""
    return {
        **SIGNING_KEYS,
        DATABASE_OWNER: json.dumps(dict(database)),
        **{name: json.dumps(fields) for name, fields in logins(database).items()},
        "NOWPAYMENTS_IPN_SECRET": IPN_SECRET,
        "PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "ALCHEMY_SIGNING_KEY": ALCHEMY_KEY,
        "CHANGENOW_API_KEY": "changenow-key",
        "ETHEREUM_RPC_URL": " ".join(node_urls),
        "HOST_WALLET_PRIVATE_KEY": " ".join(KEYS[:wallets]),
    }


@dataclass
class SecretsClient:
    """boto3's client for Secrets Manager."""

    values: Mapping[str, str]
    seams: Seams
    chance: Chance
    severity: float

    def __getattr__(self, name: str) -> Any:
        raise UnknownEffect(f"secretsmanager.{name} passes no seam")

    def get_secret_value(self, *, SecretId: str, VersionStage: str) -> Any:
        """One secret; none has a previous value."""
        if self.chance.strikes("secret_unreadable", SecretId, UNREADABLE * self.severity):
            raise ReadTimeoutError(endpoint_url="https://secretsmanager")
        return self.seams.effect("secret", lambda: self._value(SecretId, VersionStage))

    def _value(self, name: str, version: str) -> dict[str, str]:
        if version != "AWSCURRENT" or name not in self.values:
            code = {"Error": {"Code": "ResourceNotFoundException"}}
            raise ClientError(code, "GetSecretValue")
        return {"SecretString": self.values[name]}


class KmsClient:
    """boto3's client for KMS, with one key in it that really signs."""

    def __init__(self, seams: Seams, chance: Chance, severity: float) -> None:
        self._kms = FakeKms(KEYS[0])
        self._seams, self._chance, self._severity = seams, chance, severity

    def __getattr__(self, name: str) -> Any:
        raise UnknownEffect(f"kms.{name} passes no seam")

    def get_public_key(self, **request: Any) -> Any:
        """The key's public half."""
        return self._call("public key", lambda: self._kms.get_public_key(**request))

    def sign(self, **request: Any) -> Any:
        """One signature."""
        return self._call("kms sign", lambda: self._kms.sign(**request))

    def _call(self, kind: str, act: Callable[[], Any]) -> Any:
        if self._chance.strikes("kms_unreachable", kind, KMS_FAILS * self._severity):
            raise ReadTimeoutError(endpoint_url="https://kms")
        return self._seams.effect(kind, act)


@dataclass
class EventsClient:
    """boto3's client for EventBridge; what was put on the bus."""

    seams: Seams
    chance: Chance
    severity: float
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        raise UnknownEffect(f"events.{name} passes no seam")

    def put_events(self, *, Entries: list[dict[str, Any]]) -> Any:
        """Put events on the bus; it may refuse some, and its answer may not come through."""
        refused = [
            self.chance.strikes("bus_refuses", "events", BUS_REFUSES * self.severity)
            for _ in Entries
        ]
        taken = [entry for entry, no in zip(Entries, refused, strict=True) if not no]
        if taken:
            self.seams.effect("event", lambda: self._put(taken))
        if self.chance.strikes("bus_unheard", "events", BUS_UNHEARD * self.severity):
            raise ReadTimeoutError(endpoint_url="https://events")
        return {
            "FailedEntryCount": sum(refused),
            "Entries": [
                {"ErrorCode": "ThrottlingException"} if no else {"EventId": "1"} for no in refused
            ],
        }

    def _put(self, entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            self.told.append((entry["DetailType"], json.loads(entry["Detail"])))

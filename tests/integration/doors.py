"""The functions as deployed, in this process: real doors, moto's AWS, a real Postgres.

Each door gets exactly the queues, secrets and settings that its row of the stage table gives it
on AWS; whatever it reaches for beyond that is missing.
"""

import dataclasses
import hashlib
import importlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType, SimpleNamespace
from typing import Any, get_type_hints

import boto3
import pytest
from moto.backends import get_backend

from cdk.config import LOCAL
from cdk.settings_read import settings_read
from cdk.stages import BY_NAME, CONSUMER, DATABASE_OWNER, STAGES, Stage
from microbatch import messages
from microbatch.messages import QUEUES, Message
from microbatch.platform.database import Database
from microbatch.wiring import parts, policies
from tests.fakes import alchemy
from tests.fakes.lambda_event import delivered
from tests.fakes.logins import logins
from tests.fakes.pipeline import FEED, KEY, TOKEN

BUS = "microbatch-local-events"
ACCOUNT, REGION = "123456789012", "eu-central-1"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
FAMILIES = {carrier.key for carrier in QUEUES.values()}
KEYS = {family: hashlib.sha256(family.encode()).hexdigest() for family in FAMILIES}
IPN_SECRET = "ipn-secret"
WEBHOOK_SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOWHERE = {"host": "127.0.0.1", "port": 1, "dbname": "x", "username": "x", "password": "x"}
UNIQUE_ID = "AAAABBBBCCCC2222"
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Doors:
    """Every queue, every secret, and any function of the stage table to be invoked."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        database_fields: Mapping[str, Any],
        outside_url: str,
        wallet: str,
    ) -> None:
        self._monkeypatch = monkeypatch
        boto3.setup_default_session()  # of the functions; whoever listens in does so there
        self._sqs = _client("sqs")
        self._vault = _client("secretsmanager")
        self._queues = {
            name: _books_of("sqs").create_queue(LOCAL.prefix + name)
            for queue in QUEUES
            for name in (queue, f"{queue}-dlq")
        }
        self._urls = {name: queue.physical_resource_id for name, queue in self._queues.items()}
        self._base_url = self._urls["payments"].removesuffix("payments")
        _books_of("events").create_event_bus(BUS)
        others = {secret: f"value of {secret}" for stage in STAGES for secret in stage.all_secrets}
        values = (
            others
            | KEYS
            | {
                DATABASE_OWNER: json.dumps(dict(database_fields)),
                **{name: json.dumps(each) for name, each in logins(database_fields).items()},
                "NOWPAYMENTS_IPN_SECRET": IPN_SECRET,
                "PAYMENTS_WEBHOOK_SECRET": WEBHOOK_SECRET,
                "ALCHEMY_SIGNING_KEY": alchemy.KEY,
                "CHANGENOW_API_KEY": "changenow-key",
                "ETHEREUM_RPC_URL": outside_url,
                "HOST_WALLET_PRIVATE_KEY": KEY,
            }
        )
        for name, value in values.items():
            self.set_secret(name, value)
        self._settings = LOCAL.settings() | {
            "HOST_WALLET_ADDRESS": wallet,
            "USDT_ADDRESS": TOKEN,
            "ETH_USD_FEED_ADDRESS": FEED,
            "CHANGENOW_URL": outside_url,
        }

    # --- what stands around a function -----------------------------------------------------------

    def set_secret(self, name: str, value: str | None) -> None:
        """Give a secret another value, or None to take it away."""
        secrets = _books_of("secretsmanager")
        if name in secrets.secrets:
            secrets.delete_secret(name, None, force_delete_without_recovery=True)
        if value is not None:
            secrets.create_secret(name, value, None, None, None, None, None, [], False)

    def drop_queue(self, name: str) -> None:
        """As if SQS did not take messages for this queue."""
        self._sqs.delete_queue(QueueUrl=self._urls[name])

    def environment(self, stage: Stage) -> dict[str, str]:
        """The variables of a function, as CDK writes them."""
        known = dict.fromkeys((*stage.queues, *stage.sends_to, *stage.watches))
        read = settings_read(stage)  # of what it is not given it would say that it is missing
        return {name: value for name, value in self._settings.items() if name in read} | {
            "AWS_LAMBDA_FUNCTION_NAME": LOCAL.prefix + stage.name,
            "STATEMENT_SECONDS": str(max(1, stage.timeout_seconds - 5)),
            "RESOURCE_PREFIX": LOCAL.prefix,
            "ENVIRONMENT": LOCAL.name,
            "QUEUE_URLS": json.dumps({self._base_url: list(known)}),
            "SECRET_IDS": json.dumps({name: name for name in stage.all_secrets}),
            **({"EVENT_BUS_NAME": BUS} if stage.publishes else {}),
        }

    # --- invoking --------------------------------------------------------------------------------

    def invoke(self, name: str, event: Any = NOTHING) -> Any:
        """One cold start of a function with this event."""
        forget()
        for variable in (*self._settings, "EVENT_BUS_NAME"):
            self._monkeypatch.delenv(variable, raising=False)
        for variable, value in self.environment(BY_NAME[name]).items():
            self._monkeypatch.setenv(variable, value)
        door = importlib.import_module(f"functions.{name}.handler")
        context = SimpleNamespace(
            function_name=LOCAL.prefix + name,
            memory_limit_in_mb=512,
            get_remaining_time_in_millis=lambda: 30_000,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{name}",
            aws_request_id="00000000-0000-4000-8000-000000000000",
        )
        return door.lambda_handler(dict(event) if isinstance(event, Mapping) else event, context)

    def deliver(self, queue: str, *bodies: str) -> int:
        """Send bodies to a queue and have its function take them; how many it did not finish."""
        url = self._urls[queue]
        sent = {
            self._sqs.send_message(QueueUrl=url, MessageBody=each)["MessageId"] for each in bodies
        }
        # what failed a while ago may be back by now; that is for another invocation
        received = [each for each in self._receive(queue) if each["MessageId"] in sent]
        records = [delivered(message, ARN + LOCAL.prefix + queue) for message in received]
        assert len(records) == len(bodies)
        answer = self.invoke(CONSUMER[queue].name, {"Records": records})
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                handle = record["receiptHandle"]
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
        return len(failed)

    def bury(self, queue: str, body: str, **attributes: str) -> str:
        """Put a message among a queue's dead letters, as its consumer would; its id."""
        answer = self._sqs.send_message(
            QueueUrl=self._urls[f"{queue}-dlq"],
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value}
                for name, value in {"reason": "RetryLater: too long", **attributes}.items()
            },
        )
        return str(answer["MessageId"])

    def operate(self, act: str, **fields: Any) -> dict[str, Any]:
        """What an act of an operator comes to."""
        answer = self.invoke("operations", {"act": act, "who": "me", "why": "she wrote", **fields})
        assert answer["ok"], answer
        json.dumps(answer)  # it is the answer to an invocation
        result: dict[str, Any] = answer["result"]
        return result

    # --- what is there afterwards ----------------------------------------------------------------

    def waiting(self, queue: str) -> list[Message]:
        """The messages that can be received from a queue, their signatures checked."""
        keys = [KEYS[QUEUES[queue].key].encode()]
        return [
            messages.read(queue, message["Body"], keys, datetime.now(UTC))
            for message in self._receive(queue)
        ]

    def dead(self, queue: str) -> list[tuple[str, str]]:
        """(body, reason) of a queue's dead letters."""
        return [
            (message["Body"], message["MessageAttributes"]["reason"]["StringValue"])
            for message in self._receive(f"{queue}-dlq")
        ]

    def counts(self) -> dict[str, int]:
        """How many messages are in each queue that is not empty, delayed and in flight included."""
        counted = {
            name: queue.approximate_number_of_messages
            + queue.approximate_number_of_messages_not_visible
            + queue.approximate_number_of_messages_delayed
            for name, queue in self._queues.items()
        }
        return {name: count for name, count in counted.items() if count}

    def _receive(self, name: str) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._urls[name],
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found


@cache
def _client(service: str) -> Any:
    """A client for all tests: it keeps nothing but the way to moto."""
    return boto3.client(service, region_name=REGION)


def _books_of(service: str) -> Any:
    """What moto keeps of a service: a test that needs forty things there need not ask for each."""
    return get_backend(service)[ACCOUNT][REGION]


def forget() -> None:
    """As a new execution environment: nothing is kept of what an invocation has made."""
    if parts.database.cache_info().currsize:
        parts.database().close()
    for module in (parts, policies):
        for made in vars(module).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()


def signed(queue: str, message: Message, key: str | None = None) -> str:
    """The body of a message under its queue's key."""
    return messages.body(message, (key or KEYS[QUEUES[queue].key]).encode())


def sample(kind: type[Message], age_seconds: int = 0) -> Message:
    """Any message of a class, that fits its fields and names nothing that exists."""
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    whole = int(datetime.now(UTC).timestamp()) - age_seconds
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        by_type: dict[type, Any] = {str: UNIQUE_ID, int: whole, float: 1.0, bytes: b"{}"}
        values[field.name] = by_type[hints[field.name]]
    if kind is messages.BatchOrder:
        values["context"] = "batch"
    return kind(**values)


def everything(database: Database) -> dict[str, list[Any]]:
    """All that stands in the database."""
    with database.transaction() as tx:
        tables = tx.all("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            row["tablename"]: tx.all(f"SELECT t::text FROM {row['tablename']} t ORDER BY 1")
            for row in tables
        }

"""What a function is made of: AWS clients, the database, the outside parties.

Every getter imports what it makes inside itself, so that a door pays only for what it uses.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microbatch.errors import ConfigurationError
from microbatch.messages import QUEUES
from microbatch.wiring.environment import (
    dead_letter_urls,
    mapping_of,
    queue_urls,
    running_function,
    setting,
    trace_header,
    whole_number,
)
from microbatch.wiring.invocation import queue_named

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    from microbatch.hostpay.signing import Signer, Signers
    from microbatch.platform.bus import EventBus
    from microbatch.platform.database import Database
    from microbatch.platform.queues import Queues
    from microbatch.platform.retry import QueueAddress, RetryingProcessor, RetryPolicy
    from microbatch.platform.secrets import Secrets
    from microbatch.vendors.changenow import ChangeNow
    from microbatch.vendors.ethereum.node import Node
    from microbatch.vendors.ethereum.nodes import Nodes

MIGRATIONS = Path(__file__).parent.parent / "migrations"
RDS_ROOTS = Path(__file__).parent.parent / "certificates" / "rds-ca-rsa2048-g1.pem"
KMS_SECONDS_MAX = 2
# Logins to the database, the strongest first: a function has the one of its zone.
LOGINS = ("DATABASE_OWNER", "DATABASE_VAULT", "DATABASE_LEDGER")
LOGIN_FIELDS = ("host", "port", "dbname", "username", "password")
OPTIONAL_SECRETS = frozenset({"ALCHEMY_SIGNING_KEY"})  # empty: its route answers "not configured"


@cache
def aws_client(service: str, connect_seconds: int = 3, read_seconds: int = 10) -> Any:
    """A boto3 client."""
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    # No client retries by itself: a message that fails comes again.
    once = Config(
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"total_max_attempts": 1},
    )
    return boto3.client(service, config=once)


@cache
def secrets() -> "Secrets":
    """The function's secrets."""
    from microbatch.platform.secrets import Secrets  # noqa: PLC0415

    return Secrets(aws_client("secretsmanager"), mapping_of("SECRET_IDS"))


@cache
def queues() -> "Queues":
    """The queues the function may send to or look at."""
    from microbatch.platform.queues import Queues  # noqa: PLC0415

    return Queues(aws_client("sqs"), queue_urls(), trace_header)


@cache
def dead_letters() -> "Queues":
    """The dead-letter queues of the queues the function may look at, under the same names."""
    from microbatch.platform.queues import Queues  # noqa: PLC0415

    return Queues(aws_client("sqs"), dead_letter_urls())


@cache
def database() -> "Database":
    """The database; a statement has five seconds less than the function."""
    from microbatch.platform.database import Database  # noqa: PLC0415

    (own, *_others) = logins()
    return Database(
        lambda fresh: login(own, fresh),
        application_name=setting("AWS_LAMBDA_FUNCTION_NAME")[:63],
        statement_seconds=whole_number("STATEMENT_SECONDS"),
        tls=database_tls(),
    )


def database_tls() -> dict[str, str]:
    """Whether the server has to prove who it is: RDS has to, by one of its own roots."""
    mode = setting("DATABASE_SSLMODE")
    if mode == "disable":
        return {"sslmode": mode}
    if mode != "verify-full":  # whatever is between them encrypts for anybody
        raise ConfigurationError("setting DATABASE_SSLMODE is neither verify-full nor disable")
    return {"sslmode": mode, "sslrootcert": str(RDS_ROOTS)}


def logins() -> list[str]:
    """The names of the logins that the function holds; its own first."""
    return [name for name in LOGINS if name in mapping_of("SECRET_IDS")]


def login(name: str, fresh: bool = False) -> dict[str, Any]:
    """The fields of a login; raises ConfigurationError when one is missing."""
    fields = secrets().fields(name, fresh)
    missing = [field for field in LOGIN_FIELDS if not fields.get(field)]
    if missing:
        raise ConfigurationError(f"secret {name} has no field {missing[0]}")
    return fields


def zone_logins() -> list[dict[str, Any]]:
    """What the zones log in with; read anew, because whoever asks is about to set it."""
    return [login(name, fresh=True) for name in logins()[1:]]


@cache
def processor() -> "RetryingProcessor":
    """What carries out waits, renewals and dead-lettering of this function's queues."""
    from microbatch.platform.retry import RetryingProcessor  # noqa: PLC0415

    identified()
    return RetryingProcessor(aws_client("sqs"), retry_policy(), queue_of)


@cache
def retry_policy() -> "RetryPolicy":
    """How long to wait and when to give up."""
    from microbatch.platform.retry import RetryPolicy  # noqa: PLC0415

    return RetryPolicy(
        wait_seconds=whole_number("RETRY_WAIT_SECONDS"),
        deadline_seconds=whole_number("RETRY_DEADLINE_SECONDS"),
        renew_at_receives=whole_number("RENEW_AT_RECEIVES"),
    )


def queue_name(record: "SQSRecord") -> str:
    """The plain name of the queue a record came from."""
    return queue_named(str(record.event_source_arn))


def queue_of(record: "SQSRecord") -> "QueueAddress":
    """Where a record came from and where its dead letters go."""
    from microbatch.platform.retry import QueueAddress  # noqa: PLC0415

    name = queue_name(record)
    return QueueAddress(name, queue_urls()[name], dead_letter_urls()[name])


def changenow(fresh: bool = False) -> "ChangeNow":
    """The exchange, with its key as it is now; `fresh` does not take a kept one."""
    return _changenow(secrets().text("CHANGENOW_API_KEY", fresh))


@lru_cache(maxsize=1)  # by the secret's text, here and below: another text makes another client
def _changenow(key: str) -> "ChangeNow":
    from microbatch.vendors.changenow import ChangeNow  # noqa: PLC0415

    return ChangeNow(setting("CHANGENOW_URL"), key, heard=_heard_exchange)


def _heard_exchange(answered: bool) -> None:
    from microbatch.platform.observability import count  # noqa: PLC0415

    count("exchange_calls")
    if not answered:
        count("exchange_failures")


@cache
def event_bus() -> "EventBus":
    """The bus that business events go to."""
    from microbatch.platform.bus import EventBus  # noqa: PLC0415

    return EventBus(aws_client("events"), setting("EVENT_BUS_NAME"))


def node(fresh: bool = False) -> "Node | Nodes":
    """The Ethereum node; several URLs, separated by white space, are several nodes."""
    return _node(secrets().text("ETHEREUM_RPC_URL", fresh))


@lru_cache(maxsize=1)
def _node(urls: str) -> "Node | Nodes":
    from microbatch.vendors.ethereum.node import Node  # noqa: PLC0415

    first, *others = (Node(url, heard=_heard_node) for url in urls.split())
    if not others:
        return first
    from microbatch.vendors.ethereum.nodes import Nodes  # noqa: PLC0415

    return Nodes([first, *others])


def _heard_node(answered: bool) -> None:
    from microbatch.platform.observability import count  # noqa: PLC0415

    count("node_calls")
    if not answered:
        count("node_failures")


def signers() -> "Signers":
    """The host wallets' keys, by address: in a secret, by white space, or inside KMS."""
    source = setting("WALLET_KEY_SOURCE")
    if source not in ("secret", "kms"):
        raise ConfigurationError("setting WALLET_KEY_SOURCE is neither secret nor kms")
    if source == "kms":
        return _kms_signers(setting("WALLET_KMS_KEY_ID"))
    return _secret_signers(secrets().text("HOST_WALLET_PRIVATE_KEY"))


@lru_cache(maxsize=1)
def _secret_signers(keys: str) -> "Signers":
    from microbatch.vendors.ethereum.key_signer import KeySigner  # noqa: PLC0415

    return _by_address([KeySigner(key) for key in keys.split()])


@lru_cache(maxsize=1)
def _kms_signers(key_ids: str) -> "Signers":
    from microbatch.platform.kms import KmsKey  # noqa: PLC0415
    from microbatch.vendors.ethereum.kms_signer import KmsSigner  # noqa: PLC0415

    # It is called under the wallet's lock, so others wait for as long as it takes.
    client = aws_client("kms", connect_seconds=KMS_SECONDS_MAX, read_seconds=KMS_SECONDS_MAX)
    return _by_address([KmsSigner(KmsKey(client, key_id)) for key_id in key_ids.split()])


def _by_address(held: "Sequence[Signer]") -> "Signers":
    return {each.address.lower(): each for each in held}


@cache
def identified() -> None:
    """Have everything that is counted carry where it was counted."""
    from microbatch.platform.observability import identify  # noqa: PLC0415

    identify(**running_function())


@cache
def checked() -> None:
    """Refuse to work with a missing or malformed secret: its name in the error, never its value.

    Runs once per execution environment, before its first message is touched.
    """
    identified()
    families = {carrier.key for carrier in QUEUES.values()}
    for name in mapping_of("SECRET_IDS"):
        if name in OPTIONAL_SECRETS:
            continue
        if name in families:
            secrets().signing_keys(name)
        elif name in LOGINS:
            login(name)
        else:
            secrets().text(name)
            _MADE_OF.get(name, lambda: None)()


def _webhook_keys() -> object:
    from microbatch.vendors.standard_webhooks import keys_in  # noqa: PLC0415

    return keys_in(secrets().text("PAYMENTS_WEBHOOK_SECRET"))


# What a secret makes: making it finds a malformed one.
_MADE_OF: dict[str, Callable[[], object]] = {
    "CHANGENOW_API_KEY": changenow,
    "ETHEREUM_RPC_URL": node,
    "HOST_WALLET_PRIVATE_KEY": signers,
    "PAYMENTS_WEBHOOK_SECRET": _webhook_keys,
}

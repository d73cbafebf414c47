"""What differs between the environments `local`, `dev` and `prod`, typed and in one place.

`Settings` (cdk/settings.py) is what the functions read as environment variables; `Environment`
adds what only the deployment needs. Values that are known only when the stack is brought up (the
host wallet, the addresses of a local chain) come from the CDK context, for example
`-c host_wallet=0x…`.
"""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

from aws_cdk import RemovalPolicy
from aws_cdk.aws_logs import RetentionDays

from cdk.compressed_time import CONTEXT_KEY as COMPRESSED_DAY
from cdk.compressed_time import DAY_SECONDS as DAY_SECONDS  # noqa: PLC0414 - for the others
from cdk.compressed_time import compressed
from cdk.settings import WALLETS_MAX, Settings

ADDRESS_PATTERN = "0x[0-9a-fA-F]{40}"
WALLET_PATTERN = f"{ADDRESS_PATTERN}(@[0-9]+)?"

# Settings that may be unknown at synth: the pattern a value must match when the stack is deployed.
REQUIRED_AT_DEPLOY = {
    "HOST_WALLET_ADDRESS": f"{WALLET_PATTERN}( {WALLET_PATTERN}){{0,{WALLETS_MAX - 1}}}",
    "USDT_ADDRESS": ADDRESS_PATTERN,
    "ETH_USD_FEED_ADDRESS": ADDRESS_PATTERN,
    "CHANGENOW_URL": "https?://.+",
}

# CDK context key → setting. An environment names the ones it accepts.
CONTEXT_SETTINGS = {
    "host_wallet": "host_wallet_address",
    "usdt": "usdt_address",
    "feed": "eth_usd_feed_address",
    "changenow_url": "changenow_url",
    "chain_id": "chain_id",
    "wallet_key_source": "wallet_key_source",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One deployment of the product: its settings and the size and care of its resources."""

    name: str
    parameters: Settings
    accepts: tuple[str, ...] = ("host_wallet",)  # keys of CONTEXT_SETTINGS
    layer_target: str = "aws"  # which built layers, see cdk.layers

    has_vpc: bool = True  # isolated subnets, and Postgres on RDS in them
    own_keys: bool = True  # KMS keys of ours, for the wallet key's secret and for the database
    tracing: bool = True
    canary: bool = True  # a new version takes a tenth of the calls first
    metric_math: bool = True  # CloudWatch can calculate, and alarms look at what it has calculated
    architecture: str = "arm64"
    python: str = "3.13"
    removal_policy: RemovalPolicy = RemovalPolicy.DESTROY
    protected: bool = False  # the stacks, against deletion; the database is always

    log_retention: RetentionDays = RetentionDays.ONE_MONTH
    api_requests_per_second: int = 50
    api_burst: int = 100

    database_instance: str = "t4g.micro"
    database_storage_gib: int = 20
    database_storage_max_gib: int = 100
    database_backup_days: int = 7
    database_multi_az: bool = False

    @property
    def wallet_key_in_kms(self) -> bool:
        """Whether the wallet's key is one inside KMS, and so no secret."""
        return self.parameters.wallet_key_source == "kms"

    @property
    def wallet_role_name(self) -> str:
        """The role that alone may sign with the wallet's key in KMS."""
        return f"{self.prefix}wallet"

    @property
    def prefix(self) -> str:
        """What every deployed name begins with."""
        return f"microbatch-{self.name}-"

    @property
    def database_name(self) -> str:
        """What the instance of Postgres is called."""
        return f"{self.prefix}postgres"

    def function_name(self, stage: str) -> str:
        """What a stage's function is called."""
        return f"{self.prefix}{stage.replace('_', '-')}"

    def settings(self) -> dict[str, str]:
        """The environment variables that are the same for every function, all text."""
        return {
            entry.name.upper(): str(getattr(self.parameters, entry.name))
            for entry in fields(self.parameters)
        }

    def period_minutes(self, schedule: str) -> int:
        """The period of a stage's schedule. Raises AttributeError when there is none."""
        return int(getattr(self.parameters, f"{schedule}_minutes"))

    def with_context(self, get: Callable[[str], object]) -> "Environment":
        """This environment with the settings that the CDK context gives it."""
        given: dict[str, object] = {}
        parameters = self.parameters
        for key in self.accepts:
            value = get(key)
            if value is not None and key == COMPRESSED_DAY:
                parameters = compressed(parameters, int(str(value)))
            elif value is not None:
                setting = CONTEXT_SETTINGS[key]
                given[setting] = int(str(value)) if setting == "chain_id" else str(value)
        return replace(self, parameters=replace(parameters, **given))  # type: ignore[arg-type]


def _machine_architecture() -> str:
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


PROD = Environment(
    name="prod",
    parameters=Settings(
        chain_id=1,
        usdt_address="0xdAC17F958D2ee523a2206206994597C13D831ec7",
        eth_usd_feed_address="0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419",
        changenow_url="https://api.changenow.io",
    ),
    removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    protected=True,
    log_retention=RetentionDays.ONE_YEAR,
    database_instance="t4g.medium",
    database_storage_max_gib=500,
    database_backup_days=35,
    database_multi_az=True,
)

# Sepolia has no ChangeNOW and no USDT of Tether's: both are ours and named when deploying.
DEV = Environment(
    name="dev",
    parameters=Settings(
        chain_id=11_155_111,
        eth_usd_feed_address="0x694AA1769357215DE4FAC081bf1f309aDC325306",
    ),
    accepts=("host_wallet", "usdt", "changenow_url"),
)

# The emulator runs functions with its machine's own Python; drills compress time, not code.
LOCAL = Environment(
    name="local",
    parameters=Settings(
        chain_id=31_337,
        retry_wait_seconds=2,
        poll_wait_seconds=1,
        slow_poll_wait_seconds=2,
        confirmations=2,
        observation_period_seconds=5,
        stale_after_seconds=20,
        database_sslmode="disable",  # Postgres on the same machine
    ),
    accepts=(*CONTEXT_SETTINGS, COMPRESSED_DAY),
    layer_target="local",
    has_vpc=False,
    own_keys=False,
    tracing=False,
    canary=False,
    metric_math=False,
    architecture=_machine_architecture(),
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
)

ENVIRONMENTS = {environment.name: environment for environment in (LOCAL, DEV, PROD)}


def load(get: Callable[[str], object]) -> Environment:
    """The environment that the CDK context names. Raises ValueError when there is no such one."""
    name = get("environment")
    if name not in ENVIRONMENTS:
        raise ValueError(f"-c environment={name}: choose one of {', '.join(ENVIRONMENTS)}")
    return ENVIRONMENTS[str(name)].with_context(get)

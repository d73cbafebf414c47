"""Whether a secret's value can be right: its form, and what whoever it is for says to it.

A check raises ConfigurationError that names the secret and what is wrong, never the value.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cdk.config import Environment
from cdk.secret_store import PAYMENTS_WEBHOOK, SIGNING_KEYS, WALLET_KEY
from cdk.stages import DATABASE_LOGINS, DATABASE_OWNER
from microbatch.errors import ConfigurationError, KeyDenied, MicrobatchError, RetryLater
from microbatch.platform.secrets import SIGNING_KEY_CHARACTERS_MIN
from microbatch.vendors import alchemy, standard_webhooks
from microbatch.vendors.changenow import ChangeNow
from microbatch.vendors.ethereum.key_signer import KeySigner
from microbatch.vendors.ethereum.rpc import Rpc, quantity
from microbatch.wiring.parts import LOGIN_FIELDS, OPTIONAL_SECRETS

IPN_SECRET_CHARACTERS_MIN = 16
DISTINCT_CHARACTERS_MIN = 6
NO_EXCHANGE = "0" * 14


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What values are checked against; with `asks` also by asking the outside."""

    chain_id: int
    changenow_url: str
    wallets: frozenset[str]  # in lower case
    encrypted: bool  # nodes are reached by https only
    asks: bool

    @classmethod
    def of(cls, environment: Environment, *, asks: bool) -> "Surroundings":
        """Those of an environment."""
        settings = environment.parameters
        named = settings.host_wallet_address.lower().split()
        return cls(
            settings.chain_id,
            settings.changenow_url,
            frozenset(wallet.partition("@")[0] for wallet in named),
            environment.has_vpc,
            asks,
        )


Check = Callable[[str, Surroundings], None]


def problem_of(name: str, value: str, around: Surroundings) -> str:
    """What is wrong with a secret's value; "" when nothing is."""
    if not value.strip():
        return "" if name in OPTIONAL_SECRETS else "is empty"
    try:
        CHECKS[name](value.strip(), around)
    except MicrobatchError as error:
        return str(error)
    return ""


def _ipn_secret(value: str, _around: Surroundings) -> None:
    for secret in value.split():
        if len(secret) < IPN_SECRET_CHARACTERS_MIN or len(set(secret)) < DISTINCT_CHARACTERS_MIN:
            raise ConfigurationError(
                f"an IPN secret has at least {IPN_SECRET_CHARACTERS_MIN} characters,"
                " generated at NOWPayments: whoever guesses it is believed"
            )


def _changenow_key(value: str, around: Surroundings) -> None:
    client = ChangeNow(around.changenow_url, value)
    if not around.asks:
        return
    if not around.changenow_url:
        raise ConfigurationError("cannot be checked without -c changenow_url=https://…")
    try:
        client.status(NO_EXCHANGE)
    except KeyDenied as error:
        raise ConfigurationError(f"ChangeNOW refuses the key: {error}") from error
    except RetryLater as error:
        raise ConfigurationError(f"ChangeNOW could not be asked: {error}") from error


def _rpc_urls(value: str, around: Surroundings) -> None:
    for number, url in enumerate(value.split(), start=1):
        node = Rpc(url)
        if around.encrypted and not url.startswith("https://"):
            raise ConfigurationError(f"node {number} is not reached by https://")
        if not around.asks:
            continue
        try:
            chain_id = quantity("eth_chainId", node.call("eth_chainId"))
        except RetryLater as error:
            raise ConfigurationError(f"node {number} could not be asked: {error}") from error
        if chain_id != around.chain_id:
            raise ConfigurationError(
                f"node {number} is of chain {chain_id}, not of {around.chain_id}"
            )


def _wallet_keys(value: str, around: Surroundings) -> None:
    held = {KeySigner(key).address for key in value.split()}
    if not around.wallets:
        raise ConfigurationError("cannot be checked without -c host_wallet=0x…")
    if {address.lower() for address in held} != around.wallets:
        raise ConfigurationError(
            f"the keys are of {', '.join(sorted(held))}; -c host_wallet names"
            f" {', '.join(sorted(around.wallets))}"
        )


def _alchemy_keys(value: str, _around: Surroundings) -> None:
    alchemy.keys_in(value)


def _webhook_keys(value: str, _around: Surroundings) -> None:
    standard_webhooks.keys_in(value)


def _signing_key(value: str, _around: Surroundings) -> None:
    if len(value) < SIGNING_KEY_CHARACTERS_MIN:
        raise ConfigurationError(f"has fewer than {SIGNING_KEY_CHARACTERS_MIN} characters")


def _login(value: str, _around: Surroundings) -> None:
    try:
        fields = json.loads(value)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise ConfigurationError("is not a JSON object")
    missing = [field for field in LOGIN_FIELDS if not fields.get(field)]
    if missing:
        raise ConfigurationError(f"has no field {', '.join(missing)}")


CHECKS: Mapping[str, Check] = {
    "NOWPAYMENTS_IPN_SECRET": _ipn_secret,
    "CHANGENOW_API_KEY": _changenow_key,
    "ETHEREUM_RPC_URL": _rpc_urls,
    "ALCHEMY_SIGNING_KEY": _alchemy_keys,
    WALLET_KEY: _wallet_keys,
    PAYMENTS_WEBHOOK: _webhook_keys,
    **dict.fromkeys(SIGNING_KEYS, _signing_key),
    **dict.fromkeys((DATABASE_OWNER, *DATABASE_LOGINS.values()), _login),
}

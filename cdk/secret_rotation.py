"""Changes a secret that nobody outside knows: `make rotate NAME=SWAP_SIGNING_KEY ENVIRONMENT=dev`.

A signing key's predecessor stays valid beside it. A database password is written first and let in
by the migrator a moment later; whoever comes in between tries again by itself.
"""

import argparse
import json
import secrets
import string
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from cdk import config
from cdk.config import Environment
from cdk.secret_store import SIGNING_KEY_LENGTH, SIGNING_KEYS
from cdk.secret_values import FAILURES, UnusableError, Vault, client
from cdk.stages import DATABASE_LOGINS

ALPHABET = string.ascii_letters + string.digits
PASSWORD_LENGTH = 48
ROTATABLE = (*SIGNING_KEYS, *DATABASE_LOGINS.values())


def rotate(
    name: str, environment: Environment, vault: Vault, functions: Any, now: datetime
) -> None:
    """Give a secret a new value. Raises UnusableError when it must not, or did not, change."""
    if name not in ROTATABLE:
        raise UnusableError(f"{name} is not one of {', '.join(ROTATABLE)}")
    if name in SIGNING_KEYS:
        _not_twice_within_a_message_s_life(name, environment, vault, now)
        vault.write(name, random_text(SIGNING_KEY_LENGTH))
        return
    fields = json.loads(vault.read(name))
    vault.write(name, json.dumps(fields | {"password": random_text(PASSWORD_LENGTH)}))
    _let_in(environment, functions)


def random_text(length: int) -> str:
    """Letters and digits that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _not_twice_within_a_message_s_life(
    name: str, environment: Environment, vault: Vault, now: datetime
) -> None:
    # Two keys are valid at a time: a message may have been signed with the one that would go.
    changed_at = vault.changed_at(name)
    wait = timedelta(seconds=environment.parameters.retry_deadline_seconds)
    if changed_at is not None and now - changed_at < wait:
        raise UnusableError(
            f"{name} was changed at {changed_at:%Y-%m-%d %H:%M} UTC: messages signed before may be"
            f" on their way until {changed_at + wait:%Y-%m-%d %H:%M}"
        )


def _let_in(environment: Environment, functions: Any) -> None:
    name = f"{environment.prefix}migrator:live"
    answer = functions.invoke(FunctionName=name, Payload=b"{}")
    if "FunctionError" in answer:
        raise UnusableError(
            f"the new password is written and {name} has not let it in: look at its log, then"
            " invoke it again"
        )


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="make rotate", description=__doc__)
    parser.add_argument("name", help=", ".join(ROTATABLE))
    parser.add_argument("-c", dest="context", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    context = dict(each.partition("=")[::2] for each in options.context)
    try:
        environment = config.load(context.get)
        vault = Vault(client("secretsmanager"), environment)
        rotate(options.name, environment, vault, client("lambda"), datetime.now(UTC))
    except FAILURES as error:
        sys.exit(str(error))
    sys.stdout.write(f"{options.name} is changed\n")


if __name__ == "__main__":
    main()

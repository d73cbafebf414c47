"""Sets and checks the values of an environment's secrets: `make secrets ENVIRONMENT=dev`.

Asks for what outside parties gave us, or reads it from a file of `NAME=value` lines. Every value is
checked, by its form and by asking whoever it is for, before any is written; none is ever shown.
"""

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cdk import config
from cdk.config import Environment
from cdk.secret_checks import CHECKS, Surroundings, problem_of
from cdk.secret_store import VENDOR_SECRETS, WALLET_KEY
from microbatch.platform.secrets import PREVIOUS

Say = Callable[[str], None]


class UnusableError(Exception):
    """Nothing was changed; the text says what to do."""


# A value is never part of what AWS says about a call.
FAILURES = (UnusableError, ValueError, BotoCoreError, ClientError)


def client(service: str) -> Any:
    """A client of the account that the AWS settings name; boto3 itself does not read AWS_REGION."""
    return boto3.client(service, region_name=os.environ.get("AWS_REGION") or None)


class Vault:
    """An environment's secrets in Secrets Manager, by their canonical names."""

    def __init__(self, client: Any, environment: Environment) -> None:
        self._client = client
        self._prefix = f"microbatch/{environment.name}/"

    def read(self, name: str) -> str:
        """The value now, "" when there is none. Raises UnusableError when there is no secret."""
        try:
            answer = self._client.get_secret_value(SecretId=self._prefix + name)
        except self._client.exceptions.ResourceNotFoundException:
            self._require(name)
            return ""
        return str(answer.get("SecretString", "")).strip()

    def write(self, name: str, value: str) -> None:
        """Give it another value; what was there is kept as the previous one."""
        self._client.put_secret_value(SecretId=self._prefix + name, SecretString=value)

    def changed_at(self, name: str) -> datetime | None:
        """When it last got a value; None when it has only the one it was made with.

        Raises UnusableError when there is no secret.
        """
        answer = self._require(name)
        stages = {stage for each in answer["VersionIdsToStages"].values() for stage in each}
        changed: datetime | None = answer["LastChangedDate"] if PREVIOUS in stages else None
        return changed

    def _require(self, name: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._client.describe_secret(SecretId=self._prefix + name)
        except self._client.exceptions.ResourceNotFoundException:
            raise UnusableError(
                f"there is no secret {self._prefix}{name} here: deploy the data stack first,"
                " and look at your account and region"
            ) from None
        return found


def names_of(environment: Environment) -> list[str]:
    """The secrets of an environment, those of outside parties first."""
    return [
        name
        for name in (*VENDOR_SECRETS, *(name for name in CHECKS if name not in VENDOR_SECRETS))
        if not (name == WALLET_KEY and environment.wallet_key_in_kms)
    ]


def read_file(path: Path, environment: Environment) -> dict[str, str]:
    """The values in a file of `NAME=value` lines; raises UnusableError, naming the line."""
    known, values = set(names_of(environment)), {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals or name.strip() not in known:
            raise UnusableError(f"{path}, line {number}: not NAME=value of a secret there is")
        values[name.strip()] = value.strip().strip("'\"")
    return values


def ask(vault: Vault, environment: Environment) -> dict[str, str]:
    """What a person types, unseen; whoever types nothing leaves what is there."""
    given = {}
    for name, description in VENDOR_SECRETS.items():
        if name not in names_of(environment):
            continue
        state = "set; Enter keeps it" if vault.read(name) else "empty"
        value = getpass.getpass(f"{name} ({description}) [{state}]: ").strip()
        if value:
            given[name] = value
    return given


def apply(
    vault: Vault,
    environment: Environment,
    given: Mapping[str, str],
    around: Surroundings,
    say: Say,
) -> bool:
    """Check everything, then write what is new; whether nothing is left to do.

    Raises UnusableError, having written nothing, when a given value is wrong.
    """
    wrong = {name: problem_of(name, value, around) for name, value in given.items()}
    refused = [f"{name}: {problem}" for name, problem in wrong.items() if problem]
    if refused:
        raise UnusableError("nothing was written\n" + "\n".join(refused))
    complete = True
    for name in names_of(environment):
        before = vault.read(name)
        value = given.get(name, before)
        if value != before:
            vault.write(name, value)
        problem = "" if name in given else problem_of(name, value, around)
        said = "written" if value != before else "unchanged" if value else "left empty"
        say(f"  {name:<26} {problem or said}")
        complete = complete and not problem
    return complete


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says; ends with 1 when something is wrong or missing."""
    parser = argparse.ArgumentParser(prog="make secrets", description=__doc__)
    parser.add_argument("-c", dest="context", action="append", default=[], metavar="KEY=VALUE",
                        help="as for cdk: environment, host_wallet, changenow_url")  # fmt: skip
    parser.add_argument("--file", type=Path, help="NAME=value lines, instead of asking")
    parser.add_argument("--check", action="store_true", help="write nothing, ask for nothing")
    parser.add_argument("--offline", action="store_true", help="check forms only")
    options = parser.parse_args(arguments)
    context = dict(each.partition("=")[::2] for each in options.context)
    try:
        environment = config.load(context.get)
        vault = Vault(client("secretsmanager"), environment)
        given: dict[str, str] = {}
        if options.file:
            given = read_file(options.file, environment)
        elif not options.check:
            given = ask(vault, environment)
        around = Surroundings.of(environment, asks=not options.offline)
        complete = apply(vault, environment, given, around, _say)
    except FAILURES as error:
        sys.exit(str(error))
    if options.file:
        _say(f"{options.file} still holds them: delete it")
    if not complete:
        sys.exit("functions that read these will refuse to start")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()

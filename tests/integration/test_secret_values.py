"""The first set-up of secret values: checked before anything is written, and never shown."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from cdk import secret_rotation, secret_values
from cdk.config import DEV, PROD
from cdk.secret_checks import CHECKS, Surroundings, problem_of
from cdk.secret_store import SIGNING_KEYS, VENDOR_SECRETS
from cdk.secret_values import UnusableError, Vault, apply, names_of, read_file
from cdk.stages import STAGES
from microbatch.vendors.ethereum.key_signer import KeySigner
from tests.unit.stub_server import Answer, Request, StubServer, told

KEY, OTHER_KEY = "0x" + "11" * 32, "0x" + "22" * 32
WALLET = KeySigner(KEY).address
API_KEY = "c0ffee" * 10
HOST = {"host": "db", "port": 5432, "dbname": "microbatch", "username": "u", "password": "hidden-p"}
GOOD = {
    "NOWPAYMENTS_IPN_SECRET": "hidden-Kq7w9s+Zt2/ipn",
    "CHANGENOW_API_KEY": API_KEY,
    "HOST_WALLET_PRIVATE_KEY": KEY,
}
ENVIRONMENT = replace(
    DEV, has_vpc=False, parameters=replace(DEV.parameters, host_wallet_address=f"{WALLET}@17")
)


def answer(request: Request) -> Answer:
    """ChangeNOW that knows one key, and a node of Sepolia; another chain at /other."""
    if request.method == "GET":
        if request.headers.get("x-changenow-api-key") != API_KEY:
            return told({"error": "unauthorized", "message": "no such key"}, 401)
        return told({"error": "not_found", "message": "transaction not found"}, 404)
    if "hang-up" in request.path:
        return Answer(hang_up=True)
    call = request.json()
    chain = 1 if "other" in request.path else DEV.parameters.chain_id
    return told({"jsonrpc": "2.0", "id": call["id"], "result": hex(chain)})


@pytest.fixture
def outside() -> Iterator[StubServer]:
    with StubServer(answer) as server:
        yield server


@pytest.fixture
def around(outside: StubServer) -> Surroundings:
    settings = replace(ENVIRONMENT.parameters, changenow_url=outside.url)
    return Surroundings.of(replace(ENVIRONMENT, parameters=settings), asks=True)


@pytest.fixture
def given(outside: StubServer) -> dict[str, str]:
    return {**GOOD, "ETHEREUM_RPC_URL": f"{outside.url}/hidden-rpc-key"}


@pytest.fixture
def vault(aws: None) -> Vault:
    """What a deployed data stack has: signing keys and logins made, vendors' secrets empty."""
    client = boto3.client("secretsmanager")
    for name in names_of(ENVIRONMENT):
        value = {}
        if name in SIGNING_KEYS:
            value = {"SecretString": "k" * 64}
        elif name.startswith("DATABASE"):
            value = {"SecretString": json.dumps(HOST)}
        elif name == "PAYMENTS_WEBHOOK_SECRET":
            value = {"SecretString": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" * 2}
        client.create_secret(Name=f"microbatch/dev/{name}", **value)
    return Vault(client, ENVIRONMENT)


def test_every_secret_that_a_function_reads_has_a_check() -> None:
    read = {name for stage in STAGES for name in stage.all_secrets}

    assert set(CHECKS) == read == set(names_of(ENVIRONMENT))


def test_a_fresh_environment_is_set_up_at_once(
    vault: Vault, around: Surroundings, given: dict[str, str]
) -> None:
    said: list[str] = []

    assert apply(vault, ENVIRONMENT, given, around, said.append)
    assert {name: vault.read(name) for name in given} == given
    assert "left empty" in next(line for line in said if "ALCHEMY_SIGNING_KEY" in line)
    shown = "\n".join(said)
    assert not [value for value in given.values() if value in shown]
    assert "hidden" not in shown


def test_the_same_again_changes_nothing(
    vault: Vault, around: Surroundings, given: dict[str, str]
) -> None:
    apply(vault, ENVIRONMENT, given, around, str)
    changed = vault.changed_at("CHANGENOW_API_KEY")
    said: list[str] = []

    assert apply(vault, ENVIRONMENT, given, around, said.append)
    assert all("unchanged" in line or "left empty" in line for line in said)
    assert vault.changed_at("CHANGENOW_API_KEY") == changed is None


def test_what_is_missing_is_named_and_is_not_well(vault: Vault, around: Surroundings) -> None:
    said: list[str] = []

    assert not apply(vault, ENVIRONMENT, {}, around, said.append)
    empty = {line.split()[0] for line in said if "is empty" in line}
    assert empty == set(VENDOR_SECRETS) - {"ALCHEMY_SIGNING_KEY"}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("NOWPAYMENTS_IPN_SECRET", "hidden", "at least 16 characters"),
        ("NOWPAYMENTS_IPN_SECRET", "hidhidhidhidhidhidhid", "at least 16 characters"),
        ("CHANGENOW_API_KEY", "hidden-other-key", "ChangeNOW refuses the key"),
        ("ETHEREUM_RPC_URL", "hidden", "does not begin with http"),
        ("ETHEREUM_RPC_URL", "{outside}/hidden/other", "node 1 is of chain 1, not of 11155111"),
        ("ETHEREUM_RPC_URL", "{outside}/a {outside}/hidden/hang-up", "node 2 could not be asked"),
        ("HOST_WALLET_PRIVATE_KEY", "0xhidden", "HOST_WALLET_PRIVATE_KEY"),
        ("HOST_WALLET_PRIVATE_KEY", OTHER_KEY, "the keys are of 0x"),
        ("HOST_WALLET_PRIVATE_KEY", f"{KEY} {OTHER_KEY}", "the keys are of 0x"),
        ("ALCHEMY_SIGNING_KEY", "hidden", "signing keys"),
        ("PAYMENTS_WEBHOOK_SECRET", "whsec_hidden", "base64 of 24 bytes"),
        ("SWAP_SIGNING_KEY", "hidden", "fewer than 64 characters"),
        ("DATABASE_VAULT", "hidden", "is not a JSON object"),
        ("DATABASE_VAULT", '{"password": "hidden"}', "has no field host, port"),
    ],
)
def test_one_wrong_value_and_nothing_is_written(
    vault: Vault,
    around: Surroundings,
    given: dict[str, str],
    outside: StubServer,
    name: str,
    value: str,
    why: str,
) -> None:
    value = value.replace("{outside}", outside.url)
    before = vault.read(name)

    with pytest.raises(UnusableError) as refused:
        apply(vault, ENVIRONMENT, given | {name: value}, around, str)

    assert "nothing was written" in str(refused.value)
    assert name in str(refused.value)
    assert why in str(refused.value)
    assert "hidden" not in str(refused.value)
    assert value not in str(refused.value)
    assert vault.read(name) == before
    assert vault.read("NOWPAYMENTS_IPN_SECRET") == ""


def test_on_aws_a_node_is_reached_encrypted_only() -> None:
    around = Surroundings.of(PROD, asks=False)

    assert "https" in problem_of("ETHEREUM_RPC_URL", "http://node.example/key", around)
    assert not problem_of("ETHEREUM_RPC_URL", "https://node.example/key", around)


def test_a_missing_data_stack_is_said(aws: None, around: Surroundings) -> None:
    empty = Vault(boto3.client("secretsmanager"), ENVIRONMENT)

    with pytest.raises(UnusableError, match="deploy the data stack first"):
        apply(empty, ENVIRONMENT, {}, around, str)


def test_a_file_of_values_is_read_and_a_wrong_line_is_numbered(tmp_path: Path) -> None:
    file = tmp_path / "values"
    file.write_text(
        "# ours\n\nCHANGENOW_API_KEY = hidden-1\nETHEREUM_RPC_URL='https://a https://b'\n"
    )

    assert read_file(file, DEV) == {
        "CHANGENOW_API_KEY": "hidden-1",
        "ETHEREUM_RPC_URL": "https://a https://b",
    }
    for line in ("hidden-value", "NOT_OURS=hidden-value"):
        file.write_text(f"# ours\n{line}\n")
        with pytest.raises(UnusableError, match="line 2") as refused:
            read_file(file, DEV)
        assert "hidden" not in str(refused.value)


def test_with_the_key_in_kms_there_is_no_key_to_set() -> None:
    settings = replace(DEV.parameters, wallet_key_source="kms")

    assert "HOST_WALLET_PRIVATE_KEY" not in names_of(replace(DEV, parameters=settings))


def test_the_command_takes_the_wallet_as_a_deployment_does(
    vault: Vault, tmp_path: Path, outside: StubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "values"
    file.write_text("\n".join(f"{name}={value}" for name, value in GOOD.items()))
    context = ["environment=dev", f"host_wallet={WALLET}", f"changenow_url={outside.url}"]
    options = [part for each in context for part in ("-c", each)]

    with pytest.raises(SystemExit, match="refuse to start"):
        secret_values.main([*options, "--file", str(file)])

    shown = capsys.readouterr()
    assert "delete it" in shown.out
    assert "ETHEREUM_RPC_URL           is empty" in shown.out
    assert not [value for value in GOOD.values() if value in shown.out + shown.err]
    assert vault.read("CHANGENOW_API_KEY") == API_KEY


@pytest.mark.parametrize("command", [secret_values.main, secret_rotation.main])
def test_the_account_is_the_one_of_the_settings_that_the_cdk_reads(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, command: Callable[[list[str]], None]
) -> None:
    """The CDK and the AWS command line take AWS_REGION, which boto3 does not read."""
    context = ["-c", "environment=dev"]
    options = ["--check", "--offline"] if command is secret_values.main else ["SWAP_SIGNING_KEY"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)

    with pytest.raises(SystemExit, match="You must specify a region"):
        command([*options, *context])
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    with pytest.raises(SystemExit, match="deploy the data stack first"):
        command([*options, *context])
    before = vault.read("SWAP_SIGNING_KEY")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with suppress(SystemExit):  # vendors' values are not set
        command([*options, *context])
    assert (vault.read("SWAP_SIGNING_KEY") != before) == (command is secret_rotation.main)


def test_typing_nothing_keeps_what_is_there(
    vault: Vault, around: Surroundings, given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(vault, ENVIRONMENT, given, around, str)
    asked: list[str] = []

    def getpass(prompt: str) -> str:
        asked.append(prompt)
        return "another" if prompt.startswith("CHANGENOW_API_KEY") else " "

    monkeypatch.setattr("cdk.secret_values.getpass.getpass", getpass)
    typed: dict[str, Any] = secret_values.ask(vault, ENVIRONMENT)

    assert typed == {"CHANGENOW_API_KEY": "another"}
    assert len(asked) == len(VENDOR_SECRETS)
    assert sum("Enter keeps it" in prompt for prompt in asked) == 4

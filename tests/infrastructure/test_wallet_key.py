"""The host wallet's key, as a secret or inside KMS: exactly one function may sign with it."""

import json
from typing import Any

import pytest

from cdk import config
from cdk.secret_store import WALLET_KEY
from tests.infrastructure.deployed import Deployed, statements_of_all_roles, variables_bytes

SIGNER = "hostpay_signer"
VARIABLES_MAX_BYTES = 4096  # Lambda's own limit


def wallet_key(deployed: Deployed) -> tuple[str, dict[str, Any]]:
    """The one asymmetric key of an environment."""
    keys = deployed.of_type("AWS::KMS::Key", "data").items()
    (found,) = [(id_, key) for id_, key in keys if "KeySpec" in key]
    return found


def actions(statement: dict[str, Any]) -> set[str]:
    named = statement["Action"]
    return {named} if isinstance(named, str) else set(named)


def able_to_sign(deployed: Deployed) -> set[str]:
    """The functions that can make a signature of the wallet, by either way."""
    ways = (("secretsmanager:GetSecretValue", WALLET_KEY),)
    if deployed.environment.wallet_key_in_kms:
        ways += (("kms:Sign", wallet_key(deployed)[0]),)
    return {
        name
        for name in deployed.functions()
        for action, resource in ways
        if resource in deployed.allowed(name, action)
    }


@pytest.mark.parametrize("choice", ["prod", "prod_kms", "local"])
def test_exactly_one_role_may_sign(choice: str, request: pytest.FixtureRequest) -> None:
    deployed: Deployed = request.getfixturevalue(choice)

    assert able_to_sign(deployed) == {SIGNER}
    allowed = [
        actions(statement)
        for statement in statements_of_all_roles(deployed)
        if statement["Effect"] == "Allow"
    ]
    signing = [each for each in allowed if "kms:Sign" in each]
    assert signing == ([{"kms:GetPublicKey", "kms:Sign"}] if choice == "prod_kms" else [])
    assert not any("*" in action for each in allowed for action in each)


def test_in_kms_the_signer_has_the_key_and_no_secret(prod_kms: Deployed) -> None:
    key, _ = wallet_key(prod_kms)
    secrets = prod_kms.of_type("AWS::SecretsManager::Secret", "data").values()

    for action in ("kms:Sign", "kms:GetPublicKey"):
        assert prod_kms.allowed(SIGNER, action) == {key}
    assert not prod_kms.allowed(SIGNER, "kms:Decrypt")
    assert not [secret for secret in secrets if secret["Name"].endswith(WALLET_KEY)]
    assert WALLET_KEY not in json.dumps(prod_kms.pipeline)
    assert not [secret for secret in secrets if "KmsKeyId" in secret]


def test_the_key_signs_on_secp256k1_and_outlives_its_stack(prod_kms: Deployed) -> None:
    id_, key = wallet_key(prod_kms)

    assert key["KeySpec"] == "ECC_SECG_P256K1"
    assert key["KeyUsage"] == "SIGN_VERIFY"
    resource = prod_kms.data["Resources"][id_]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_key_itself_refuses_everybody_but_the_signers_role(prod_kms: Deployed) -> None:
    _, key = wallet_key(prod_kms)
    (denied,) = [
        statement for statement in key["KeyPolicy"]["Statement"] if statement["Effect"] == "Deny"
    ]
    roles = prod_kms.of_type("AWS::IAM::Role")
    named = {id_: role["RoleName"] for id_, role in roles.items() if "RoleName" in role}

    assert (denied["Action"], denied["Resource"]) == ("kms:Sign", "*")
    assert denied["Principal"] == {"AWS": "*"}
    arn = prod_kms.name(denied["Condition"]["ArnNotEquals"]["aws:PrincipalArn"], "data")
    assert arn.endswith(":iam::{AWS::AccountId}:role/microbatch-prod-wallet")
    signers_role = prod_kms.functions()[SIGNER]["Role"]["Fn::GetAtt"][0]
    assert named == {signers_role: "microbatch-prod-wallet"}


def test_the_signer_alone_knows_where_the_key_is_and_which(
    prod: Deployed, prod_kms: Deployed
) -> None:
    for deployed, source in ((prod, "secret"), (prod_kms, "kms")):
        variables = {
            name: function["Environment"]["Variables"]
            for name, function in deployed.functions().items()
        }
        told = {name: each.get("WALLET_KEY_SOURCE") for name, each in variables.items()}
        assert told == dict.fromkeys(variables) | {SIGNER: source}
        knowing = {name for name, each in variables.items() if "WALLET_KMS_KEY_ID" in each}
        assert knowing == ({SIGNER} if source == "kms" else set())
    named = prod_kms.functions()[SIGNER]["Environment"]["Variables"]["WALLET_KMS_KEY_ID"]
    assert prod_kms.name(named) == wallet_key(prod_kms)[0]
    assert variables_bytes(prod_kms, SIGNER) <= VARIABLES_MAX_BYTES


def test_the_network_reaches_kms_only_where_it_signs(prod: Deployed, prod_kms: Deployed) -> None:
    def services(deployed: Deployed) -> set[str]:
        endpoints = deployed.of_type("AWS::EC2::VPCEndpoint", "data").values()
        assert {entry["VpcEndpointType"] for entry in endpoints} == {"Interface"}
        return {deployed.name(entry["ServiceName"], "data").split(".")[-1] for entry in endpoints}

    assert services(prod) == {"secretsmanager", "sqs"}
    assert services(prod_kms) == {"secretsmanager", "sqs", "kms"}


def test_where_the_key_is_stands_in_the_configuration_not_in_a_flag() -> None:
    for name in ("prod", "dev"):
        context = {"environment": name, "wallet_key_source": "kms"}
        assert not config.load(context.get).wallet_key_in_kms
    local = config.load({"environment": "local", "wallet_key_source": "kms"}.get)
    assert local.wallet_key_in_kms


def test_another_place_for_the_key_is_refused() -> None:
    with pytest.raises(ValueError, match="wallet_key_source=vault: choose one of secret, kms"):
        config.load({"environment": "local", "wallet_key_source": "vault"}.get)

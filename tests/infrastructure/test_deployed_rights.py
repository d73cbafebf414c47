"""Rights: each role has what its row of the stage table says and nothing else."""

import pytest

from cdk.secret_store import PAYMENTS_WEBHOOK, SIGNING_KEYS, VENDOR_SECRETS, WALLET_KEY
from cdk.stages import BY_NAME, DATABASE_LOGINS, DATABASE_OWNER, STAGES, Stage
from microbatch.messages import QUEUES
from tests.infrastructure.deployed import Deployed, statements_of_all_roles

CONSUME = {
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:ReceiveMessage",
}
# Actions for which AWS has no narrower resource, and why they are needed.
WILDCARDS = {
    "ec2:AssignPrivateIpAddresses": "Lambda attaches the function to the VPC",
    "ec2:CreateNetworkInterface": "Lambda attaches the function to the VPC",
    "ec2:DeleteNetworkInterface": "Lambda attaches the function to the VPC",
    "ec2:DescribeNetworkInterfaces": "Lambda attaches the function to the VPC",
    "ec2:DescribeSubnets": "Lambda attaches the function to the VPC",
    "ec2:UnassignPrivateIpAddresses": "Lambda attaches the function to the VPC",
    "xray:PutTelemetryRecords": "tracing",
    "xray:PutTraceSegments": "tracing",
}
ALLOWED_ACTIONS = {
    *CONSUME,
    *WILDCARDS,
    "sqs:GetQueueAttributes",
    "sqs:SendMessage",
    "secretsmanager:GetSecretValue",
    "kms:Decrypt",
    "kms:GetPublicKey",
    "kms:Sign",
    "events:PutEvents",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}


def _dead_letters(queues: tuple[str, ...]) -> set[str]:
    return {f"{queue}-dlq" for queue in queues}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_role_has_exactly_its_rows_queues(deployed: Deployed, stage: Stage) -> None:
    own, watched = set(stage.queues), set(stage.watches)

    for action in CONSUME:
        assert deployed.allowed(stage.name, action) == own | _dead_letters(stage.redrives)
    assert deployed.allowed(stage.name, "sqs:SendMessage") == (
        own | set(stage.sends_to) | _dead_letters(stage.queues)
    )
    assert deployed.allowed(stage.name, "sqs:GetQueueAttributes") == (
        own | watched | _dead_letters(stage.watches)
    )


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_role_reads_exactly_its_rows_secrets(deployed: Deployed, stage: Stage) -> None:
    readable = deployed.allowed(stage.name, "secretsmanager:GetSecretValue")

    in_kms = {WALLET_KEY} if deployed.environment.wallet_key_in_kms else set()
    assert readable == set(stage.all_secrets) - in_kms


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_role_may_do_nothing_else(deployed: Deployed, stage: Stage) -> None:
    for statement in deployed.statements(stage.name):
        assert statement.actions <= ALLOWED_ACTIONS
        if any("*" in resource for resource in statement.resources):
            assert statement.effect == "Deny" or statement.actions <= WILDCARDS.keys()


def test_dead_letters_are_an_operators_alone(deployed: Deployed) -> None:
    reading = {
        name
        for name in BY_NAME
        for letters in deployed.allowed(name, "sqs:ReceiveMessage")
        if letters.endswith("-dlq")
    }

    assert reading == {"operations"}
    assert BY_NAME["operations"].redrives == tuple(QUEUES)


def test_only_stages_that_publish_put_events_and_only_on_our_bus(deployed: Deployed) -> None:
    (bus,) = deployed.of_type("AWS::Events::EventBus")
    publishing = [stage.name for stage in STAGES if stage.publishes]
    # As the template says it, because a queue has the bus's name; CDK's own roles too.
    putting = [each for each in statements_of_all_roles(deployed) if "events:" in str(each)]
    on_our_bus = {
        "Action": "events:PutEvents",
        "Effect": "Allow",
        "Resource": {"Fn::GetAtt": [bus, "Arn"]},
    }

    assert publishing
    assert [name for name in BY_NAME if deployed.allowed(name, "events:PutEvents")] == publishing
    assert putting == [on_our_bus] * len(publishing)
    assert not deployed.of_type("AWS::Events::EventBusPolicy")


def test_every_secret_of_the_stage_table_is_made(prod: Deployed, local: Deployed) -> None:
    wanted = {name for stage in STAGES for name in stage.all_secrets}

    logins = {DATABASE_OWNER, *DATABASE_LOGINS.values()}
    assert wanted == {*logins, PAYMENTS_WEBHOOK, *VENDOR_SECRETS, *SIGNING_KEYS}
    for deployed in (prod, local):
        prefix = f"microbatch/{deployed.environment.name}/"
        made = deployed.of_type("AWS::SecretsManager::Secret", "data").values()
        assert {secret["Name"].removeprefix(prefix) for secret in made} == wanted


def test_the_wallet_key_is_readable_by_exactly_one_role(prod: Deployed, local: Deployed) -> None:
    for deployed in (prod, local):
        readers = {
            name
            for name in deployed.functions()
            if "HOST_WALLET_PRIVATE_KEY" in deployed.allowed(name, "secretsmanager:GetSecretValue")
        }
        assert readers == {"hostpay_signer"}


def test_the_wallet_key_has_an_encryption_key_only_its_reader_may_use(prod: Deployed) -> None:
    secrets = prod.of_type("AWS::SecretsManager::Secret", "data").values()
    encrypted = {secret["Name"]: secret["KmsKeyId"] for secret in secrets if "KmsKeyId" in secret}
    ((wallet, reference),) = encrypted.items()
    key = reference["Fn::GetAtt"][0]
    users = {name for name in prod.functions() if prod.allowed(name, "kms:Decrypt")}

    assert wallet == "microbatch/prod/HOST_WALLET_PRIVATE_KEY"
    assert prod.of_type("AWS::KMS::Key", "data")[key]["EnableKeyRotation"] is True
    assert users == {"hostpay_signer"}
    assert prod.allowed("hostpay_signer", "kms:Decrypt") == {key}


def test_the_edge_holds_its_senders_secrets_and_the_key_of_its_queue() -> None:
    held = {stage.name: set(stage.all_secrets) for stage in STAGES if stage.zone == "edge"}

    assert held == {
        "payment_webhook": {
            "NOWPAYMENTS_IPN_SECRET", "PAYMENTS_WEBHOOK_SECRET", "INGRESS_SIGNING_KEY",
        },
        "chain_webhook": {"ALCHEMY_SIGNING_KEY", "CHAIN_SIGNING_KEY"},
    }  # fmt: skip


def test_outbound_and_edge_never_hold_the_database_or_the_wallet() -> None:
    for stage in STAGES:
        if stage.zone in {"edge", "outbound"}:
            never = {DATABASE_OWNER, *DATABASE_LOGINS.values(), "HOST_WALLET_PRIVATE_KEY"}
            assert not never & set(stage.all_secrets)


def test_each_zone_has_its_own_login_and_only_the_migrator_the_owners(deployed: Deployed) -> None:
    logins = {DATABASE_OWNER, *DATABASE_LOGINS.values()}

    for name, stage in BY_NAME.items():
        held = deployed.allowed(name, "secretsmanager:GetSecretValue") & logins
        if name == "migrator":
            assert held == logins
        elif stage.zone in DATABASE_LOGINS:
            assert held == {DATABASE_LOGINS[stage.zone]}
        else:
            assert not held


def test_a_functions_code_may_not_use_the_right_to_attach_it_to_the_network(
    prod: Deployed,
) -> None:
    for name in prod.functions():
        network = {action for action in WILDCARDS if action.startswith("ec2:")}
        granted = any(prod.allowed(name, action) for action in network)
        denied = [
            statement
            for statement in prod.statements(name)
            if statement.effect == "Deny" and statement.actions == network
        ]
        assert granted == bool(denied) == (BY_NAME[name].zone in {"ledger", "vault"})


def test_signing_keys_are_long_and_vendor_secrets_are_left_empty(prod: Deployed) -> None:
    for secret in prod.of_type("AWS::SecretsManager::Secret", "data").values():
        name = secret["Name"].rpartition("/")[2]
        assert "SecretString" not in secret
        if name in SIGNING_KEYS:
            generated = secret["GenerateSecretString"]
            assert generated == {"PasswordLength": 64, "ExcludePunctuation": True}
        elif name in VENDOR_SECRETS:
            assert "GenerateSecretString" not in secret

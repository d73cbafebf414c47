"""What must outlive a deployment: network, database, keys, secrets; and nothing else with them."""

import json
from typing import Any

import pytest

from cdk import config
from cdk.stages import DATABASE_LOGINS, DATABASE_OWNER, STAGES
from microbatch.platform.migration import ROLES
from microbatch.wiring import parts
from tests.infrastructure.deployed import Deployed

LASTING = {
    "AWS::RDS::DBInstance",
    "AWS::EC2::VPC",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
}
PASSING = {"AWS::SQS::Queue", "AWS::ApiGatewayV2::Api", "AWS::Scheduler::Schedule"}


@pytest.fixture(params=["prod", "dev"])
def on_aws(request: pytest.FixtureRequest) -> Deployed:
    """Each environment that has a network and a database."""
    found: Deployed = request.getfixturevalue(request.param)
    return found


def _kinds(deployed: Deployed, template: str) -> set[str]:
    return {resource["Type"] for resource in getattr(deployed, template)["Resources"].values()}


def test_stacks_are_divided_by_how_long_their_contents_live(on_aws: Deployed) -> None:
    assert _kinds(on_aws, "data") >= LASTING
    assert not _kinds(on_aws, "data") & PASSING
    assert _kinds(on_aws, "pipeline") >= PASSING
    assert not _kinds(on_aws, "pipeline") & LASTING
    # CDK's own, which empties the default security group, is no stage.
    for properties in on_aws.of_type("AWS::Lambda::Function", "data").values():
        assert "FunctionName" not in properties


def test_the_database_is_encrypted_backed_up_and_hard_to_delete(on_aws: Deployed) -> None:
    ((id_, database),) = on_aws.of_type("AWS::RDS::DBInstance", "data").items()
    key = database["KmsKeyId"]["Fn::GetAtt"][0]

    assert database["Engine"] == "postgres"
    assert database["EngineVersion"].split(".")[0] == "18"
    assert database["StorageEncrypted"] is True
    assert on_aws.of_type("AWS::KMS::Key", "data")[key]["EnableKeyRotation"] is True
    assert on_aws.data["Resources"][key]["DeletionPolicy"] == "Retain"
    assert database["PubliclyAccessible"] is False
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] >= 7
    resource = on_aws.data["Resources"][id_]
    assert resource["DeletionPolicy"] in {"Snapshot", "RetainExceptOnCreate"}
    assert resource["UpdateReplacePolicy"] in {"Snapshot", "Retain"}


def test_prod_survives_the_loss_of_a_zone_and_of_its_stacks(prod: Deployed) -> None:
    ((id_, database),) = prod.of_type("AWS::RDS::DBInstance", "data").items()

    assert database["MultiAZ"] is True
    assert database["BackupRetentionPeriod"] == 35
    assert prod.data["Resources"][id_]["DeletionPolicy"] == "RetainExceptOnCreate"


@pytest.mark.parametrize(("name", "protected"), [("prod", True), ("dev", False)])
def test_prods_stacks_refuse_to_be_deleted(
    name: str, protected: bool, request: pytest.FixtureRequest
) -> None:
    """Which no template can say: it is in what CDK deploys beside them."""
    deployed: Deployed = request.getfixturevalue(name)
    stacks = {
        id_: artifact["properties"].get("terminationProtection", False)
        for id_, artifact in deployed.manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }

    assert stacks == {f"microbatch-{name}-{stack}": protected for stack in ("data", "pipeline")}


def test_each_purpose_has_a_key_of_its_own_that_outlives_its_stack(
    prod: Deployed, prod_kms: Deployed
) -> None:
    """One for the database and its backups, one for the wallet: around its secret, or its own."""
    for deployed, wallet in ((prod, "WalletEncryption"), (prod_kms, "WalletKey")):
        keys = deployed.of_type("AWS::KMS::Key", "data")
        assert len(keys) == 2
        for name in ("StorageKey", wallet):
            (id_,) = (key for key in keys if name in key)
            assert deployed.data["Resources"][id_]["DeletionPolicy"].startswith("Retain")
            # AWS rotates no asymmetric key, and the wallet's could not: it is an address
            assert keys[id_].get("EnableKeyRotation", False) is (name != "WalletKey")
            (statement, *others) = keys[id_]["KeyPolicy"]["Statement"]
            assert _account_of(statement)
            assert [each["Effect"] for each in others] == ["Deny"] * (name == "WalletKey")


def _account_of(statement: dict[str, Any]) -> bool:
    """Whether it is the account itself that a key obeys."""
    parts = statement["Principal"]["AWS"]["Fn::Join"][1]
    return {"Ref": "AWS::AccountId"} in parts and parts[-1] == ":root"


def test_the_database_takes_tls_only(on_aws: Deployed) -> None:
    (database,) = on_aws.of_type("AWS::RDS::DBInstance", "data").values()
    group = on_aws.of_type("AWS::RDS::DBParameterGroup", "data")[
        database["DBParameterGroupName"]["Ref"]
    ]

    assert group["Family"] == "postgres18"
    assert group["Parameters"]["rds.force_ssl"] == "1"


def test_the_database_proves_who_it_is_by_a_root_that_the_functions_have(on_aws: Deployed) -> None:
    (database,) = on_aws.of_type("AWS::RDS::DBInstance", "data").values()
    roots = parts.RDS_ROOTS.with_name(f"{database['CACertificateIdentifier']}.pem")
    modes = {
        stage: entry["Environment"]["Variables"].get("DATABASE_SSLMODE")
        for stage, entry in on_aws.functions().items()
    }

    assert roots == parts.RDS_ROOTS
    assert roots.is_file(), "it is in the layer, which is that folder"
    logins = {DATABASE_OWNER, *DATABASE_LOGINS.values()}
    logging_in = {stage.name for stage in STAGES if logins & set(stage.secrets)}
    assert {modes[name] for name in logging_in} == {"verify-full"}
    assert len(logging_in) > 10


def test_the_databases_log_goes_to_a_group_that_forgets(on_aws: Deployed) -> None:
    ((id_, database),) = on_aws.of_type("AWS::RDS::DBInstance", "data").items()
    groups = on_aws.of_type("AWS::Logs::LogGroup", "data")
    (log,) = database["EnableCloudwatchLogsExports"]
    name = f"/aws/rds/instance/{database['DBInstanceIdentifier']}/{log}"
    (group,) = (key for key, entry in groups.items() if entry["LogGroupName"] == name)

    assert groups[group]["RetentionInDays"] > 0
    assert group in on_aws.data["Resources"][id_]["DependsOn"]  # else RDS makes one, for ever


def test_every_login_is_a_role_of_the_schema_and_knows_where_the_database_is(
    on_aws: Deployed,
) -> None:
    (database,) = on_aws.of_type("AWS::RDS::DBInstance", "data")
    secrets = on_aws.of_type("AWS::SecretsManager::Secret", "data")
    attachments = on_aws.of_type("AWS::SecretsManager::SecretTargetAttachment", "data")
    users = {}
    for attachment in attachments.values():  # RDS fills in host, port and name
        assert attachment["TargetId"] == {"Ref": database}
        secret = secrets[attachment["SecretId"]["Ref"]]
        generated = secret["GenerateSecretString"]
        assert generated["PasswordLength"] >= 30
        users[secret["Name"].rpartition("/")[2]] = json.loads(generated["SecretStringTemplate"])

    assert users.pop(DATABASE_OWNER) == {"username": "microbatch"}
    assert users.keys() == set(DATABASE_LOGINS.values())
    assert {user["username"] for user in users.values()} == ROLES


def test_the_database_is_open_to_our_functions_alone(on_aws: Deployed) -> None:
    (database,) = on_aws.of_type("AWS::RDS::DBInstance", "data").values()
    (group,) = (entry["Fn::GetAtt"][0] for entry in database["VPCSecurityGroups"])
    ingress = on_aws.of_type("AWS::EC2::SecurityGroupIngress", "data").values()
    into = [rule for rule in ingress if rule["GroupId"]["Fn::GetAtt"][0] == group]

    (rule,) = into
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (5432, 5432, "tcp")
    assert "CidrIp" not in rule
    assert "SecurityGroupIngress" not in on_aws.of_type("AWS::EC2::SecurityGroup", "data")[group]


def test_every_subnet_is_isolated(on_aws: Deployed) -> None:
    for absent in (
        "AWS::EC2::NatGateway",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::EgressOnlyInternetGateway",
        "AWS::EC2::VPCPeeringConnection",
        "AWS::EC2::TransitGatewayAttachment",
        "AWS::EC2::Route",
    ):
        assert not on_aws.of_type(absent, "data")
    for subnet in on_aws.of_type("AWS::EC2::Subnet", "data").values():
        assert subnet["MapPublicIpOnLaunch"] is False


def test_an_endpoint_carries_this_accounts_calls_to_this_accounts_resources_only(
    on_aws: Deployed,
) -> None:
    endpoints = on_aws.of_type("AWS::EC2::VPCEndpoint", "data")
    ours = {"Ref": "AWS::AccountId"}

    assert endpoints
    for endpoint in endpoints.values():
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        assert statement["Condition"] == {
            "StringEquals": {"aws:PrincipalAccount": ours, "aws:ResourceAccount": ours}
        }


def test_what_the_network_refuses_is_written_down(on_aws: Deployed) -> None:
    (flow_log,) = on_aws.of_type("AWS::EC2::FlowLog", "data").values()
    groups = on_aws.of_type("AWS::Logs::LogGroup", "data")

    assert flow_log["ResourceType"] == "VPC"
    assert flow_log["TrafficType"] == "REJECT"
    assert groups[flow_log["LogGroupName"]["Ref"]]["RetentionInDays"] > 0


def test_every_environment_is_typed_in_one_place() -> None:
    assert set(config.ENVIRONMENTS) == {"local", "dev", "prod"}
    for name, environment in config.ENVIRONMENTS.items():
        assert environment.name == name
        assert isinstance(environment.parameters, config.Settings)

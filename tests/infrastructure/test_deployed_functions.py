"""Functions: one per row of the stage table, each where its zone says and with what it needs."""

import json

import pytest

from cdk import config
from cdk.layers import PROJECT
from cdk.settings import ALLOWED_PAYEES_MAX, WALLETS_MAX
from cdk.settings_read import settings_read
from cdk.stages import BY_NAME, STAGES
from tests.infrastructure.deployed import Deployed, variables_bytes

VARIABLES_MAX_BYTES = 4096  # Lambda's own limit; the emulator has none
SYNC_HTTP_MAX_SECONDS = 30
ALCHEMY_WAITS_SECONDS = 5


def test_every_stage_is_a_function_and_every_function_a_stage(
    prod: Deployed, local: Deployed
) -> None:
    assert prod.functions().keys() == local.functions().keys() == BY_NAME.keys()


def test_every_stage_has_its_door_and_every_door_its_stage() -> None:
    doors = {path.parent.name for path in (PROJECT / "functions").glob("*/handler.py")}

    assert doors == set(BY_NAME)


def test_a_function_runs_its_own_door(prod: Deployed) -> None:
    handlers = {name: properties["Handler"] for name, properties in prod.functions().items()}

    assert handlers == {name: f"{name}.handler.lambda_handler" for name in BY_NAME}


def test_on_aws_functions_run_on_arm_and_python_3_13(prod: Deployed) -> None:
    for properties in prod.functions().values():
        assert properties["Architectures"] == ["arm64"]
        assert properties["Runtime"] == "python3.13"
        assert properties["TracingConfig"] == {"Mode": "Active"}


def test_limits_are_the_stage_tables(prod: Deployed) -> None:
    for name, properties in prod.functions().items():
        assert properties["Timeout"] == BY_NAME[name].timeout_seconds
        assert properties["MemorySize"] == BY_NAME[name].memory_mb


def test_where_each_request_is_a_call_lambda_says_only_what_went_wrong(prod: Deployed) -> None:
    quiet = {"LogFormat": "JSON", "SystemLogLevel": "WARN"}
    logging = {name: entry["LoggingConfig"] for name, entry in prod.functions().items()}

    said_less = {name for name, how in logging.items() if quiet.items() <= how.items()}
    assert said_less == {stage.name for stage in STAGES if stage.routes}
    assert all("LogFormat" not in logging[name] for name in logging.keys() - said_less)


def test_only_ledger_and_vault_are_in_the_network(prod: Deployed) -> None:
    in_network = {name for name, entry in prod.functions().items() if "VpcConfig" in entry}

    assert in_network == {stage.name for stage in STAGES if stage.zone in {"ledger", "vault"}}


def test_the_network_has_no_way_to_the_internet(prod: Deployed) -> None:
    for absent in ("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::Route"):
        assert not prod.of_type(absent, "data")
    for properties in prod.of_type("AWS::EC2::SecurityGroup", "data").values():
        outward = properties.get("SecurityGroupEgress", [])
        assert all(rule["CidrIp"] == "255.255.255.255/32" for rule in outward)  # CDK's "none"


def test_functions_reach_postgres_and_two_services_only(prod: Deployed) -> None:
    rules = prod.of_type("AWS::EC2::SecurityGroupEgress", "data").values()
    endpoints = prod.of_type("AWS::EC2::VPCEndpoint", "data").values()

    ports = sorted((rule["FromPort"], rule["ToPort"]) for rule in rules)
    services = {prod.name(entry["ServiceName"], "data").split(".")[-1] for entry in endpoints}
    assert ports == [(443, 443), (5432, 5432)]
    assert services == {"secretsmanager", "sqs"}


def test_locally_nothing_has_a_network(local: Deployed) -> None:
    assert not any("VpcConfig" in properties for properties in local.functions().values())
    assert not local.of_type("AWS::EC2::VPC", "data")
    assert not local.of_type("AWS::RDS::DBInstance", "data")


def test_web3_is_only_where_the_stage_table_says(prod: Deployed) -> None:
    layers = prod.of_type("AWS::Lambda::LayerVersion")
    (ethereum,) = (
        id_ for id_, entry in layers.items() if entry["Description"].endswith("ethereum")
    )
    others = layers.keys() - {ethereum}

    for name, properties in prod.functions().items():
        attached = {layer["Ref"] for layer in properties["Layers"]}
        assert attached == others | ({ethereum} if BY_NAME[name].ethereum else set())


def test_every_function_logs_to_a_group_that_forgets(prod: Deployed, local: Deployed) -> None:
    for deployed in (prod, local):
        groups = deployed.of_type("AWS::Logs::LogGroup")
        for properties in deployed.functions().values():
            group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]
            assert group["RetentionInDays"] > 0


def test_functions_in_a_loop_of_polls_are_not_stopped_as_runaways(prod: Deployed) -> None:
    for name, properties in prod.functions().items():
        if BY_NAME[name].queues:
            assert properties["RecursiveLoop"] == "Allow", name


def test_webhooks_answer_within_the_apis_limit() -> None:
    for stage in STAGES:
        if stage.routes:
            assert stage.timeout_seconds < SYNC_HTTP_MAX_SECONDS
    assert BY_NAME["chain_webhook"].timeout_seconds < ALCHEMY_WAITS_SECONDS


def test_no_function_is_changed_before_the_migration_ran(prod: Deployed, local: Deployed) -> None:
    for deployed in (prod, local):
        (migration,) = deployed.of_type("Custom::Trigger")
        for resource in deployed.pipeline["Resources"].values():
            name = resource.get("Properties", {}).get("FunctionName")
            ours = resource["Type"] == "AWS::Lambda::Function" and isinstance(name, str)
            if ours and not name.endswith("-migrator"):
                assert migration in resource["DependsOn"], name


def test_a_function_knows_the_queues_and_secrets_of_its_row(prod: Deployed) -> None:
    for name, properties in prod.functions().items():
        stage, variables = BY_NAME[name], properties["Environment"]["Variables"]
        known = {*stage.queues, *stage.sends_to, *stage.watches}
        queues = json.loads(prod.name(variables["QUEUE_URLS"]))
        secrets = json.loads(prod.name(variables["SECRET_IDS"]))
        # what is before the queue's name, once, and the names: an URL is both together
        assert {base: set(names) for base, names in queues.items()} == (
            {"/microbatch-prod-": known} if known else {}
        )
        assert secrets == {secret: secret for secret in stage.all_secrets}


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_a_function_has_the_settings_that_its_code_reads_and_no_others(
    prod: Deployed, name: str
) -> None:
    settings = prod.environment.settings()
    variables = prod.functions()[name]["Environment"]["Variables"]
    read = settings_read(BY_NAME[name]) & settings.keys()

    assert variables.keys() & settings.keys() == read
    own = {"RENEW_AT_RECEIVES"}
    assert {each: variables[each] for each in read - own} == {
        each: settings[each] for each in read - own
    }
    assert variables["ENVIRONMENT"] == "prod"
    assert variables["RESOURCE_PREFIX"] == "microbatch-prod-"


def test_every_setting_is_read_by_some_function_and_a_payees_by_those_that_pay() -> None:
    readers = {
        setting: {name for name, stage in BY_NAME.items() if setting in settings_read(stage)}
        for setting in config.PROD.settings()
    }

    assert not [setting for setting, names in readers.items() if not names]
    assert readers["CHANGENOW_URL"] == {
        name for name, stage in BY_NAME.items() if "CHANGENOW_API_KEY" in stage.secrets
    }
    assert readers["WALLET_KEY_SOURCE"] == {"hostpay_signer"}
    assert "hostpay_signer" in readers["PAYEE_ALLOW_LIST"]
    assert not {"accumulator", "chain_gateway", "health"} & readers["PAYEE_ALLOW_LIST"]


@pytest.mark.parametrize("deployment", ["prod", "prod_kms", "prod_with_long_lists", "dev"])
def test_variables_fit_lambdas_limit(deployment: str, request: pytest.FixtureRequest) -> None:
    deployed: Deployed = request.getfixturevalue(deployment)
    sizes = {stage: variables_bytes(deployed, stage) for stage in BY_NAME}

    assert {stage: size for stage, size in sizes.items() if size > VARIABLES_MAX_BYTES} == {}
    assert max(sizes.values()) > 2000, "they are counted"


def test_the_longest_lists_are_those_that_were_measured(prod_with_long_lists: Deployed) -> None:
    variables = prod_with_long_lists.functions()["operations"]["Environment"]["Variables"]

    assert len(variables["PAYEE_ALLOW_LIST"].split()) == ALLOWED_PAYEES_MAX == 20
    assert len(variables["HOST_WALLET_ADDRESS"].split()) == WALLETS_MAX == 5


def test_what_is_unknown_at_synth_is_demanded_at_deploy(prod: Deployed, local: Deployed) -> None:
    demanded = {"HostWalletAddress", "UsdtAddress", "EthUsdFeedAddress", "ChangenowUrl"}

    assert demanded.isdisjoint(prod.pipeline["Parameters"])
    for name in demanded:
        assert "Default" not in local.pipeline["Parameters"][name]
        assert local.pipeline["Parameters"][name]["AllowedPattern"]

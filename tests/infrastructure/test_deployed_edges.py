"""Routes, schedules, the database and the stacks themselves."""

import json

from cdk.secret_store import SIGNING_KEYS, VENDOR_SECRETS
from cdk.stages import BY_NAME, STAGES
from microbatch.messages import QUEUES
from microbatch.wiring.parts import LOGINS
from tests.infrastructure.deployed import Deployed


def test_routes_are_the_stage_tables(prod: Deployed, local: Deployed) -> None:
    for deployed in (prod, local):
        routes = deployed.of_type("AWS::ApiGatewayV2::Route").values()
        integrations = deployed.of_type("AWS::ApiGatewayV2::Integration")
        found = {}
        for route in routes:
            integration = integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]
            assert integration["PayloadFormatVersion"] == "2.0"
            found[route["RouteKey"]] = deployed.name(integration["IntegrationUri"])
        assert found == {
            route: f"{stage.name.replace('_', '-')}:live"
            for stage in STAGES
            for route in stage.routes
        }


def test_the_api_is_throttled_logged_and_closed_to_browsers(deployed: Deployed) -> None:
    (stage,) = deployed.of_type("AWS::ApiGatewayV2::Stage").values()
    (api,) = deployed.of_type("AWS::ApiGatewayV2::Api").values()
    groups = deployed.of_type("AWS::Logs::LogGroup")
    log_group = stage["AccessLogSettings"]["DestinationArn"]["Fn::GetAtt"][0]
    logged = json.loads(stage["AccessLogSettings"]["Format"])

    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] > 0
    assert groups[log_group]["RetentionInDays"] > 0
    assert {"$context.requestId", "$context.status", "$context.routeKey"} <= set(logged.values())
    assert not [value for value in logged.values() if "authorizer" in value or "body" in value]
    assert api["ProtocolType"] == "HTTP"
    assert "CorsConfiguration" not in api


def test_whoever_need_not_sign_is_slowed_down(deployed: Deployed) -> None:
    ((id_, stage),) = deployed.of_type("AWS::ApiGatewayV2::Stage").items()
    routes = deployed.of_type("AWS::ApiGatewayV2::Route")
    keys = {route["RouteKey"]: route_id for route_id, route in routes.items()}
    signed = {route for stage in STAGES if stage.zone == "edge" for route in stage.routes}

    assert keys.keys() - signed == stage["RouteSettings"].keys() == {"GET /health"}
    for route, settings in stage["RouteSettings"].items():
        assert settings["ThrottlingRateLimit"] <= 5
        assert settings["ThrottlingBurstLimit"] <= 10
        # else the first deployment would name a route that is not there yet
        assert keys[route] in deployed.pipeline["Resources"][id_]["DependsOn"]


def test_schedules_are_the_stage_tables(prod: Deployed, local: Deployed) -> None:
    for deployed in (prod, local):
        schedules = {
            deployed.name(entry["Target"]["Arn"]): entry["ScheduleExpression"]
            for entry in deployed.of_type("AWS::Scheduler::Schedule").values()
        }
        assert schedules == {
            "threshold-check:live": "rate(15 minutes)",
            "payout-scheduler:live": "rate(5 minutes)",
            "reconciler:live": "rate(1 minute)",
        }
        assert {name.replace("-", "_").removesuffix(":live") for name in schedules} == {
            stage.name for stage in STAGES if stage.schedule
        }


def test_a_schedule_that_failed_is_not_repeated_late(prod: Deployed) -> None:
    configured = prod.of_type("AWS::Lambda::EventInvokeConfig").values()

    assert {prod.name(entry["FunctionName"]).replace("-", "_") for entry in configured} == {
        stage.name for stage in STAGES if stage.schedule
    }
    assert {entry["MaximumRetryAttempts"] for entry in configured} == {0}
    assert {prod.name(entry["Qualifier"]) for entry in configured} == {"live"}


def test_what_holds_money_or_keys_outlives_its_stack_in_prod(prod: Deployed) -> None:
    kept = {"AWS::SQS::Queue": "pipeline", "AWS::SecretsManager::Secret": "data"}

    for type_, template in kept.items():
        for resource in getattr(prod, template)["Resources"].values():
            if resource["Type"] == type_:
                assert resource["DeletionPolicy"] == "RetainExceptOnCreate"


def test_outputs_name_everything_a_caller_needs(local: Deployed) -> None:
    outputs = {name: entry["Value"] for name, entry in local.pipeline["Outputs"].items()}

    assert {"ApiUrl", "ApiId", "Functions", "Queues", "Secrets"} <= outputs.keys()
    for name in BY_NAME:
        assert f'"{name}": "microbatch-local-{name.replace("_", "-")}:live"' in outputs["Functions"]
    for queue in QUEUES:
        assert f'"{queue}": "' in local.name(outputs["Queues"])
    for name in (*LOGINS, *VENDOR_SECRETS, *SIGNING_KEYS):
        assert f'"{name}": "microbatch/local/{name}"' in outputs["Secrets"]


def test_locally_drills_compress_time_and_nothing_else(prod: Deployed, local: Deployed) -> None:
    here, there = local.environment.settings(), prod.environment.settings()
    differing = {name for name in there if here[name] != there[name]}

    assert differing <= {
        *("CHAIN_ID", "HOST_WALLET_ADDRESS", "USDT_ADDRESS", "ETH_USD_FEED_ADDRESS"),
        *("CHANGENOW_URL", "CONFIRMATIONS", "RETRY_WAIT_SECONDS", "POLL_WAIT_SECONDS"),
        "DATABASE_SSLMODE",  # there is no network between the two
        *("SLOW_POLL_WAIT_SECONDS", "OBSERVATION_PERIOD_SECONDS", "STALE_AFTER_SECONDS"),
    }

"""The HTTP API: the routes of the stage table, throttled and logged."""

import json
from collections.abc import Iterable

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from cdk.acknowledged import acknowledge
from cdk.config import Environment
from cdk.stage_function import StageFunction

ACCESS_LOG_FIELDS = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latencyMs": "$context.responseLatency",
    "integrationError": "$context.integrationErrorMessage",
}

# Whoever asks need not be anybody, and each answer costs a look at the database: monitors only.
UNSIGNED_ROUTES = {"GET /health": {"ThrottlingRateLimit": 2, "ThrottlingBurstLimit": 10}}


class WebhookApi(Construct):
    """What the internet can reach of the product."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        functions: Iterable[StageFunction],
    ) -> None:
        super().__init__(scope, id_)
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=f"{environment.prefix}webhooks",
            create_default_stage=False,  # ours is throttled and logged
        )
        self._routes: list[apigateway.HttpRoute] = []
        for function in functions:
            for route in function.stage.routes:
                self._add_route(route, function)
        acknowledge(
            self.api,
            "APIG4",
            "Senders sign the raw body, and the function verifies that before anything else: an"
            " authorizer never sees a body. /health says whether all is well, and nothing else",
        )
        self._add_stage(environment)

    def _add_route(self, route: str, function: StageFunction) -> None:
        method, path = route.split()
        self._routes += self.api.add_routes(
            path=path,
            methods=[apigateway.HttpMethod(method)],
            integration=HttpLambdaIntegration(
                f"To-{function.stage.name}",
                function.target,
                payload_format_version=apigateway.PayloadFormatVersion.VERSION_2_0,
            ),
        )

    def _add_stage(self, environment: Environment) -> None:
        log_group = logs.LogGroup(
            self,
            "AccessLogs",
            # The prefix keeps the log group's resource policy, which AWS writes, within its size.
            log_group_name=f"/aws/vendedlogs/{environment.prefix}webhooks",
            retention=environment.log_retention,
            removal_policy=environment.removal_policy,
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            stage_name="$default",
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=environment.api_requests_per_second, burst_limit=environment.api_burst
            ),
        )
        resource = stage.node.default_child
        if not isinstance(resource, apigateway.CfnStage):
            raise TypeError("the HTTP stage is not what CDK made it so far")
        resource.route_settings = UNSIGNED_ROUTES
        resource.node.add_dependency(*self._routes)  # whose settings they are
        resource.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log_group.log_group_arn, format=json.dumps(ACCESS_LOG_FIELDS)
        )

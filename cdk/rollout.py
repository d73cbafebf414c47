"""Canary deployments: a part of the calls goes to a new version first, and it alone is judged.

A schedule calls too rarely for a tenth of its calls to say anything: its function's new version
gets nearly all of them, and may be taken back until two have come.

The alarms are of one version each, by their dimension and by their name: a new version begins with
new ones that never rang. So an alarm of the version before cannot stop the fix for it.
"""

from collections.abc import Iterable

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.acknowledged import acknowledge
from cdk.config import Environment
from cdk.measured import NAMESPACE
from cdk.stage_function import StageFunction
from microbatch.platform.observability import UNHANDLED

PERIOD = Duration.minutes(1)
ERRORS_MAX_PERCENT = 5
DURATION_MAX_PERCENT = 80  # of its time-out, for the slowest of a hundred
CANARY_MINUTES = 5
CONFIGURATION = codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES
SCHEDULED_PERCENT = 90
SCHEDULED_CALLS = 2


class Rollout(Construct):
    """One CodeDeploy application, with a deployment group for each function that has callers."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        environment: Environment,
        functions: Iterable[StageFunction],
    ) -> None:
        super().__init__(scope, id_)
        judged = [function for function in functions if function.stage.is_called]
        self._environment = environment
        self._application = codedeploy.LambdaApplication(
            self, "Application", application_name=f"{environment.prefix}functions"
        )
        self._role = self._role_over([function.name for function in judged])
        for function in judged:
            self._deploy_by_canary(function)

    def _deploy_by_canary(self, function: StageFunction) -> None:
        scope = Construct(self, function.stage.name)
        group = codedeploy.LambdaDeploymentGroup(
            scope,
            "Group",
            application=self._application,
            deployment_group_name=function.name,
            role=self._role,
            alias=function.live,
            deployment_config=self._configuration(scope, function),
            alarms=[
                self._errors(scope, function),
                self._slow(scope, function),
                self._unhandled(scope, function),
            ],
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )
        # The calls move only when the group knows the alarms of this version.
        function.live.node.add_dependency(group)

    def _configuration(
        self, scope: Construct, function: StageFunction
    ) -> codedeploy.ILambdaDeploymentConfig:
        if not function.stage.schedule:
            return CONFIGURATION
        period_minutes = self._environment.period_minutes(function.stage.schedule)
        return codedeploy.LambdaDeploymentConfig(
            scope,
            "Configuration",
            traffic_routing=codedeploy.TimeBasedCanaryTrafficRouting(
                interval=Duration.minutes(SCHEDULED_CALLS * period_minutes + CANARY_MINUTES),
                percentage=SCHEDULED_PERCENT,
            ),
        )

    def _errors(self, scope: Construct, function: StageFunction) -> cloudwatch.Alarm:
        """Calls that ended in an error: a crash, a time-out, out of memory, an import."""
        rate = cloudwatch.MathExpression(
            expression="IF(calls > 0, 100 * errors / calls, 0)",
            using_metrics={
                "errors": _of_version(function, "Errors", "Sum"),
                "calls": _of_version(function, "Invocations", "Sum"),
            },
            period=PERIOD,
            label="errors in percent",
        )
        return _alarm(scope, function, "errors", rate, above=ERRORS_MAX_PERCENT)

    def _slow(self, scope: Construct, function: StageFunction) -> cloudwatch.Alarm:
        duration = _of_version(function, "Duration", "p99")
        milliseconds = function.stage.timeout_seconds * 10 * DURATION_MAX_PERCENT
        schedule = function.stage.schedule
        rarely = bool(schedule) and self._environment.period_minutes(schedule) > 1
        # of calls that are minutes apart no two are slow within three minutes
        of_last = 1 if rarely else 3
        return _alarm(scope, function, "slow", duration, above=milliseconds, of_last=of_last)

    def _unhandled(self, scope: Construct, function: StageFunction) -> cloudwatch.Alarm:
        """Messages that met a bug: the call ends well, the message is retried."""
        counted = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=UNHANDLED,
            dimensions_map={
                "function_name": function.name,
                "version": function.live.version.version,
            },
            statistic="Sum",
            period=PERIOD,
        )
        return _alarm(scope, function, "unhandled", counted, above=0)

    def _role_over(self, names: list[str]) -> iam.IRole:
        # What AWS's own managed policy for this grants on everything, on these functions only.
        stack = Stack.of(self)
        arns = [
            stack.format_arn(service="lambda", resource=f"function:{name}{alias}")
            for name in names
            for alias in ("", ":live")
        ]
        shift = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        alarms = stack.format_arn(
            service="cloudwatch", resource=f"alarm:{self._environment.prefix}*"
        )
        statements = [
            iam.PolicyStatement(actions=shift, resources=arns),
            iam.PolicyStatement(actions=["cloudwatch:DescribeAlarms"], resources=[alarms]),
        ]
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            description=f"microbatch {self._environment.name}: shifts calls to new versions",
            inline_policies={"rollout": iam.PolicyDocument(statements=statements)},
        )
        acknowledge(
            role,
            f"IAM5[Resource::arn:<AWS::Partition>:cloudwatch:<AWS::Region>:<AWS::AccountId>:alarm:"
            f"{self._environment.prefix}*]",
            "An alarm's name ends with the version it judges, which is not known beforehand",
        )
        return role.without_policy_updates()


def _of_version(function: StageFunction, name: str, statistic: str) -> cloudwatch.Metric:
    """A metric of AWS's of the calls through the alias that the new version took."""
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name=name,
        dimensions_map={
            "FunctionName": function.name,
            "Resource": f"{function.name}:{function.live.alias_name}",
            "ExecutedVersion": function.live.version.version,
        },
        statistic=statistic,
        period=PERIOD,
    )


def _alarm(
    scope: Construct,
    function: StageFunction,
    what: str,
    metric: cloudwatch.IMetric,
    *,
    above: float,
    of_last: int = 1,
) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        scope,
        what,
        alarm_name=f"{function.name}-{what}-{function.live.version.version}",
        alarm_description=f"A new version of {function.stage.name} is taken back: {what}:"
        f" see docs/runbook.md#new-version-{what}",
        metric=metric,
        threshold=above,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=of_last,
        datapoints_to_alarm=min(2, of_last),
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )

"""A stage's Lambda function, and the things that start it: its queues and its schedule."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Duration, Fn, IgnoreMode, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from constructs import Construct

from cdk.acknowledged import acknowledge
from cdk.network import Network
from cdk.settings_read import settings_read
from cdk.stage_queue import BATCHING_WINDOW_SECONDS, renew_at_receives
from cdk.stage_role import NETWORK_ZONES, Rights, stage_role
from cdk.stages import Stage

FUNCTIONS = Path(__file__).parent.parent / "functions"
LIVE = "live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every function of an environment shares."""

    rights: Rights
    settings: Mapping[str, str]
    network: Network | None
    runtime: lambda_.Runtime
    architecture: lambda_.Architecture
    layers: Sequence[lambda_.ILayerVersion]
    ethereum_layer: lambda_.ILayerVersion


class StageFunction(Construct):
    """One row of the stage table, deployed."""

    def __init__(self, scope: Construct, *, stage: Stage, surroundings: Surroundings) -> None:
        super().__init__(scope, stage.name)
        self.stage = stage
        self._environment = surroundings.rights.environment
        self.name = self._environment.function_name(stage.name)
        log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{self.name}",
            retention=self._environment.log_retention,
            removal_policy=self._environment.removal_policy,
        )
        self.function = self._made(log_group, surroundings)
        acknowledge(
            self.function,
            "L1",
            "The layers are pinned and built for this runtime, which AWS maintains; the next one"
            " comes with them",
        )
        self.live = lambda_.Alias(
            self,
            "Live",
            alias_name=LIVE,
            version=self.function.current_version,
            description="What queues, routes, schedules and operators call",
            # A schedule comes again by itself; a late repetition of the last one is of no use.
            retry_attempts=0 if stage.schedule else None,
        )

    def _made(self, log_group: logs.ILogGroup, surroundings: Surroundings) -> lambda_.Function:
        stage, name = self.stage, self.name
        in_network = surroundings.network if stage.zone in NETWORK_ZONES else None
        return lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=f"{stage.zone}: {stage.does}",
            code=_code(stage),
            handler=f"{stage.name}.handler.lambda_handler",
            runtime=surroundings.runtime,
            architecture=surroundings.architecture,
            layers=_layers(stage, surroundings),
            timeout=Duration.seconds(stage.timeout_seconds),
            memory_size=stage.memory_mb,
            environment=_variables(stage, surroundings),
            role=stage_role(
                self,
                stage=stage,
                rights=surroundings.rights,
                function_arn=Stack.of(self).format_arn(
                    service="lambda",
                    resource=f"function:{name}",
                ),
                log_group_arn=log_group.log_group_arn,
            ),
            log_group=log_group,
            # How much Lambda says can be chosen for JSON only, which our own lines are anyway.
            logging_format=lambda_.LoggingFormat.JSON if stage.is_quiet else None,
            system_log_level_v2=lambda_.SystemLogLevel.WARN if stage.is_quiet else None,
            tracing=lambda_.Tracing.ACTIVE if self._environment.tracing else None,
            vpc=in_network.vpc if in_network else None,
            vpc_subnets=in_network.subnets if in_network else None,
            security_groups=[in_network.functions] if in_network else None,
            # Asking again goes round through the same functions for days. Lambda takes that for
            # a runaway after 16 rounds and would throw the message out.
            recursive_loop=lambda_.RecursiveLoop.ALLOW if stage.queues else None,
        )

    @property
    def target(self) -> lambda_.IFunction:
        """What queues, routes and schedules call: never the newest code as such."""
        return self.live

    def listen(self, rights: Rights) -> None:
        """Connect the function to its queues."""
        for name in self.stage.queues:
            window = BATCHING_WINDOW_SECONDS.get(name)
            lambda_.EventSourceMapping(
                self,
                f"From-{name}",
                target=self.target,
                event_source_arn=rights.queues[name].queue.queue_arn,
                batch_size=self.stage.batch_size,
                max_batching_window=Duration.seconds(window) if window else None,
                max_concurrency=self.stage.max_concurrency,
                report_batch_item_failures=True,
            )

    def run_on_schedule(self) -> None:
        """Start the function on its schedule, if it has one."""
        if not self.stage.schedule:
            return
        period = Duration.minutes(self._environment.period_minutes(self.stage.schedule))
        scheduler.Schedule(
            self,
            "Schedule",
            schedule_name=self.name,
            description=f"{self.stage.name}: {self.stage.does}",
            schedule=scheduler.ScheduleExpression.rate(period),
            target=scheduler_targets.LambdaInvoke(
                self.target, retry_attempts=0, max_event_age=period
            ),
        )


def _code(stage: Stage) -> lambda_.Code:
    # Only the stage's folder, its package path kept: the import path is the same as in the tests.
    return lambda_.Code.from_asset(
        str(FUNCTIONS),
        exclude=["*", f"!{stage.name}", f"!{stage.name}/**", "__pycache__"],
        ignore_mode=IgnoreMode.GIT,
    )


def _layers(stage: Stage, surroundings: Surroundings) -> list[lambda_.ILayerVersion]:
    extra = [surroundings.ethereum_layer] if stage.ethereum else []
    return [*surroundings.layers, *extra]


def _variables(stage: Stage, surroundings: Surroundings) -> dict[str, str]:
    rights = surroundings.rights
    signing_key = rights.signing_key_of(stage)
    known = dict.fromkeys((*stage.queues, *stage.sends_to, *stage.watches))
    renew_at = renew_at_receives(stage, int(surroundings.settings["RENEW_AT_RECEIVES"]))
    settings = {**surroundings.settings, "RENEW_AT_RECEIVES": str(renew_at)}
    return {
        **{name: settings[name] for name in sorted(settings_read(stage) & settings.keys())},
        # A statement ends before its function does, so that the error is ours to handle.
        "STATEMENT_SECONDS": str(max(1, stage.timeout_seconds - 5)),
        "ENVIRONMENT": rights.environment.name,
        "RESOURCE_PREFIX": rights.environment.prefix,
        "QUEUE_URLS": _json({_base_url(rights, next(iter(known))): [*known]} if known else {}),
        **({"EVENT_BUS_NAME": rights.event_bus.event_bus_name} if stage.publishes else {}),
        **({"WALLET_KMS_KEY_ID": signing_key.key_arn} if signing_key else {}),
        "SECRET_IDS": _json(rights.secrets_of(stage)),
    }


def _base_url(rights: Rights, queue: str) -> str:
    """What the URLs of all our queues begin with: those of fifteen would fill the variables."""
    prefix = f"/{rights.environment.prefix}"
    before = Fn.select(0, Fn.split(prefix, rights.queues[queue].queue.queue_url))
    return f"{before}{prefix}"


def _json(values: Mapping[str, object]) -> str:
    # Compact, because a function's variables may not pass 4 KB in all.
    return json.dumps(values, separators=(",", ":"))

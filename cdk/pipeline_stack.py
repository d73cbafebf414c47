"""The stack of what a deployment replaces: queues, functions, API, schedules, alarms."""

import json
from pathlib import Path

from aws_cdk import AssetHashType, CfnOutput, CfnParameter, Duration, Stack, triggers
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk import layers, shared_layer
from cdk.alarm_topic import alarm_topic
from cdk.alarms import Alarms
from cdk.config import REQUIRED_AT_DEPLOY, Environment
from cdk.dashboard import Dashboard
from cdk.data_stack import DataStack
from cdk.flow_alarms import add_flow_alarms
from cdk.money_alarms import add_money_alarms
from cdk.rollout import Rollout
from cdk.stage_function import LIVE, StageFunction, Surroundings
from cdk.stage_queue import StageQueue
from cdk.stage_role import Rights
from cdk.stages import STAGES
from cdk.webhook_api import WebhookApi
from microbatch.messages import QUEUES


class PipelineStack(Stack):
    """Every stage of the stage table, joined by the queues of the message table."""

    def __init__(
        self, scope: Construct, id_: str, *, environment: Environment, data: DataStack
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=f"microbatch {environment.name}: queues, functions, API, schedules",
            termination_protection=environment.protected,
        )
        self.deployed = environment
        topic = alarm_topic(self, "Alarms", environment=environment)
        self.queues = {
            name: StageQueue(self, name, environment=environment, alarms=topic) for name in QUEUES
        }
        event_bus = events.EventBus(
            self,
            "Events",
            event_bus_name=f"{environment.prefix}events",
            description="Business events; see docs/events.md",
        )
        self.rights = Rights(
            environment=environment,
            queues=self.queues,
            secret_arns=data.secrets.arns,
            wallet_encryption=data.secrets.wallet_encryption,
            wallet_key=data.secrets.wallet_key,
            event_bus=event_bus,
        )
        surroundings = self._surroundings(data)
        self.functions = {
            stage.name: StageFunction(self, stage=stage, surroundings=surroundings)
            for stage in STAGES
        }
        self._migrate_first()
        for function in self.functions.values():
            function.listen(self.rights)
            function.run_on_schedule()
        self.webhooks = WebhookApi(
            self, "Webhooks", environment=environment, functions=self.functions.values()
        )
        self._watch(topic)
        if environment.canary:
            Rollout(self, "Rollout", environment=environment, functions=self.functions.values())
        self._output(data)

    def _watch(self, topic: sns.ITopic) -> None:
        alarms = Alarms(self, "MoneyAlarms", environment=self.deployed, topic=topic)
        add_money_alarms(alarms)
        add_flow_alarms(alarms, self.webhooks.api.api_id)
        dead = [queue.alarm for queue in self.queues.values()]
        Dashboard(
            self,
            "Dashboard",
            environment=self.deployed,
            alarms=[*alarms.all, *dead],
            api_id=self.webhooks.api.api_id,
        )

    def _surroundings(self, data: DataStack) -> Surroundings:
        environment = self.deployed
        architecture = {
            "arm64": lambda_.Architecture.ARM_64,
            "x86_64": lambda_.Architecture.X86_64,
        }[environment.architecture]
        runtime = lambda_.Runtime(f"python{environment.python}", lambda_.RuntimeFamily.PYTHON)
        root = self.node.try_get_context("layers")
        built = layers.root(environment.layer_target) if root is None else Path(str(root))
        shared = shared_layer.built(environment.layer_target, built)
        shared_code = lambda_.Code.from_asset(
            str(shared.folder), asset_hash=shared.digest, asset_hash_type=AssetHashType.CUSTOM
        )

        def layer(name: str, code: lambda_.Code | None = None) -> lambda_.LayerVersion:
            return lambda_.LayerVersion(
                self,
                f"{name.capitalize()}Layer",
                code=code or lambda_.Code.from_asset(str(layers.require(built, name))),
                description=f"microbatch {environment.name}: {name}",
                compatible_runtimes=[runtime],
                compatible_architectures=[architecture],
            )

        return Surroundings(
            rights=self.rights,
            settings=self._settings(),
            network=data.network,
            runtime=runtime,
            architecture=architecture,
            layers=[layer("shared", shared_code), layer("runtime")],
            ethereum_layer=layer("ethereum"),
        )

    def _settings(self) -> dict[str, str]:
        """The environment's settings; what is unknown now becomes a required stack parameter.

        So the templates can be made without it, and a deployment without it stops before anything
        has been changed.
        """
        return {
            name: value or self._required_parameter(name)
            for name, value in self.deployed.settings().items()
        }

    def _required_parameter(self, name: str) -> str:
        return CfnParameter(
            self,
            name.title().replace("_", ""),
            allowed_pattern=REQUIRED_AT_DEPLOY[name],
            description=f"{name}: pass it to cdk with -c (see cdk/config.py), not here",
        ).value_as_string

    def _migrate_first(self) -> None:
        """Bring the schema up to date before any other function is created or changed."""
        migrator = self.functions["migrator"]
        triggers.Trigger(
            self,
            "Migration",
            handler=migrator.function,
            timeout=Duration.seconds(migrator.stage.timeout_seconds),
            execute_before=[
                entry.function for entry in self.functions.values() if entry is not migrator
            ],
        )

    def _output(self, data: DataStack) -> None:
        arns = data.secrets.arns
        outputs = {
            "ApiUrl": self.webhooks.api.api_endpoint,
            "ApiId": self.webhooks.api.api_id,
            "Functions": json.dumps(
                {name: f"{entry.name}:{LIVE}" for name, entry in self.functions.items()}
            ),
            "Queues": json.dumps(
                {name: entry.queue.queue_url for name, entry in self.queues.items()}
            ),
            "Secrets": json.dumps(
                {name: f"microbatch/{self.deployed.name}/{name}" for name in arns}
            ),
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

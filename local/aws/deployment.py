"""The CDK app on the emulator, with the CDK's own commands: synth, bootstrap, deploy."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local import toolchain
from local.aws.emulator import ACCOUNT, REGION, Emulator
from local.processes import Processes

PREFIX = "microbatch-local-"
DATA_STACK = f"{PREFIX}data"
PIPELINE_STACK = f"{PREFIX}pipeline"
SECRET_PREFIX = "microbatch/local/"

COMMAND_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the pipeline stack says about itself."""

    webhook_url: str
    functions: dict[str, str]
    queues: dict[str, str]
    secrets: dict[str, str]


class Deployment:
    """The `local` environment of the CDK app on one emulator."""

    def __init__(self, processes: Processes, emulator: Emulator) -> None:
        self._processes = processes
        self._emulator = emulator
        self._folder = processes.folder.resolve() / "cdk"
        self._assembly = self._folder / "cdk.out"
        self._folder.mkdir(parents=True, exist_ok=True)

    def synthesize(self, context: Mapping[str, str]) -> None:
        """Makes the templates and assets. Raises ProcessError."""
        shutil.rmtree(self._assembly, ignore_errors=True)
        values = {"environment": "local", **context}
        options = [part for name, value in values.items() for part in ("-c", f"{name}={value}")]
        target = ["--app", toolchain.app_command(), "--output", str(self._assembly)]
        arguments = ["synth", "--quiet", *target, *options]
        self._cdk("synth", arguments, cwd=toolchain.ROOT)

    def bootstrap(self) -> None:
        """Makes what any CDK deployment needs. Raises ProcessError."""
        # From a folder without cdk.json: the command would synthesize the app first.
        self._cdk("bootstrap", ["bootstrap", f"aws://{ACCOUNT}/{REGION}"], cwd=self._folder)

    def deploy_data(self, secrets: Mapping[str, str]) -> None:
        """Deploys what lasts, and gives the secrets their values. Raises ProcessError."""
        self._deploy(DATA_STACK)
        client = self._emulator.client("secretsmanager")
        for name, value in secrets.items():
            client.put_secret_value(SecretId=SECRET_PREFIX + name, SecretString=value)

    def deploy_pipeline(self) -> Deployed:
        """Deploys the rest, migrations included. Raises ProcessError."""
        self._deploy(PIPELINE_STACK)
        client = self._emulator.client("cloudformation")
        stack = client.describe_stacks(StackName=PIPELINE_STACK)["Stacks"][0]
        outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in stack["Outputs"]}
        # By this path the API answers without a Host header of its own.
        api = f"{self._emulator.url}/_aws/execute-api/{outputs['ApiId']}/$default"
        tables = (json.loads(outputs[name]) for name in ("Functions", "Queues", "Secrets"))
        return Deployed(api, *tables)

    def _deploy(self, stack: str) -> None:
        flags = ["--exclusively", "--require-approval", "never", "--app", str(self._assembly)]
        self._cdk(f"deploy-{stack}", ["deploy", stack, *flags], cwd=self._folder)

    def _cdk(self, name: str, arguments: list[str], *, cwd: Path) -> None:
        environment = toolchain.clean_environment(
            **self._emulator.settings(),
            PYTHONPATH=toolchain.package_path(),
            CDK_DISABLE_CLI_TELEMETRY="true",
        )
        self._processes.run(
            name,
            [*toolchain.cdk(), *arguments, "--no-notices"],
            environment=environment,
            timeout_seconds=COMMAND_SECONDS,
            cwd=cwd,
        )

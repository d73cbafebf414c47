"""The AWS endpoint of the local stack: one MiniStack process, on 127.0.0.1 only."""

import os
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local import toolchain
from local.aws import lambda_worker, trail
from local.ports import HOST, free_port, http_get
from local.processes import Processes

REGION = "us-east-1"
# MiniStack takes the access key for the account when it has 12 digits, and its default account
# otherwise; ours is that default, so that a client with any key sees the same resources.
ACCOUNT = "000000000000"
SECRET_KEY = "local"

READY_SECONDS = 30.0
_READ_SECONDS = 60


class Emulator:
    """MiniStack and its Lambda workers; everything it holds is gone when it stops."""

    def __init__(self, processes: Processes, sqs_url: str = "") -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._processes = processes
        self._sqs_url = sqs_url  # by which the functions reach SQS, if not directly

    def start(self) -> None:
        """Has the endpoint answering. Raises ProcessError."""
        (self._processes.folder / "tmp").mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "local.aws.launcher"]
        child = self._processes.start(
            "aws", command, environment=self._environment(), cwd=toolchain.ROOT
        )
        child.wait_until(self._answers, READY_SECONDS)

    def client(self, service: str) -> Any:
        """A boto3 client of this endpoint, whatever this process's own AWS settings are."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                proxies={}, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1}
            ),
        )

    def settings(self) -> dict[str, str]:
        """The environment variables that point any AWS tool at this endpoint."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def _environment(self) -> dict[str, str]:
        folder: Path = self._processes.folder.resolve()
        temporary = str(folder / "tmp")
        return {
            "PATH": toolchain.clean_environment()["PATH"],  # node runs the CDK's own functions
            "HOME": temporary,
            "TMPDIR": temporary,  # MiniStack leaves folders behind
            "LANG": "C.UTF-8",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "AUTH": "true",  # signatures and policies are checked (local.aws.authorization)
            "AWS_ACCESS_KEY_ID": ACCOUNT,  # the account's own
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "IOT_MTLS_ENABLED": "0",  # these two would listen on every interface
            "SFTP_ENABLED": "0",
            # with a Docker engine at hand it would tidy up other people's containers
            "DOCKER_HOST": f"unix://{temporary}/no-docker",
            "AWS_EC2_METADATA_DISABLED": "true",
            trail.VARIABLE: str(folder / trail.FILE),
            lambda_worker.PYTHON: str(toolchain.lambda_python()),
            lambda_worker.LOGS: str(folder / "logs" / "functions"),
            lambda_worker.LAYERS: f"{temporary}/layers",
            lambda_worker.ENDPOINT: self.url,
            lambda_worker.SQS_ENDPOINT: self._sqs_url,
        }

    def _answers(self) -> bool:
        status, _ = http_get(f"{self.url}/_ministack/health")
        return status == 200

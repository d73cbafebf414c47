"""How the function `operations` is reached: one call of AWS Lambda, asked once, never repeated."""

import getpass
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from command import trouble
from command.failures import Failure, Usage

ENVIRONMENTS = ("dev", "prod")
LOCAL = "local"
STACK = Path(__file__).parents[1] / ".local"
ENDPOINTS = "endpoints.json"
CONNECT_SECONDS = 5
ANSWER_SECONDS = 75  # more than the function may run

# What the emulator of a local stack takes; nothing real has these.
LOCAL_ACCOUNT = "000000000000"
LOCAL_REGION = "us-east-1"
LOCAL_SECRET = "local"  # noqa: S105

ONCE = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=ANSWER_SECONDS,
    retries={"total_max_attempts": 1},  # an act is not sent twice behind anybody's back
)


@dataclass(frozen=True, kw_only=True)
class Operations:
    """The function of one environment, and who asks it."""

    environment: str
    function_name: str
    aws: boto3.Session
    endpoint_url: str | None = None
    named: str | None = None  # `--who`

    def ask(self, request: Mapping[str, Any]) -> Any:
        """The result of one request. Raises Failure with one line: refused, or not reached."""
        try:
            answer = self._client("lambda").invoke(
                FunctionName=self.function_name, Payload=json.dumps(dict(request)).encode()
            )
            body = answer["Payload"].read()
        except (BotoCoreError, ClientError) as error:
            text = trouble.of_call(error, self.function_name, self.environment)
            raise Failure(text) from error
        if "FunctionError" in answer:
            raise Failure(trouble.of_function(body, self.function_name))
        said = json.loads(body, parse_float=Decimal)
        if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
            raise Failure(f"{self.function_name} answers nothing we know: is it of this version?")
        if not said["ok"]:
            raise Failure(str(said.get("error", "refused, without a reason")))
        return said.get("result")

    @cached_property
    def who(self) -> str:
        """Whose act it is: the AWS caller's ARN; locally the user of this machine."""
        if self.environment == LOCAL:
            return self.named or getpass.getuser()
        try:
            return str(self._client("sts").get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError) as error:
            raise Failure(trouble.of_call(error, "sts", self.environment)) from error

    def _client(self, service: str) -> Any:
        config = ONCE if self.environment != LOCAL else ONCE.merge(Config(proxies={}))
        return self.aws.client(service, endpoint_url=self.endpoint_url, config=config)


def connect(
    environment: str,
    *,
    profile: str | None = None,
    region: str | None = None,
    stack: Path | None = None,
    who: str | None = None,
) -> Operations:
    """The function of an environment. Raises Usage or Failure when there is no way to it."""
    if environment == LOCAL:
        return _local(stack or STACK, who)
    if who is not None:
        raise Usage("--who is for --local only: on AWS it is whoever the credentials are of")
    try:
        # boto3 itself reads AWS_DEFAULT_REGION only
        region = region or os.environ.get("AWS_REGION") or None
        session = boto3.Session(profile_name=profile, region_name=region)
    except BotoCoreError as error:
        raise Failure(trouble.of_call(error, "aws", environment)) from error
    if session.region_name is None:
        raise Failure("no AWS region: say --region, or set AWS_REGION, or one in ~/.aws/config")
    name = f"microbatch-{environment}-operations:live"
    return Operations(environment=environment, function_name=name, aws=session)


def _local(folder: Path, who: str | None) -> Operations:
    path = folder / ENDPOINTS
    try:
        endpoints = json.loads(path.read_text(encoding="utf-8"))
        function_name = endpoints["functions"]["operations"]
        endpoint_url = endpoints["aws_endpoint_url"]
    except FileNotFoundError:
        raise Failure(f"no local stack: {path} is not there; run make up") from None
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(f"{path} is not what make up writes: make down, then make up") from error
    # not the profile of whoever has one set: here is nothing of AWS
    without_profile = botocore.session.Session({"profile": (None, [], None, None)})
    session = boto3.Session(
        botocore_session=without_profile,
        aws_access_key_id=LOCAL_ACCOUNT,
        aws_secret_access_key=LOCAL_SECRET,
        region_name=LOCAL_REGION,
    )
    return Operations(
        environment=LOCAL,
        function_name=function_name,
        aws=session,
        endpoint_url=endpoint_url,
        named=who,
    )

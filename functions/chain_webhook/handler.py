"""Verify an Alchemy notification over its raw body and pass its hashes on as hints."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.hostpay.inbound import ROUTES
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.webhook(event, ROUTES, wiring.host_wallets())

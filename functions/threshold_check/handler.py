"""Claim what is pending and open a batch when it is worth one exchange."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.conversion.checking import check_threshold
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    check = wiring.transact(check_threshold, wiring.conversion_policy())
    wiring.send(check.outgoing)
    logger.info("threshold_checked", **check.summary)
    return check.summary

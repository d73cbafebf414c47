"""Move a swap along what the exchange and the chain say."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.platform.observability import logger, metrics
from microbatch.swap.results import take_result


def record_handler(record: SQSRecord) -> None:
    wiring.step(record, take_result, wiring.swap_policy())


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.each(event, record_handler, context)

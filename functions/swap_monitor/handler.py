"""Ask an exchange once how it stands."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.platform.observability import logger, metrics
from microbatch.swap.outbound import ask_exchange


def record_handler(record: SQSRecord) -> None:
    wiring.ask(record, ask_exchange, wiring.changenow)


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.each(event, record_handler, context)

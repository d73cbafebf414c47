"""Turn what the chain says into states and observations."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.hostpay.recording import take_answer
from microbatch.platform.observability import logger, metrics


def record_handler(record: SQSRecord) -> None:
    wiring.step(record, take_answer, wiring.hostpay_policy(), wiring.observation_source())


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.each(event, record_handler, context)

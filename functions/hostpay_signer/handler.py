"""Bind an approved transfer to one nonce and commit its bytes."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.hostpay.signing import sign
from microbatch.platform.observability import logger, metrics


def record_handler(record: SQSRecord) -> None:
    wiring.step(record, sign, wiring.hostpay_policy(), wiring.signers())


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.each(event, record_handler, context)

"""Store one payment per message: credited or held, never lost. What is plain is stored at once."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.intake.many import credit_many
from microbatch.intake.service import accumulate
from microbatch.platform.observability import logger, metrics


def record_handler(record: SQSRecord) -> None:
    wiring.step(record, accumulate, wiring.intake_policy(), wiring.payout_policy())


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.together(event, credit_many, wiring.intake_policy, record_handler, context)

"""Put business events on the event bus: all of a call at once, what it refuses waits."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.operations.outbound import publish, publish_many
from microbatch.platform.observability import logger, metrics


def record_handler(record: SQSRecord) -> None:
    wiring.ask(record, publish, wiring.event_bus)


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return wiring.ask_together(event, publish_many, wiring.event_bus, record_handler, context)

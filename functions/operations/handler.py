"""Perform one act of an operator; invoked with IAM only."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.errors import InvalidInput
from microbatch.operations.acts import perform
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    surroundings = wiring.operator_surroundings()
    try:
        result, outgoing = wiring.transact(lambda tx, now: perform(event, tx, now, surroundings))
    except InvalidInput as error:
        return {"ok": False, "error": str(error)}
    wiring.send(outgoing)
    return {"ok": True, "result": result}

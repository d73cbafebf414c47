"""Send again what a row has waited for too long; ask for stale observations."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.operations.reconciler import reconcile
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    outgoing = wiring.transact(reconcile, wiring.reconciler_policies())
    wiring.send(outgoing)
    return {"sent": len(outgoing)}

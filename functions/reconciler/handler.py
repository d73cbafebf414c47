"""Do for every row that stands still what its lifetime says; ask for stale observations."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.operations.reconciler import Means, reconcile
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    means = Means(
        transact=wiring.transact,
        send=wiring.send,
        milliseconds_left=context.get_remaining_time_in_millis,
    )
    return {"sent": reconcile(wiring.reconciler_policies(), means)}

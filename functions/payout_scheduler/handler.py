"""Pay clients at their threshold, and payments that wait to be paid at once."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.payout.opening import open_instant, open_threshold, ready
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics(capture_cold_start_metric=True)
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    policy, left = wiring.payout_policy(), context.get_remaining_time_in_millis
    clients, payments = wiring.transact(ready)
    return {
        "payments": wiring.one_by_one(open_instant, payments, left, policy),
        "clients": wiring.one_by_one(open_threshold, clients, left, policy),
    }

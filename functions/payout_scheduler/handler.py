"""Pay clients at their threshold, and payments that wait to be paid at once."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.payout import opening
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    policy, left = wiring.payout_policy(), context.get_remaining_time_in_millis
    clients, payments = wiring.transact(opening.ready)
    instant, threshold = opening.open_instant, opening.open_threshold
    return {
        "payments": wiring.one_by_one(instant, payments, left, opening.put_off_payment, policy),
        "clients": wiring.one_by_one(threshold, clients, left, opening.put_off_client, policy),
    }

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
    policy = wiring.payout_policy()
    clients, payments = wiring.transact(ready, policy)
    for client_id in clients:  # a transaction each: one client never holds up another
        wiring.send(wiring.transact(open_threshold, client_id, policy))
    for payment_id in payments:
        wiring.send(wiring.transact(open_instant, payment_id, policy))
    return {"clients": len(clients), "payments": len(payments)}

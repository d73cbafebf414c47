"""Say whether database, queues and secrets are well, and nothing more."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.operations.health import probe
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    well = set(probe(wiring.health_probes()).values()) == {"ok"}
    return wiring.http_answer(200 if well else 503, {"status": "ok" if well else "unavailable"})

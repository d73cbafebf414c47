"""Probe database, queues and secrets; reveal nothing else."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.operations.health import probe
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    components = probe(wiring.health_probes())
    well = set(components.values()) == {"ok"}
    answer = {"status": "ok" if well else "unavailable", "components": components}
    return wiring.http_answer(200 if well else 503, answer)

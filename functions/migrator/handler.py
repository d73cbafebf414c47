"""Bring the database schema up to date; invoked by the deployment."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from microbatch import wiring
from microbatch.platform.migration import admit, migrate
from microbatch.platform.observability import logger, metrics


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    wiring.checked()
    applied = migrate(wiring.database(), wiring.MIGRATIONS)
    admit(wiring.database(), wiring.zone_logins())
    logger.info("schema_migrated", applied=applied)
    return {"applied": applied}

"""Can this installation work: each component probed, why one cannot in the log alone."""

from collections.abc import Callable, Mapping

from microbatch.platform.observability import logger

Probe = Callable[[], object]


def probe(probes: Mapping[str, Probe]) -> dict[str, str]:
    """ "ok" or "unavailable" for each component; why is in the log only."""
    found = {}
    for component, check in probes.items():
        try:
            check()
            found[component] = "ok"
        except Exception as error:
            logger.error("probe_failed", component=component, error=type(error).__name__)
            found[component] = "unavailable"
    return found

"""The composition root: the only place that knows everybody, and that reads the environment."""

from microbatch.wiring.parts import (
    MIGRATIONS,
    changenow,
    checked,
    database,
    event_bus,
    node,
    processor,
    signers,
)
from microbatch.wiring.policies import (
    conversion_policy,
    host_wallets,
    hostpay_policy,
    intake_policy,
    observation_source,
    operator_surroundings,
    reconciler_policies,
    swap_policy,
)
from microbatch.wiring.steps import ask, health_probes, http_answer, send, step, transact, webhook

__all__ = [
    "MIGRATIONS",
    "ask",
    "changenow",
    "checked",
    "conversion_policy",
    "database",
    "event_bus",
    "health_probes",
    "host_wallets",
    "hostpay_policy",
    "http_answer",
    "intake_policy",
    "node",
    "observation_source",
    "operator_surroundings",
    "processor",
    "reconciler_policies",
    "send",
    "signers",
    "step",
    "swap_policy",
    "transact",
    "webhook",
]

"""The composition root: the only place that knows everybody, and that reads the environment."""

from microbatch.wiring.operator import operate
from microbatch.wiring.parts import (
    MIGRATIONS,
    changenow,
    checked,
    database,
    event_bus,
    node,
    signers,
    zone_logins,
)
from microbatch.wiring.policies import (
    ages,
    conversion_policy,
    host_wallets,
    hostpay_policy,
    intake_policy,
    observation_source,
    operator_surroundings,
    payout_policy,
    reconciler_policies,
    swap_policy,
)
from microbatch.wiring.queue_events import ask_together, each, together
from microbatch.wiring.steps import (
    ask,
    health_probes,
    http_answer,
    one_by_one,
    send,
    step,
    transact,
    webhook,
)

__all__ = [
    "MIGRATIONS",
    "ages",
    "ask",
    "ask_together",
    "changenow",
    "checked",
    "conversion_policy",
    "database",
    "each",
    "event_bus",
    "health_probes",
    "host_wallets",
    "hostpay_policy",
    "http_answer",
    "intake_policy",
    "node",
    "observation_source",
    "one_by_one",
    "operate",
    "operator_surroundings",
    "payout_policy",
    "reconciler_policies",
    "send",
    "signers",
    "step",
    "swap_policy",
    "together",
    "transact",
    "webhook",
    "zone_logins",
]

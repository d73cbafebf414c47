"""What one seed draws before anything happens: who is paid, what comes in, how bad the world is."""

from dataclasses import dataclass, field, replace
from random import Random

from eth_utils import to_checksum_address

MINUTE, HOUR = 60, 3600
CALM, MILD, ROUGH, WILD = 0, 0.5, 1, 2
CRASH_RATE = 0.008
# strategy, currency, network, memo
KINDS = (
    ("threshold", "usdt", "eth", ""),
    ("threshold", "usdt", "eth", ""),
    ("instant", "eth", "eth", ""),
    ("instant", "usdt", "eth", ""),
    ("threshold", "eth", "eth", ""),
    ("threshold", "xmr", "xmr", ""),
    ("instant", "xmr", "xmr", ""),
    ("instant", "xrp", "xrp", "4711"),
)
ODDITIES = (
    "unknown_client",
    "wrong_asset",
    "redeposit",
    "conflict",
    "implausible",
    "amount_unknown",
    "unreadable",
    "unfinished",
)


@dataclass(frozen=True)
class ClientPlan:
    """A client as it will be registered."""

    client_id: str
    strategy: str
    currency: str
    network: str
    extra_id: str
    address: str
    threshold_usd: str
    refused: bool = False  # the exchange calls its address none


@dataclass(frozen=True)
class PaymentPlan:
    """A payment as it will come in."""

    number: int
    at_seconds: float
    client_id: str
    wei: int
    sender: str  # "nowpayments" or "payments"
    again: int  # how often its notification is sent in all
    oddity: str = ""


@dataclass(frozen=True)
class ActPlan:
    """Something a person, the chain or the weather does at some time."""

    number: int
    at_seconds: float
    what: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run, but for what happens by chance on the way."""

    seed: int
    severity: float
    confirmations: int
    finality_blocks: int
    base_fee_gwei: float
    nodes: int
    wallets: int
    kms: bool  # where the wallet's key is
    threshold_usd: int
    overlaps: float  # how often two invocations run into each other
    clients: tuple[ClientPlan, ...] = field(default=())
    payments: tuple[PaymentPlan, ...] = field(default=())
    acts: tuple[ActPlan, ...] = field(default=())

    @property
    def crash_rate(self) -> float:
        """How likely a process ends at one effect."""
        return CRASH_RATE * self.severity


def draw_plan(seed: int) -> Plan:
    """The plan of a seed."""
    source = Random(f"plan {seed}")
    severity = source.choice((CALM, MILD, ROUGH, ROUGH, ROUGH, WILD))
    wallets = source.choice((1, 1, 2))
    clients = tuple(_client(source, number, severity) for number in range(source.randint(2, 4)))
    span_seconds = source.choice((20 * MINUTE, HOUR, 2 * HOUR))
    payments = tuple(
        _payment(source, number, clients, span_seconds, severity)
        for number in range(source.randint(3, 8))
    )
    return Plan(
        seed=seed,
        severity=severity,
        confirmations=source.choice((2, 3, 5, 8)),
        finality_blocks=source.randint(10, 40),
        base_fee_gwei=source.choice((0.5, 1, 3)),
        nodes=source.choice((1, 1, 2, 3)),
        wallets=wallets,
        kms=wallets == 1 and source.random() < 0.25,
        threshold_usd=source.choice((5, 20, 20, 40)),
        overlaps=0.12 if severity else 0,
        clients=clients,
        payments=payments,
        acts=_acts(source, severity, span_seconds),
    )


def _client(source: Random, number: int, severity: float) -> ClientPlan:
    strategy, currency, network, extra_id = source.choice(KINDS)
    address = source.randbytes(20).hex()
    return ClientPlan(
        client_id=str(4000 + number),
        strategy=strategy,
        currency=currency,
        network=network,
        extra_id=extra_id,
        address=str(to_checksum_address("0x" + address))
        if network == "eth"
        else f"{network}{address}",
        threshold_usd=source.choice(("0", "10", "25", "40")),
        refused=network != "eth" and source.random() < 0.1 * severity,
    )


def _payment(
    source: Random, number: int, clients: tuple[ClientPlan, ...], span: int, severity: float
) -> PaymentPlan:
    odd = source.random() < 0.12 * min(severity, 1)
    oddity = source.choice(ODDITIES) if odd else ""
    sender = source.choice(("nowpayments", "payments"))
    if oddity == "unfinished":  # others only tell of what is finished
        sender = "nowpayments"
    micro_eth = source.choice((900, 2500, 4100, 7770, 12_345, 20_000, 33_333, 61_000))
    return PaymentPlan(
        number=number,
        at_seconds=60 + source.random() * span,
        client_id=source.choice(clients).client_id,
        wei=micro_eth * 10**12 + source.randrange(10**12),
        sender=sender,
        again=source.choice((1, 1, 1, 2, 3)),
        oddity=oddity,
    )


OPERATORS_ACTS = (
    "pause_part",
    "accept",
    "reject",
    "retry",
    "release",
    "activate_wallets",
    "redrive_any",
    "look",
)
ACTS = (
    *OPERATORS_ACTS,
    "reorganise",
    "reorganise",
    "evict",
    "spike",
    "pause_client",
    "threshold",
    "address",
    "address",
    "cancel",
    "deploy",
    "health",
    "hint",
    "payee_reverts",
    "blacklist",
    "restart_database",
    "database_outage",
    "sqs_outage",
    "exchange_outage",
    "nodes_outage",
)


def _acts(source: Random, severity: float, span: int) -> tuple[ActPlan, ...]:
    count = round(source.randint(0, 6) * severity)
    return tuple(
        ActPlan(number, 120 + source.random() * (span + HOUR), source.choice(ACTS))
        for number in range(count)
    )


def part_of(
    plan: Plan,
    payments: frozenset[int] | None,
    acts: frozenset[int] | None,
    clients: frozenset[str] | None,
) -> Plan:
    """The plan with some of its payments, acts and clients only; None: with all."""
    kept = tuple(c for c in plan.clients if clients is None or c.client_id in clients)
    known = {client.client_id for client in kept}
    return replace(
        plan,
        clients=kept,
        payments=tuple(
            p
            for p in plan.payments
            if (payments is None or p.number in payments) and p.client_id in known
        ),
        acts=tuple(a for a in plan.acts if kept and (acts is None or a.number in acts)),
    )

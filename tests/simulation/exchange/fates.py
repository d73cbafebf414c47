"""What an exchange will do with what it is paid, drawn when it is made."""

from dataclasses import dataclass, replace
from decimal import Decimal

from tests.simulation.chance import Chance

HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Fate:
    """How one exchange goes on after its deposit, and what is said of it meanwhile."""

    name: str = "finished"
    seconds: float = 240  # from the deposit to the payment
    expires_seconds: float = 24 * HOUR_SECONDS
    status: str = "exchanging"  # until then
    refunds: bool = False
    strict: bool = False  # a deposit after its end is refunded
    refund_loss_percent: Decimal = Decimal(0)
    brings_percent: Decimal = Decimal("99.4")
    says_percent: Decimal = Decimal(100)  # of what it pays, in its answers
    hides_hash_seconds: float = 0  # finished, but it does not say in which transaction
    wrong_hash_seconds: float = 0  # finished, and it names a transaction that nobody knows


# Kind of trouble → how likely in a rough run, and what it changes.
TROUBLE: dict[str, tuple[float, Fate]] = {
    "late": (0.05, Fate(seconds=2 * HOUR_SECONDS)),
    "verifying": (0.04, Fate(seconds=HOUR_SECONDS, status="verifying")),
    "unknown_status": (0.02, Fate(seconds=HOUR_SECONDS, status="blocked_by_moon")),
    "refunded": (0.05, Fate(refunds=True, refund_loss_percent=Decimal("1.3"))),
    "refunded_whole": (0.02, Fate(refunds=True)),
    "refunded_little": (0.015, Fate(refunds=True, refund_loss_percent=Decimal(45))),
    "held_then_refunded": (
        0.02,
        Fate(seconds=2 * HOUR_SECONDS, status="hold", refunds=True),
    ),
    "failed_then_refunded": (
        0.03,
        Fate(
            seconds=2 * HOUR_SECONDS,
            status="failed",
            refunds=True,
            refund_loss_percent=Decimal("0.7"),
        ),
    ),
    "says_more": (0.015, Fate(says_percent=Decimal(106))),
    "hides_hash": (0.03, Fate(hides_hash_seconds=HOUR_SECONDS)),
    "wrong_hash": (0.02, Fate(wrong_hash_seconds=900)),
    "brings_less": (0.03, Fate(brings_percent=Decimal(96))),
}
EXPIRES_EARLY, EARLY_SECONDS = 0.04, (300, 3000)


def drawn_fate(chance: Chance, exchange_id: str, severity: float) -> Fate:
    """The fate of a new exchange."""
    fate = Fate(seconds=chance.between("exchange takes", 30, 400))
    for name, (likely, trouble) in TROUBLE.items():
        if chance.strikes(f"exchange_{name}", exchange_id, likely * severity):
            fate = replace(trouble, name=name)
            break
    if chance.strikes("exchange_expires_early", exchange_id, EXPIRES_EARLY * severity):
        expires_seconds = chance.between("expires", *EARLY_SECONDS)
        fate = replace(fate, expires_seconds=expires_seconds, strict=True)
    return fate

"""What one seed draws before anything happens: how much is paid, and how bad the world is."""

from dataclasses import dataclass
from random import Random

MILD, ROUGH, WILD = 1, 2, 4
BEATS_BEHIND = 2  # Anvil's finalized block is two epochs behind the head


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run, but for what happens on the way."""

    seed: int
    orders: int
    rounds: int
    severity: int
    confirmations: int
    epoch_blocks: int
    endpoints: int
    wallets: int
    earlier: int  # transactions of each wallet before it is ours
    tokens: bool  # some of the transfers are of USDT
    crowded: bool  # threads sign: which of them comes first is up to the machine
    trapped: bool  # lies and thefts that must freeze the wallet are among what happens

    @property
    def reorg_depth_max(self) -> int:
        """Less than the confirmation depth, and nothing that was final."""
        return min(self.confirmations - 1, BEATS_BEHIND * self.epoch_blocks)

    @property
    def messages_lost(self) -> float:
        """The part of all messages that is lost; as much is doubled, late or caught in a crash."""
        return 0.012 * self.severity

    @property
    def character(self) -> str:
        """A few words for the seed's line."""
        mood = {MILD: "mild", ROUGH: "rough", WILD: "wild"}[self.severity]
        more = [word for word in ("tokens", "crowded", "trapped") if getattr(self, word)]
        counted = [
            _counted(self.wallets, "wallet"),
            _counted(self.endpoints, "endpoint"),
            _counted(self.confirmations, "confirmation"),
        ]
        return ", ".join([mood, *counted, *more])


def draw_plan(seed: int, chance: Random) -> Plan:
    """The plan of a seed; the first draws of its one source of chance."""
    return Plan(
        seed=seed,
        orders=chance.randint(12, 30),
        rounds=chance.randint(60, 120),
        severity=chance.choice((MILD, ROUGH, ROUGH, WILD)),
        confirmations=chance.randint(3, 8),
        epoch_blocks=chance.choice((1, 2, 4)),
        endpoints=chance.choice((1, 1, 2)),
        wallets=chance.choice((1, 1, 2, 3)),
        earlier=chance.choice((0, 0, 1, 4)),
        tokens=chance.random() < 0.35,
        crowded=chance.random() < 0.25,
        trapped=chance.random() < 0.15,
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"

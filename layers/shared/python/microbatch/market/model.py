"""Observations: what the outside said, by name, each with its time."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

ETH_USD = "eth_usd"
BASE_FEE_WEI = "base_fee_wei"
PRIORITY_FEE_WEI = "priority_fee_wei"
HEAD_NUMBER = "head_number"
WALLET_BALANCE_WEI = "wallet_balance_wei"
WALLET_TOKEN_UNITS = "wallet_token_units"  # noqa: S105 - a coin, no password


def balance_of(wallet: str) -> str:
    """Name of the observation of another wallet's balance than the first's, in wei."""
    return f"{WALLET_BALANCE_WEI}:{wallet}"


@dataclass(frozen=True, slots=True)
class Pair:
    """What is turned into what, in the provider's names: (ticker, network) twice."""

    from_currency: str
    from_network: str
    to_currency: str
    to_network: str

    @property
    def name(self) -> str:
        """For an observation's name."""
        return f"{self.from_currency}/{self.from_network}>{self.to_currency}/{self.to_network}"

    @property
    def minimum(self) -> str:
        """Name of the observation of its minimum, in coins of from_currency."""
        return f"minimum:{self.name}"

    @property
    def maximum(self) -> str:
        """Name of the observation of its maximum, in coins of from_currency; NULL for none."""
        return f"maximum:{self.name}"

    @property
    def rate(self) -> str:
        """Name of the observation of its rate after all fees; NULL when not quoted."""
        return f"rate:{self.name}"


ETH_TO_USDT = Pair("eth", "eth", "usdt", "eth")


@dataclass(frozen=True, slots=True)
class Observation:
    """One value and when it was seen; value None where the outside said "none"."""

    value: Decimal | None
    observed_at: datetime

"""What the first wallet has, what of it is the clients', and how far the rest goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from microbatch.market.model import (
    BASE_FEE_WEI,
    PRIORITY_FEE_WEI,
    WALLET_BALANCE_WEI,
    WALLET_TOKEN_UNITS,
)
from microbatch.operations import status_store
from microbatch.platform.database import Transaction

PLAIN_GAS = 21_000  # of a transfer of ETH


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """As they were observed last."""

    balance_wei: int
    balance_microusdt: int
    observed_at: str
    owed_wei: int  # of the clients: not converted and not paid out yet
    gas_per_transfer_wei: int | None  # at the fees that were seen last

    @property
    def own_wei(self) -> int:
        """What pays for gas; less than nothing when clients' ETH is missing."""
        return self.balance_wei - self.owed_wei

    @property
    def runway_transfers(self) -> int | None:
        """For how many transfers its own ETH pays the gas."""
        gas_wei = self.gas_per_transfer_wei
        return max(0, self.own_wei) // gas_wei if gas_wei else None

    def shown(self) -> dict[str, Any]:
        """As JSON can have it: amounts as decimal text."""
        gas_wei = self.gas_per_transfer_wei
        return {
            "balance_wei": str(self.balance_wei),
            "balance_microusdt": str(self.balance_microusdt),
            "observed_at": self.observed_at,
            "owed_wei": str(self.owed_wei),
            "own_wei": str(self.own_wei),
            "gas_per_transfer_wei": str(gas_wei) if gas_wei else None,
            "runway_transfers": self.runway_transfers,
        }


def funds(tx: Transaction, observations: Sequence[Mapping[str, Any]]) -> Funds | None:
    """By the newest observation of each name; None before the first."""
    seen = {row["name"]: row for row in observations if row["value"] is not None}
    balance, tokens = seen.get(WALLET_BALANCE_WEI), seen.get(WALLET_TOKEN_UNITS)
    if balance is None or tokens is None:
        return None
    return Funds(
        balance_wei=int(Decimal(balance["value"])),
        balance_microusdt=int(Decimal(tokens["value"])),
        observed_at=balance["observed_at"],
        owed_wei=status_store.owed_wei(tx),
        gas_per_transfer_wei=_gas_wei(seen),
    )


def _gas_wei(seen: Mapping[str, Mapping[str, Any]]) -> int | None:
    """What the gas of one transfer may cost."""
    fees = [seen.get(name) for name in (BASE_FEE_WEI, PRIORITY_FEE_WEI)]
    found = [int(Decimal(fee["value"])) for fee in fees if fee is not None]
    return (2 * found[0] + found[1]) * PLAIN_GAS if len(found) == len(fees) else None

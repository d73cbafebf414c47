"""Ends other than "paid" that what was done to a run explains; every other is a loss."""

from dataclasses import dataclass, field
from typing import Any

OF_THE_PAYEE = (
    "receiver_reverts",
    "gas_limit_above_ceiling",
    "payee_blacklisted",
    "token_refuses",
)


@dataclass(frozen=True, kw_only=True)
class Excuses:
    """What a run has done to itself."""

    cancelled: set[str] = field(default_factory=set)  # transfers
    contracts: set[str] = field(default_factory=set)  # payees with code
    misled: set[str] = field(default_factory=set)  # payees of whom the node did not tell the truth
    expired: set[str] = field(default_factory=set)  # exchanges
    stolen: dict[str, int] = field(default_factory=dict)  # hash → nonce of the first wallet
    token_paused: bool = False
    frozen: set[str] = field(default_factory=set)  # wallets

    def explain(self, transfer: dict[str, Any]) -> bool:
        """Whether a transfer may have ended unpaid as it has."""
        reason = transfer["reason"]
        match transfer["state"]:
            case "rejected":
                return reason == "exchange_expired" and transfer["cn_api_id"] in self.expired
            case "failed" if reason == "cancelled_by_operator":
                return transfer["unique_id"] in self.cancelled
            case "failed":
                return reason == "mined_and_reverted" and self._may_revert(transfer)
            case "parked" if reason in OF_THE_PAYEE:
                return self._may_revert(transfer) or transfer["to_address"].lower() in self.misled
            case "parked":
                stolen = transfer["nonce"] in self.stolen.values()
                return stolen and reason == "nonce_consumed_by_another_transaction"
            case "requested" | "approved":
                return transfer["wallet"] in self.frozen
        return False

    def _may_revert(self, transfer: dict[str, Any]) -> bool:
        has_code = transfer["to_address"].lower() in self.contracts
        return self.token_paused if transfer["token"] else has_code

"""A payout: whom it pays, in which coin, and when it is time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from microbatch.market.model import Pair
from microbatch.money import (
    ETH_DECIMALS,
    USDT_DECIMALS,
    Usd,
    Wei,
    coins,
    value_usd,
)
from microbatch.swap.model import swap_id_of

# From which state a payout may move where. The schema has the same table; a test compares them.
EDGES: dict[str, frozenset[str]] = {
    "claimed": frozenset({"paid", "completed", "released", "rerouted", "parked"}),
    "paid": frozenset({"completed", "released", "parked"}),
    "parked": frozenset({"claimed", "paid", "completed", "released"}),
    "completed": frozenset(),
    "released": frozenset(),
    "rerouted": frozenset(),
}

MAX_ATTEMPTS = 5
DECIMALS = {"eth": ETH_DECIMALS, "usdt": USDT_DECIMALS}
FROM = {"instant": "eth", "threshold": "usdt"}
# Why nothing is paid to an address that is in such a state.
ADDRESS_WAITS = {"unverified": "address_unverified", "refused": "address_refused"}
# What a transfer uses at most in the ordinary case: ETH 21000 always, USDT to a new holder.
GAS = {"eth": 21_000, "usdt": 70_000}

# Ends of an exchange that another try does not mend: the payment is accumulated instead.
NOT_ALONE = (
    "below_minimum",
    "quote_out_of_band",
    "deposit_too_small",
    "minimum_raised",
    "gas_too_dear",
    "pair_is_inactive",
    "exchange_does_not_answer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules payouts are made under."""

    wallet: str  # where what an exchange gives back arrives
    observation_max_age_seconds: int
    minimum_margin_percent: Decimal
    gas_cost_max_percent: int
    transfer_max_token_units: int
    first_payout_max_usd: int  # to an address that was never paid; 0: as any other
    retry_seconds: int  # before what was not made is tried again
    stale_after_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A row of clients, as far as payouts go."""

    client_id: str
    wallet_address: str
    payout_currency: str
    payout_network: str
    payout_extra_id: str
    payout_threshold_usd: Decimal
    address_state: str
    address_matures_at: datetime | None
    paused_at: datetime | None
    payout_not_before: datetime | None
    payout_wait_reason: str | None

    def pair(self, context: str) -> Pair:
        """What the exchange turns into what, for this client."""
        return Pair(FROM[context], "eth", self.payout_currency, self.payout_network)

    def kind(self, context: str) -> str:
        """Whether a plain transfer does: the client wants what we have, where we have it."""
        pair = self.pair(context)
        same = (pair.from_currency, pair.from_network) == (pair.to_currency, pair.to_network)
        return "direct" if same else "exchange"

    def standstill(self, now: datetime) -> str | None:
        """Why nothing is paid to this client now, whatever there is; or None."""
        if self.paused_at is not None:
            return "client_paused"
        if self.address_state != "verified":
            return ADDRESS_WAITS[self.address_state]
        if self.address_matures_at is not None and now < self.address_matures_at:
            return "address_changed_lately"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """A row of payouts."""

    payout_id: str
    unique_id: str
    context: str
    kind: str
    client_id: str
    state: str
    state_since: datetime
    created_at: datetime
    asked_at: datetime | None
    payments_count: int
    from_currency: str
    amount_units: int
    value_usd: Decimal | None
    to_currency: str
    to_network: str
    to_address: str
    to_extra_id: str
    delivered: Decimal | None
    delivered_hash: str | None
    reason: str | None
    retry_seconds: int
    announced_state: str | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Payout":
        """A row with its integers as integers."""
        return cls(**{**row, "amount_units": int(row["amount_units"])})

    @property
    def amount(self) -> Decimal:
        """In coins of from_currency, exactly."""
        return coins(self.amount_units, DECIMALS[self.from_currency])

    def retry_at(self, now: datetime) -> datetime:
        """When its payments may be paid again, if it ends now without having paid them."""
        return now + timedelta(seconds=self.retry_seconds)

    # --- what hostpay asks of whatever a transfer may be reserved for ---

    @property
    def from_network(self) -> str:
        """Both that we pay with are on Ethereum."""
        return "eth"

    @property
    def from_amount_units(self) -> int:
        """In the smallest unit."""
        return self.amount_units

    @property
    def payin_address(self) -> str:
        """Where a direct payment goes: to the client."""
        return self.to_address


def unique_id_of(context: str, payout_id: str) -> str:
    """The identity of a payout's swap, and of its transfer."""
    return swap_id_of(context, payout_id, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Fresh observations; None where there is none."""

    eth_usd: Decimal | None
    base_fee_wei: Decimal | None
    priority_fee_wei: Decimal | None
    has_range: bool
    minimum: Decimal | None  # of the pair, in coins of from_currency
    maximum: Decimal | None  # None: the provider names none

    def gas_usd(self, currency: str) -> Decimal | None:
        """What the gas of our transfer may cost, at the fees it will offer."""
        if self.eth_usd is None or self.base_fee_wei is None or self.priority_fee_wei is None:
            return None
        fee_wei = 2 * self.base_fee_wei + self.priority_fee_wei
        return coins(int(fee_wei * GAS[currency]), ETH_DECIMALS) * self.eth_usd


def amount_refusal(
    context: str, kind: str, units: int, value: Usd | Decimal | None, seen: Seen, policy: Policy
) -> str | None:
    """Why this amount is not paid out now, as far as it is known; or None."""
    currency = FROM[context]
    gas_usd = seen.gas_usd(currency)
    if (
        gas_usd is not None
        and value is not None
        and gas_usd * 100 > value * policy.gas_cost_max_percent
    ):
        return f"gas_too_dear: {gas_usd:.2f} USD for {value:.2f} USD"
    if kind == "direct" or seen.minimum is None:
        return None
    needed = seen.minimum * (100 + policy.minimum_margin_percent) / 100
    if coins(units, DECIMALS[currency]) < needed:
        return f"below_minimum: {seen.minimum.normalize():f} {currency}"
    return None


def unknowns(kind: str, seen: Seen) -> str | None:
    """What has to be observed before a threshold payout is made; or None."""
    if seen.gas_usd("usdt") is None:
        return "no_fresh_observation"
    if kind == "exchange" and not seen.has_range:
        return "minimum_not_known_yet"
    return None


def cap_units(client_paid_before: bool, seen: Seen, policy: Policy) -> int:
    """The most micro-USDT that one payout may be over."""
    caps = [policy.transfer_max_token_units]
    if not client_paid_before and policy.first_payout_max_usd:
        caps.append(policy.first_payout_max_usd * 10**USDT_DECIMALS)
    if seen.maximum is not None:
        caps.append(int(seen.maximum.scaleb(USDT_DECIMALS)))
    return min(caps)


def worth_usd(context: str, units: int, eth_usd: Decimal | None) -> Decimal | None:
    """What is paid out, in dollars: a USDT is one; ETH at its price, if there is one."""
    if context == "threshold":
        return coins(units, USDT_DECIMALS)
    return None if eth_usd is None else value_usd(Wei(units), eth_usd)


def goes_to_accumulation(reason: str) -> bool:
    """Whether an end says that the payment alone will not get its exchange."""
    return reason.removeprefix("rejected: ").startswith(NOT_ALONE)


# Ends that are ours, or nobody's fault: the payment has not failed, it is tried again later.
NOT_ITS_FAULT = (
    "rejected: exchange_expired",
    "rejected: client_paused",
    "rejected: address_",
    "rejected: waited_too_long",
    "released_by_operator",
)

"""A swap: one amount to be turned into another, its identity and its states."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from microbatch.market.model import Pair
from microbatch.money import ETH_DECIMALS, USDT_DECIMALS, Usd, coins, text_from_units

# From which state a swap may move where. The schema has the same table; a test compares them.
EDGES: dict[str, frozenset[str]] = {
    "requested": frozenset({"quoted", "created", "failed", "parked"}),
    "quoted": frozenset({"created", "failed", "parked"}),
    "created": frozenset({"paid", "failed", "expired", "parked"}),
    "paid": frozenset({"finished", "failed", "refunded", "parked"}),
    "parked": frozenset({"paid", "finished", "failed", "refunded"}),
    "finished": frozenset(),
    "failed": frozenset(),
    "refunded": frozenset(),
    "expired": frozenset(),
}

DECIMALS = {("eth", "eth"): ETH_DECIMALS, ("usdt", "eth"): USDT_DECIMALS}

# What the provider may say of an exchange; anything else is unknown: asked again, with an alarm.
ONGOING = frozenset({"new", "waiting", "confirming", "exchanging", "sending"})


def swap_id_of(context: str, owner_id: str, generation: int) -> str:
    """The identity of the swap, and of its transfer: 16 characters [A-Z2-7], derived.

    Doing the same work twice yields the same id (80 bits of SHA-256 over what it is for).
    """
    digest = hashlib.sha256(f"{context}|{owner_id}|{generation}".encode()).digest()
    return base64.b32encode(digest[:10]).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an owner asks for."""

    context: str  # "batch", "threshold" or "instant"
    owner_id: str
    generation: int
    pair: Pair
    from_amount_units: int
    value_usd: Usd
    payout_address: str
    refund_address: str
    payout_extra_id: str = ""

    @property
    def swap_id(self) -> str:
        """Its identity."""
        return swap_id_of(self.context, self.owner_id, self.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """A row of swaps."""

    swap_id: str
    context: str
    owner_id: str
    generation: int
    state: str
    state_since: datetime
    asked_at: datetime | None
    from_currency: str
    from_network: str
    from_amount_units: int
    value_usd: Decimal
    to_currency: str
    to_network: str
    payout_address: str
    refund_address: str
    payout_extra_id: str
    quoted_to_amount: Decimal | None
    cn_api_id: str | None
    payin_address: str | None
    expected_to_amount: Decimal | None
    provider_status: str | None
    provider_amount_to: Decimal | None
    payout_hash: str | None
    refund_hash: str | None
    provider_refund_amount: Decimal | None
    received_units: int | None
    vouched_amount: Decimal | None = None  # what a person says has arrived, or came back; in coins

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Swap":
        """A row with its integers as integers."""
        whole = {
            name: None if row[name] is None else int(row[name])
            for name in ("from_amount_units", "received_units")
        }
        return cls(**{**row, **whole})

    @property
    def is_payout(self) -> bool:
        """Whether it pays a client, not our wallet."""
        return self.context != "batch"

    @property
    def pair(self) -> Pair:
        """What is turned into what."""
        return Pair(self.from_currency, self.from_network, self.to_currency, self.to_network)

    @property
    def from_amount(self) -> Decimal:
        """In coins of from_currency, exactly."""
        return coins(self.from_amount_units, DECIMALS[self.from_currency, self.from_network])

    @property
    def from_amount_text(self) -> str:
        """In coins of from_currency, as plain decimal text."""
        return text_from_units(
            self.from_amount_units, DECIMALS[self.from_currency, self.from_network]
        )

    @property
    def received(self) -> Decimal:
        """In coins of to_currency, exactly; zero before anything arrived."""
        return coins(self.received_units or 0, DECIMALS[self.to_currency, self.to_network])


ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
DOLLARS = frozenset({"usdt", "usdc"})
DISAGREEMENT_PERCENT_MAX = Decimal(1)


def accepts(swap: Swap, offer: Any, band_percent: Decimal) -> str | None:
    """Why this exchange is not the one we asked for, or None when it is.

    A quote can only pass or release: it never changes what is paid.
    """
    if not ADDRESS.fullmatch(offer.payin_address):
        return "payin_address_malformed"
    if offer.payin_extra_id:
        return "payin_needs_extra_id"
    asked = (swap.from_currency, swap.from_network, swap.to_currency, swap.to_network)
    if asked != (
        offer.from_currency,
        offer.from_network,
        offer.to_currency,
        offer.to_network,
    ):
        return "exchange_of_another_pair"
    if offer.payout_address.lower() != swap.payout_address.lower():
        return "payout_address_differs"
    if Decimal(offer.from_amount) != swap.from_amount:
        return "from_amount_differs"
    fair = swap.quoted_to_amount  # of a payout
    if fair is None and swap.to_currency in DOLLARS:
        fair = swap.value_usd
    if fair is None or not offer.to_amount:
        return "quote_missing"
    if not _within_band(Decimal(offer.to_amount), fair, band_percent):
        return "quote_out_of_band"
    return None


def quote_refusal(
    swap: Swap, quote: Any, eth_usd: Decimal | None, band_percent: Decimal
) -> str | None:
    """Why a payout is not exchanged on this quote; or None.

    What it would bring is compared with its value where we know what that is: in dollars and ETH.
    """
    if Decimal(quote.amount) != swap.from_amount:
        return "quote_for_another_amount"
    if swap.from_amount < Decimal(quote.minimum):
        return f"below_minimum: {quote.minimum} {swap.from_currency}"
    if quote.maximum and swap.from_amount > Decimal(quote.maximum):
        return f"above_maximum: {quote.maximum} {swap.from_currency}"
    fair = None
    if swap.to_currency in DOLLARS:
        fair = swap.value_usd
    elif (swap.to_currency, swap.to_network) == ("eth", "eth") and eth_usd:
        fair = swap.value_usd / eth_usd
    if fair and quote.estimated_amount:
        estimated = Decimal(quote.estimated_amount)
        if not _within_band(estimated, fair, band_percent):
            return f"quote_out_of_band: {estimated} for {fair:f} {swap.to_currency}"
    return None


def _within_band(offered: Decimal, fair: Decimal, band_percent: Decimal) -> bool:
    """What is offered against what the same amount is worth."""
    return abs(offered - fair) * 100 <= fair * band_percent


def disagrees(
    units: int,
    decimals: int,
    named: Decimal,
    percent: Decimal = DISAGREEMENT_PERCENT_MAX,
) -> bool:
    """Whether what is on the chain and what was named differ by more than so many per cent."""
    return abs(coins(units, decimals) - named) * 100 > named * percent

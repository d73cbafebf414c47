"""What a payment is worth to whom, and which ones must not be credited blindly."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from microbatch.errors import InvalidInput
from microbatch.money import USD_QUANTUM, Usd, Wei, split_fee, value_usd, wei_from_eth

CONVERTIBLE = ("eth", "eth")  # (currency, network) of what we convert
ALL_ETH_WEI = Wei(10**9 * 10**18)  # more than there will be for long: nobody can vouch for it


class HoldReason(StrEnum):
    """Why a payment waits for a person."""

    UNKNOWN_CLIENT = "unknown_client"
    CLIENT_PAUSED = "client_paused"
    WRONG_ASSET = "wrong_asset"
    REDEPOSIT = "redeposit"
    CONFLICT = "conflict"
    IMPLAUSIBLE_AMOUNT = "implausible_amount"
    AMOUNT_UNKNOWN = "amount_unknown"
    MALFORMED = "malformed"
    INGRESS_PAUSED = "ingress_paused"


# From which state what is held may move where. The schema has the same table; a test compares them.
HELD_EDGES: dict[str, frozenset[str]] = {
    "held": frozenset({"accepted", "rejected"}),
    "accepted": frozenset(),
    "rejected": frozenset(),
}

# Held for nothing but a pause: judged again by itself once that is over.
PAUSES = frozenset({HoldReason.CLIENT_PAUSED, HoldReason.INGRESS_PAUSED})
# Nobody can vouch for a client that is not there, for another asset, for an unreadable body.
VOUCHABLE = frozenset({HoldReason.CONFLICT, HoldReason.REDEPOSIT, HoldReason.IMPLAUSIBLE_AMOUNT})
ORDER = (  # in which it is looked at
    HoldReason.CONFLICT,
    HoldReason.MALFORMED,
    HoldReason.UNKNOWN_CLIENT,
    HoldReason.REDEPOSIT,
    HoldReason.WRONG_ASSET,
    HoldReason.AMOUNT_UNKNOWN,
    HoldReason.IMPLAUSIBLE_AMOUNT,
    HoldReason.CLIENT_PAUSED,
    HoldReason.INGRESS_PAUSED,
)


def vouched_by_accepting(reason: HoldReason) -> frozenset[HoldReason]:
    """What a person stands for who accepts a payment held for this.

    What comes before it was looked at, or vouched for; what comes after it nobody has seen.
    """
    return PAUSES | VOUCHABLE.intersection(ORDER[: ORDER.index(reason) + 1])


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules a payment is taken under."""

    fee_percent: Decimal
    max_payment_wei: Wei
    observation_max_age_seconds: int
    max_times_invoice: int = 5  # more than this many times what was invoiced is implausible


@dataclass(frozen=True, slots=True)
class Client:
    """What intake needs to know of a client."""

    client_id: str
    payout_strategy: str  # "instant" or "threshold"
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A payment notification as it was sent, normalised but not judged."""

    payment_id: str
    source: str
    client_id: str
    received_amount: str
    received_currency: str
    received_network: str
    invoice_usd: str
    parent_payment_id: str
    order_id: str
    payment_status: str
    paid_at: str
    problem: str
    body: bytes

    @property
    def fingerprint(self) -> bytes:
        """What must be equal for two notifications to be the same payment: all but its times."""
        parts = (
            self.source,
            self.payment_id,
            self.client_id,
            _same_number(self.received_amount),
            self.received_currency,
            self.received_network,
            self.order_id,
            self.parent_payment_id,
            self.payment_status,
        )
        return hashlib.sha256("\x1f".join(parts).encode()).digest()


def _same_number(text: str) -> str:
    """0.004 and 0.0040 are one amount; what is no number stays as it is."""
    try:
        return str(Decimal(text).normalize())
    except ArithmeticError:
        return text


@dataclass(frozen=True, slots=True)
class Hold:
    """A payment that is kept, with its evidence, but not credited."""

    reason: HoldReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A payment as it is booked: wei, and its value in dollars as a label."""

    state: str
    received_wei: Wei
    fee_percent: Decimal
    fee_wei: Wei
    net_wei: Wei
    invoice_usd: Usd | None
    net_usd: Usd | None
    net_usd_from: str


def judge(
    notice: Notice,
    client: Client | None,
    eth_usd: Decimal | None,
    policy: Policy,
    last_eth_usd: Decimal | None = None,
    *,
    ingress_paused: bool = False,
    vouched: frozenset[HoldReason] = frozenset(),
) -> Credit | Hold:
    """Whether a payment is credited, and as what. `eth_usd`: a fresh observation, if there is one.

    `last_eth_usd`, however old, is good enough to see that an amount cannot be right. `vouched`: a
    person stands for it, so it is no reason to hold. A pause is looked at last: what is held for
    one needs nothing but its end.

    Nothing is ever estimated: an amount we do not know for certain, or in an asset we do not
    convert, is held.
    """
    verdict = _judged(notice, client, eth_usd, policy, last_eth_usd or eth_usd, vouched)
    if isinstance(verdict, Hold) or client is None:
        return verdict
    if client.paused and HoldReason.CLIENT_PAUSED not in vouched:
        return Hold(HoldReason.CLIENT_PAUSED, f"client {client.client_id} is paused")
    if ingress_paused and HoldReason.INGRESS_PAUSED not in vouched:
        return Hold(HoldReason.INGRESS_PAUSED, "ingress is paused")
    return verdict


def _judged(
    notice: Notice,
    client: Client | None,
    eth_usd: Decimal | None,
    policy: Policy,
    last_eth_usd: Decimal | None,
    vouched: frozenset[HoldReason],
) -> Credit | Hold:
    if notice.problem:
        return Hold(HoldReason.MALFORMED, notice.problem)
    if client is None:
        return Hold(HoldReason.UNKNOWN_CLIENT, f"no client {notice.client_id!r} is registered")
    if notice.parent_payment_id and HoldReason.REDEPOSIT not in vouched:
        return Hold(HoldReason.REDEPOSIT, f"re-deposit of payment {notice.parent_payment_id}")
    if (notice.received_currency, notice.received_network) != CONVERTIBLE:
        return Hold(
            HoldReason.WRONG_ASSET,
            f"received {notice.received_currency or '?'} on {notice.received_network or '?'}, "
            "only eth on eth is converted",
        )
    if not notice.received_amount:
        return Hold(HoldReason.AMOUNT_UNKNOWN, "the notification names no received amount")
    is_vouched = HoldReason.IMPLAUSIBLE_AMOUNT in vouched
    try:
        received_wei = wei_from_eth(notice.received_amount, "received_amount")
        invoice_usd = _invoice(notice.invoice_usd, is_vouched)
        if not is_vouched:
            _check_plausible(received_wei, invoice_usd, policy, last_eth_usd)
    except InvalidInput as error:
        return Hold(HoldReason.IMPLAUSIBLE_AMOUNT, str(error))
    if received_wei <= 0:
        return Hold(HoldReason.IMPLAUSIBLE_AMOUNT, "received_amount is not above zero")
    if received_wei > ALL_ETH_WEI:
        return Hold(HoldReason.IMPLAUSIBLE_AMOUNT, "received_amount is more than there is")
    return _credit(received_wei, client, eth_usd, policy, invoice_usd)


def _check_plausible(
    received_wei: Wei, invoice_usd: Usd | None, policy: Policy, eth_usd: Decimal | None
) -> None:
    """Raises InvalidInput for what a person has to vouch for."""
    if received_wei > policy.max_payment_wei:
        raise InvalidInput(
            f"received {received_wei} wei, more than the limit of {policy.max_payment_wei} wei"
        )
    if _far_above_invoice(received_wei, eth_usd, invoice_usd, policy.max_times_invoice):
        raise InvalidInput(
            f"received more than {policy.max_times_invoice} times the invoice of {invoice_usd} USD"
        )


def _credit(
    received_wei: Wei,
    client: Client,
    eth_usd: Decimal | None,
    policy: Policy,
    invoice_usd: Usd | None,
) -> Credit:
    fee_wei, net_wei = split_fee(received_wei, policy.fee_percent)
    net_usd, net_usd_from = _value(net_wei, eth_usd, invoice_usd, policy.fee_percent)
    return Credit(
        state="waiting_instant" if client.payout_strategy == "instant" else "pending",
        received_wei=received_wei,
        fee_percent=policy.fee_percent,
        fee_wei=fee_wei,
        net_wei=net_wei,
        invoice_usd=invoice_usd,
        net_usd=net_usd,
        net_usd_from=net_usd_from,
    )


def _far_above_invoice(
    received_wei: Wei, eth_usd: Decimal | None, invoice_usd: Usd | None, times: int
) -> bool:
    """A unit mixed up somewhere looks like this; less than invoiced is normal."""
    if eth_usd is None or not invoice_usd:
        return False
    return value_usd(received_wei, eth_usd) > invoice_usd * times


MAX_INVOICE_USD = Decimal(10) ** 12


def _invoice(text: str, is_vouched: bool) -> Usd | None:
    """The invoice; one that says nothing is none once a person vouches for the payment."""
    if not text:
        return None
    problem = "is not a decimal number"
    with suppress(ArithmeticError):  # of what is no number, and of NaN, which compares with none
        amount = Decimal(text)
        problem = "is not a plausible amount"
        if 0 <= amount < MAX_INVOICE_USD:
            return Usd(amount.quantize(USD_QUANTUM))
    if is_vouched:
        return None
    raise InvalidInput(f"invoice_usd {problem}: {text[:40]!r}")


def _value(
    net_wei: Wei, eth_usd: Decimal | None, invoice_usd: Usd | None, fee_percent: Decimal
) -> tuple[Usd | None, str]:
    """A label for thresholds and reports; no money is ever computed from it."""
    if eth_usd is not None:
        return value_usd(net_wei, eth_usd), "observation"
    if invoice_usd is not None:
        net = invoice_usd * (100 - fee_percent) / 100
        return Usd(net.quantize(USD_QUANTUM)), "invoice"
    return None, "nothing"


@dataclass(frozen=True, slots=True)
class Booking:
    """One version of a payment, and as what it is booked."""

    notice: Notice
    credit: Credit
    fingerprint: bytes

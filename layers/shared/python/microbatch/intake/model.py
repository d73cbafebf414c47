"""What a payment is worth to whom, and which ones must not be credited blindly."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from microbatch.errors import InvalidInput
from microbatch.money import USD_QUANTUM, Usd, Wei, split_fee, value_usd, wei_from_eth

CONVERTIBLE = ("eth", "eth")  # (currency, network) of what we convert


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
) -> Credit | Hold:
    """Whether a payment is credited, and as what. `eth_usd`: a fresh observation, if there is one.

    `last_eth_usd`, however old, is good enough to see that an amount cannot be right.

    Nothing is ever estimated: an amount we do not know for certain, or in an asset we do not
    convert, is held.
    """
    if notice.problem:
        return Hold(HoldReason.MALFORMED, notice.problem)
    if client is None:
        return Hold(HoldReason.UNKNOWN_CLIENT, f"no client {notice.client_id!r} is registered")
    if client.paused:
        return Hold(HoldReason.CLIENT_PAUSED, f"client {client.client_id} is paused")
    if notice.parent_payment_id:
        return Hold(HoldReason.REDEPOSIT, f"re-deposit of payment {notice.parent_payment_id}")
    if (notice.received_currency, notice.received_network) != CONVERTIBLE:
        return Hold(
            HoldReason.WRONG_ASSET,
            f"received {notice.received_currency or '?'} on {notice.received_network or '?'}, "
            "only eth on eth is converted",
        )
    if not notice.received_amount:
        return Hold(HoldReason.AMOUNT_UNKNOWN, "the notification names no received amount")
    return _credit(notice, client, eth_usd, policy, last_eth_usd or eth_usd)


def _credit(
    notice: Notice,
    client: Client,
    eth_usd: Decimal | None,
    policy: Policy,
    last_eth_usd: Decimal | None,
) -> Credit | Hold:
    try:
        received_wei = wei_from_eth(notice.received_amount, "received_amount")
        invoice_usd = _invoice(notice.invoice_usd)
    except InvalidInput as error:
        return Hold(HoldReason.IMPLAUSIBLE_AMOUNT, str(error))
    if received_wei <= 0:
        return Hold(HoldReason.IMPLAUSIBLE_AMOUNT, "received_amount is not above zero")
    if received_wei > policy.max_payment_wei:
        return Hold(
            HoldReason.IMPLAUSIBLE_AMOUNT,
            f"received {received_wei} wei, more than the limit of {policy.max_payment_wei} wei",
        )
    if _far_above_invoice(received_wei, last_eth_usd, invoice_usd, policy.max_times_invoice):
        return Hold(
            HoldReason.IMPLAUSIBLE_AMOUNT,
            f"received more than {policy.max_times_invoice} times the invoice of {invoice_usd} USD",
        )
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


def _invoice(text: str) -> Usd | None:
    if not text:
        return None
    try:
        amount = Decimal(text)
    except ArithmeticError as error:
        raise InvalidInput(f"invoice_usd is not a decimal number: {text[:40]!r}") from error
    if not amount.is_finite() or not 0 <= amount < MAX_INVOICE_USD:
        raise InvalidInput(f"invoice_usd is not a plausible amount: {text[:40]!r}")
    return Usd(amount.quantize(USD_QUANTUM))


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

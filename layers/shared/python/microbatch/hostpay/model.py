"""A transfer out of our wallet: its states, and what must hold before it is signed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from typing import Any

from microbatch.money import ETH_DECIMALS, USDT_DECIMALS, Wei, coins

# From which state a transfer may move where. The schema has the same table; a test compares them.
EDGES: dict[str, frozenset[str]] = {
    "requested": frozenset({"approved", "rejected", "parked"}),
    "approved": frozenset({"requested", "signed", "rejected", "parked"}),
    "signed": frozenset({"broadcast", "mined", "parked"}),
    "broadcast": frozenset({"mined", "parked"}),
    "mined": frozenset({"broadcast", "confirmed", "failed"}),
    "confirmed": frozenset({"broadcast", "settled"}),
    "parked": frozenset({"requested", "rejected", "broadcast", "mined", "failed"}),
    "settled": frozenset(),
    "rejected": frozenset(),
    "failed": frozenset(),
}

ATTEMPT_EDGES: dict[str, frozenset[str]] = {
    "ordered": frozenset({"prepared", "superseded"}),
    "prepared": frozenset({"sent", "mined", "superseded"}),
    "sent": frozenset({"mined", "superseded"}),
    "mined": frozenset({"sent"}),
    "superseded": frozenset({"mined"}),
}

DECIMALS = {("eth", "eth"): ETH_DECIMALS, ("usdt", "eth"): USDT_DECIMALS}

PAYEE_BLACKLISTED = "payee_blacklisted"  # what the node says of a token's payee

# What the exchange's status means for a transfer that has no nonce yet.
NOT_YET = frozenset({"new", "not_found"})
# An exchange that ended before it was paid: why its transfer is rejected.
ENDED = {
    "failed": "exchange_failed",
    "refunded": "exchange_refunded",
    "expired": "exchange_expired",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A row of transfers."""

    unique_id: str
    context: str
    kind: str
    swap_id: str | None
    cn_api_id: str | None
    wallet: str
    chain_id: int
    currency: str
    network: str
    token: str | None
    to_address: str
    amount_units: int
    state: str
    state_since: datetime
    tried_since: datetime
    asked_at: datetime | None
    approved_at: datetime | None
    nonce: int | None
    preflight_at: datetime | None
    preflight_chain_id: int | None
    preflight_balance_wei: int | None
    preflight_token_units: int | None
    preflight_latest_nonce: int | None
    preflight_pending_nonce: int | None
    preflight_finalized_nonce: int | None
    preflight_base_fee_wei: int | None
    preflight_tip_wei: int | None
    preflight_gas: int | None
    preflight_problem: str | None
    tx_hash: str | None
    block_number: int | None
    block_hash: str | None
    gas_used: int | None
    reason: str | None
    wait_reason: str | None = None  # why an approved one is not signed
    consumed_by_hash: str | None = None  # another's transaction on its nonce, finalized

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Transfer":
        """A row with its wei and units as integers."""
        whole = {
            name: None if row[name] is None else int(row[name])
            for name in row
            if name.endswith(("_wei", "_units"))
        }
        return cls(**{**row, **whole})

    @property
    def amount(self) -> Decimal:
        """In coins, exactly."""
        return coins(self.amount_units, DECIMALS[self.currency, self.network])

    @property
    def value_wei(self) -> int:
        """ETH that the transaction itself carries."""
        return 0 if self.token else self.amount_units


# transfer(address,uint256) of ERC-20: the first four bytes of its signature's hash.
TRANSFER_SELECTOR = bytes.fromhex("a9059cbb")


@dataclass(frozen=True, slots=True)
class Call:
    """What a transaction does: whom it calls, with how much ETH and which data."""

    to_address: str
    value_wei: int
    data: bytes


def call_of(transfer: Transfer) -> Call:
    """ETH goes to the payee itself; a token's contract is told to move it there."""
    if transfer.token is None:
        return Call(transfer.to_address, transfer.amount_units, b"")
    payee = bytes.fromhex(transfer.to_address[2:]).rjust(32, b"\0")
    amount = transfer.amount_units.to_bytes(32, "big")
    return Call(transfer.token, 0, TRANSFER_SELECTOR + payee + amount)


@dataclass(frozen=True, slots=True)
class Fees:
    """Gas limit and fees of a transaction, in wei per gas."""

    gas_limit: int
    max_fee_per_gas_wei: int
    max_priority_fee_per_gas_wei: int

    @property
    def cost_wei(self) -> int:
        """The most that its gas can cost."""
        return self.gas_limit * self.max_fee_per_gas_wei


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A row of transfer_attempts: bytes that may be anywhere on Earth."""

    attempt_id: int
    attempt_no: int
    kind: str
    state: str
    raw_transaction: bytes
    tx_hash: str
    sent_at: datetime | None
    gas_limit: int
    max_fee_per_gas_wei: int
    max_priority_fee_per_gas_wei: int
    unmined_at_block: int | None

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Attempt":
        """A row with its wei as integers."""
        whole = {name: int(row[name]) for name in row if name.endswith("_wei")}
        return cls(**{**row, **whole})

    @property
    def fees(self) -> Fees:
        """What it offers for its gas."""
        return Fees(self.gas_limit, self.max_fee_per_gas_wei, self.max_priority_fee_per_gas_wei)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A row of transfer_attempts that the recorder has ordered and nobody has signed yet."""

    attempt_id: int
    nonce: int
    to_address: str
    value_wei: int
    data: bytes
    fees: Fees


@dataclass(frozen=True, slots=True)
class HostWallet:
    """A wallet that pays: its address in lower case, and its count when it became ours."""

    address: str
    first_nonce: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The rules a transfer is signed under."""

    chain_id: int
    wallets: tuple[HostWallet, ...]  # the first holds the tokens
    token: str  # the USDT contract
    allowed_payees: frozenset[str] = frozenset()  # in lower case; empty: everybody
    window: int = 16  # nonces in flight per wallet: geth keeps so many of one sender for sure
    approval_max_age_seconds: int
    preflight_max_age_seconds: int
    transfer_max_wei: Wei
    transfer_max_token_units: int
    daily_max_wei: Wei  # of one wallet
    daily_max_token_units: int
    fee_per_gas_ceiling_wei: Wei
    gas_cost_max_percent: int  # of what is paid
    bump_after_blocks: int
    gas_limit_ceiling: int
    gas_reserve_wei: Wei

    @property
    def approval_max_age(self) -> timedelta:
        """How old the exchange's "waiting" may be when we sign."""
        return timedelta(seconds=self.approval_max_age_seconds)

    def host_wallet(self, address: str) -> HostWallet | None:
        """The wallet of this address, if it is one of ours."""
        return next((each for each in self.wallets if each.address == address), None)


class Verdict(Enum):
    """What becomes of an approved transfer at the signer."""

    SIGN = auto()
    ASK_EXCHANGE = auto()  # the approval is too old
    LOOK = auto()  # no preflight young enough
    WAIT = auto()  # nothing is wrong with the transfer; asked again
    FREEZE = auto()  # somebody else uses the wallet, or our database is older than the chain
    PARK = auto()  # a person has to look


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and why."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletState:
    """What we know of the wallet under its lock."""

    next_nonce: int
    status: str
    pool_room: int | None = None  # nonces that the pools were last seen to take
    in_flight: int  # nonces not yet mined
    in_flight_cost_wei: int  # value and highest gas cost of those
    in_flight_token_units: int = 0
    signed_today_wei: int
    signed_today_token_units: int = 0


def readiness(transfer: Transfer, limits: Limits, now: datetime) -> Ruling:
    """Whether an approved transfer may go on to the wallet's lock at all."""
    assert transfer.approved_at is not None
    # A direct payment was approved by nobody outside: that does not grow old.
    if transfer.kind == "exchange" and now - transfer.approved_at > limits.approval_max_age:
        return Ruling(Verdict.ASK_EXCHANGE, "approval_too_old")
    if transfer.preflight_at is None or now - transfer.preflight_at > timedelta(
        seconds=limits.preflight_max_age_seconds
    ):
        return Ruling(Verdict.LOOK, "no_fresh_preflight")
    if limits.host_wallet(transfer.wallet) is None or transfer.chain_id != limits.chain_id:
        return Ruling(Verdict.PARK, "wallet_is_not_the_configured_one")
    if limits.allowed_payees and transfer.to_address.lower() not in limits.allowed_payees:
        return Ruling(Verdict.PARK, "payee_is_not_on_the_allow_list")
    most = limits.transfer_max_token_units if transfer.token else limits.transfer_max_wei
    if transfer.amount_units > most:
        return Ruling(Verdict.PARK, "above_transfer_limit")
    if transfer.preflight_chain_id != limits.chain_id:
        return Ruling(Verdict.WAIT, "node_of_another_chain")
    return _what_the_node_found(transfer)


def _what_the_node_found(transfer: Transfer) -> Ruling:
    problem = transfer.preflight_problem or ""
    if transfer.token and (transfer.preflight_token_units or 0) < transfer.amount_units:
        return Ruling(Verdict.WAIT, "short_of_token")  # for which the call reverts, too
    if problem == PAYEE_BLACKLISTED:
        return Ruling(Verdict.PARK, "payee_blacklisted")
    if problem.startswith("reverted"):
        return Ruling(Verdict.PARK, "token_refuses" if transfer.token else "receiver_reverts")
    return Ruling(Verdict.WAIT, problem) if problem else Ruling(Verdict.SIGN)

"""What travels between a swap and its exchange: under SWAP_SIGNING_KEY."""

from dataclasses import dataclass
from typing import ClassVar

from microbatch.codec import OwnMessage
from microbatch.messages.fields import Count, Octets, Seconds, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRequested(OwnMessage):
    """Ask the provider's range and an estimate for a pair: reconciler → swap_quoter."""

    TYPE: ClassVar[int] = 10

    timestamp: Seconds
    from_currency: Text
    from_network: Text
    to_currency: Text
    to_network: Text
    amount: Text  # of from_currency, the reference amount for the estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeObserved(OwnMessage):
    """The provider's range now: swap_quoter → swap_orchestrator."""

    TYPE: ClassVar[int] = 11

    timestamp: Seconds
    from_currency: Text
    from_network: Text
    to_currency: Text
    to_network: Text
    minimum: Text  # of from_currency
    maximum: Text  # "" when the provider names none
    amount: Text
    estimated_amount: Text  # of to_currency for `amount`; "" when the provider gave none


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequested(OwnMessage):
    """Ask what a payout's exchange would take and bring, and whether its address is one.

    payout_scheduler, accumulator → swap_quoter.
    """

    TYPE: ClassVar[int] = 12

    timestamp: Seconds
    swap_id: Text
    from_currency: Text
    from_network: Text
    to_currency: Text
    to_network: Text
    amount: Text  # of from_currency
    payout_address: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteObserved(OwnMessage):
    """What the provider says to a payout before its exchange: swap_quoter → swap_orchestrator."""

    TYPE: ClassVar[int] = 21

    timestamp: Seconds
    swap_id: Text
    from_currency: Text
    from_network: Text
    to_currency: Text
    to_network: Text
    minimum: Text  # of from_currency
    maximum: Text  # "" when the provider names none
    amount: Text
    estimated_amount: Text  # of to_currency; "" when the provider gave none
    address_problem: Text  # "" when the provider calls the address valid


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressCheckRequested(OwnMessage):
    """Ask the provider whether a client's address is one: operations, reconciler → swap_quoter."""

    TYPE: ClassVar[int] = 22

    timestamp: Seconds
    client_id: Text
    network: Text
    address: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChecked(OwnMessage):
    """What the provider says of a client's address: swap_quoter → swap_orchestrator."""

    TYPE: ClassVar[int] = 23

    timestamp: Seconds
    client_id: Text
    network: Text
    address: Text
    problem: Text  # "" when it is valid


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRequested(OwnMessage):
    """Create the exchange of this swap: conversion → swap_creator."""

    TYPE: ClassVar[int] = 13

    timestamp: Seconds
    swap_id: Text
    from_currency: Text
    from_network: Text
    to_currency: Text
    to_network: Text
    from_amount: Text
    payout_address: Text
    refund_address: Text
    payout_extra_id: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeCreated(OwnMessage):
    """The provider made an exchange for this swap: swap_creator → swap_orchestrator."""

    TYPE: ClassVar[int] = 14

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    payin_address: Text
    payin_extra_id: Text
    payout_address: Text
    refund_address: Text
    from_currency: Text
    from_network: Text
    to_currency: Text
    to_network: Text
    from_amount: Text
    to_amount: Text  # the provider's expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRefused(OwnMessage):
    """The provider refuses this swap as it is: swap_creator → swap_orchestrator."""

    TYPE: ClassVar[int] = 15

    timestamp: Seconds
    swap_id: Text
    error: Text  # the provider's error code, or "malformed_answer"
    detail: Text
    minimum: Text = ""
    maximum: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeStatusRequested(OwnMessage):
    """Ask the exchange once how it stands: hostpay_completion, orchestrator → swap_monitor."""

    TYPE: ClassVar[int] = 16

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeStatusObserved(OwnMessage):
    """Whatever the exchange answered, "not yet" included: swap_monitor → swap_orchestrator."""

    TYPE: ClassVar[int] = 17

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    status: Text
    amount_from: Text = ""
    amount_to: Text = ""
    payin_hash: Text = ""
    payout_hash: Text = ""
    refund_hash: Text = ""
    refund_amount: Text = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPaymentEnded(OwnMessage):
    """The host payment of this swap will not happen, or failed: hostpay → swap_orchestrator."""

    TYPE: ClassVar[int] = 18

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    unique_id: Text
    outcome: Text  # "rejected" (before a nonce existed) or "failed" (mined and reverted)
    detail: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferLogsFound(OwnMessage):
    """Token transfers to our wallet in one transaction: chain_gateway → swap_orchestrator."""

    TYPE: ClassVar[int] = 19

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    tx_hash: Text
    status: Text  # "success", "reverted" or "absent"
    block_number: Count
    block_hash: Text
    head_number: Count
    logs: Octets  # JSON [{"log_index": 0, "from": "0x…", "amount_units": "…"}]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFound(OwnMessage):
    """The ETH that came back to us in one transaction: chain_gateway → swap_orchestrator."""

    TYPE: ClassVar[int] = 20

    timestamp: Seconds
    swap_id: Text
    cn_api_id: Text
    tx_hash: Text
    status: Text  # "success", "reverted" or "absent"
    block_number: Count
    block_hash: Text
    head_number: Count
    amount_wei: Text

"""The seven layouts of the ported system, byte for byte."""

from dataclasses import dataclass

from microbatch.codec import Message
from microbatch.messages.fields import Count, Fix16, Hint, Seconds, Seconds32, Text


@dataclass(frozen=True, slots=True)
class HostPayOrder(Message):
    """Pay this exchange for one payout: swap orchestration → hostpay_intake."""

    unique_id: Fix16
    cn_api_id: Text
    from_currency: Text
    from_network: Text
    from_amount: Hint
    payin_address: Text
    timestamp: Seconds32


@dataclass(frozen=True, slots=True)
class StatusCheckRequest(Message):
    """Ask the exchange's status before anything is paid: hostpay_intake → hostpay_status."""

    unique_id: Fix16
    cn_api_id: Text
    from_currency: Text
    from_network: Text
    from_amount: Hint
    payin_address: Text
    timestamp: Seconds32


@dataclass(frozen=True, slots=True)
class StatusCheckResponse(Message):
    """What the exchange answered: hostpay_status → hostpay_approval."""

    unique_id: Fix16
    cn_api_id: Text
    status: Text
    from_currency: Text
    from_network: Text
    from_amount: Hint
    payin_address: Text
    timestamp: Seconds32


@dataclass(frozen=True, slots=True)
class PaymentExecutionRequest(Message):
    """A hint that this transfer may be signed now: hostpay_approval → hostpay_signer."""

    unique_id: Fix16
    cn_api_id: Text
    from_currency: Text
    from_network: Text
    from_amount: Hint
    payin_address: Text
    timestamp: Seconds32


@dataclass(frozen=True, slots=True)
class PaymentExecutionResponse(Message):
    """The transfer is confirmed on chain: hostpay_recorder → hostpay_completion."""

    unique_id: Fix16
    cn_api_id: Text
    tx_hash: Text
    tx_status: Text
    gas_used: Hint
    block_number: Count
    timestamp: Seconds32


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchOrder(Message):
    """Pay this exchange for one batch: conversion → hostpay_intake."""

    context: Text = "batch"
    batch_conversion_id: Text
    cn_api_id: Text
    from_currency: Text
    from_network: Text
    from_amount: Hint
    payin_address: Text
    timestamp: Seconds


@dataclass(frozen=True, slots=True)
class BatchResult(Message):
    """The batch's USDT has arrived on chain: swap orchestration → swap_executed."""

    batch_conversion_id: Text
    cn_api_id: Text
    tx_hash: Text
    actual_usdt_received: Hint
    timestamp: Seconds

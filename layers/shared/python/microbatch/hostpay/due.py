"""The message that a transfer's state calls for: one function for handlers and reconciler alike."""

from datetime import datetime, timedelta
from decimal import Decimal

from microbatch.codec import as_double
from microbatch.hostpay import attempt_store, store
from microbatch.hostpay.model import Transfer, call_of
from microbatch.messages import (
    BroadcastRequested,
    HostPaymentEnded,
    Outgoing,
    PaymentExecutionRequest,
    PaymentExecutionResponse,
    PreflightRequested,
    ReceiptRequested,
    StatusCheckRequest,
)
from microbatch.pace import Pace
from microbatch.platform.database import Transaction

POLLED = frozenset({"requested", "broadcast", "mined"})


def messages_due(
    tx: Transaction, transfer: Transfer, now: datetime, delay_seconds: int = 0
) -> list[Outgoing]:
    """What is to be sent for a transfer in this state; an ended one tells its swap."""
    if transfer.state == "requested":
        return [Outgoing("hostpay-status-check", status_check(transfer, now), delay_seconds)]
    if transfer.state == "approved":
        return [Outgoing("hostpay-payment-execute", execution(transfer, now), delay_seconds)]
    if transfer.state in ("signed", "broadcast", "mined"):
        return _chain_questions(tx, transfer, now, delay_seconds)
    if transfer.state in ("confirmed", "settled"):
        return [Outgoing("hostpay-payment-response", _response(transfer, now), delay_seconds)]
    if transfer.state in ("rejected", "failed"):
        return [Outgoing("swap-results", _ended(transfer, now), delay_seconds)]
    return []


def asks_again(tx: Transaction, transfer: Transfer, now: datetime, pace: Pace) -> list[Outgoing]:
    """The transfer's message once more, if nobody sent it within the wait; polls are delayed."""
    since = transfer.state_since
    if not store.win_ask(tx, transfer.unique_id, now, pace.not_since(since, now)):
        return []
    delay_seconds = pace.delay_seconds(since, now) if transfer.state in POLLED else 0
    return messages_due(tx, transfer, now, delay_seconds)


def looks_again(
    tx: Transaction, transfer: Transfer, now: datetime, pace: Pace, *, at_once: bool
) -> list[Outgoing]:
    """A preflight, if nobody has asked for one within the wait."""
    since = transfer.state_since
    if not store.win_ask(tx, transfer.unique_id, now, pace.not_since(since, now)):
        return []
    call = call_of(transfer)
    request = PreflightRequested(
        timestamp=int(now.timestamp()),
        unique_id=transfer.unique_id,
        wallet=transfer.wallet,
        to_address=call.to_address,
        value_wei=str(call.value_wei),
        data=call.data,
        token=transfer.token or "",
    )
    return [Outgoing("chain-requests", request, 0 if at_once else pace.delay_seconds(since, now))]


def status_check(transfer: Transfer, now: datetime) -> StatusCheckRequest:
    """The question before anything is paid."""
    return StatusCheckRequest(
        transfer.unique_id,
        transfer.cn_api_id or "",
        transfer.currency,
        transfer.network,
        as_double(transfer.amount),
        transfer.to_address,
        int(now.timestamp()),
    )


def execution(transfer: Transfer, now: datetime) -> PaymentExecutionRequest:
    """The hint that this transfer may be signed."""
    return PaymentExecutionRequest(
        transfer.unique_id,
        transfer.cn_api_id or "",
        transfer.currency,
        transfer.network,
        as_double(transfer.amount),
        transfer.to_address,
        int(now.timestamp()),
    )


def broadcast(transfer: Transfer, raw: bytes, tx_hash: str, now: datetime) -> BroadcastRequested:
    """The request to send exactly these bytes."""
    return BroadcastRequested(
        timestamp=int(now.timestamp()),
        unique_id=transfer.unique_id,
        tx_hash=tx_hash,
        raw_transaction=raw,
    )


RESEND_BYTES_AFTER = timedelta(seconds=60)


def _chain_questions(
    tx: Transaction, transfer: Transfer, now: datetime, delay_seconds: int
) -> list[Outgoing]:
    """Look for the receipt, and send the bytes (again) when that has not been done for a while."""
    signed = attempt_store.signed(tx, transfer.unique_id)
    assert signed, f"transfer {transfer.unique_id} is {transfer.state} without bytes"
    attempt, *others = signed
    again = broadcast(transfer, attempt.raw_transaction, attempt.tx_hash, now)
    offer = Outgoing("chain-requests", again, delay_seconds)
    if transfer.state == "signed":
        return [offer]
    question = ReceiptRequested(
        timestamp=int(now.timestamp()),
        unique_id=transfer.unique_id,
        wallet=transfer.wallet,
        tx_hash=attempt.tx_hash,
        other_hashes=" ".join(each.tx_hash for each in others).encode(),
    )
    ask = Outgoing("chain-requests", question, delay_seconds)
    offered_lately = attempt.sent_at is not None and now - attempt.sent_at < RESEND_BYTES_AFTER
    return [ask] if transfer.state == "mined" or offered_lately else [offer, ask]


def _response(transfer: Transfer, now: datetime) -> PaymentExecutionResponse:
    return PaymentExecutionResponse(
        transfer.unique_id,
        transfer.cn_api_id or "",
        transfer.tx_hash or "",
        "success",
        as_double(Decimal(transfer.gas_used or 0)),
        transfer.block_number or 0,
        int(now.timestamp()),
    )


def _ended(transfer: Transfer, now: datetime) -> HostPaymentEnded:
    return HostPaymentEnded(
        timestamp=int(now.timestamp()),
        swap_id=transfer.swap_id or "",
        cn_api_id=transfer.cn_api_id or "",
        unique_id=transfer.unique_id,
        outcome=transfer.state,
        detail=(transfer.reason or "")[:200],
    )

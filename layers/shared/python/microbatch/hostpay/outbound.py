"""One question to the exchange or the node for each message; no store and no key in sight."""

import json
from datetime import datetime

from microbatch.errors import InvalidInput, InvalidToken
from microbatch.messages import (
    BroadcastObserved,
    BroadcastRequested,
    ChainObservationRequested,
    ChainObserved,
    Message,
    NonceFound,
    NonceSearchRequested,
    Outgoing,
    PreflightObserved,
    PreflightRequested,
    ReceiptObserved,
    ReceiptRequested,
    RefundFound,
    RefundRequested,
    StatusCheckRequest,
    StatusCheckResponse,
    TransactionSighted,
    TransferLogsFound,
    TransferLogsRequested,
)
from microbatch.vendors.changenow import ChangeNow
from microbatch.vendors.ethereum import Node, TransferLogs

STATUS_RESULTS = "hostpay-status-response"
CHAIN_RESULTS = "chain-results"
SWAP_RESULTS = "swap-results"


def ask_status(message: StatusCheckRequest, exchange: ChangeNow, now: datetime) -> list[Outgoing]:
    """How the exchange stands before it is paid. Raises RetryLater, ExchangeError.

    The payin address is the provider's own, so that it can be compared; "" when it names none.
    """
    found = exchange.status(message.cn_api_id)
    response = StatusCheckResponse(
        unique_id=message.unique_id,
        cn_api_id=message.cn_api_id,
        status=found.status,
        from_currency=found.from_currency or message.from_currency,
        from_network=found.from_network or message.from_network,
        from_amount=message.from_amount,
        payin_address=found.payin_address,
        timestamp=int(now.timestamp()),
    )
    return [Outgoing(STATUS_RESULTS, response)]


def answer(message: Message, node: Node, now: datetime) -> list[Outgoing]:
    """What the node says to one chain request. Raises RetryLater, PermanentFailure."""
    timestamp = int(now.timestamp())
    match message:
        case PreflightRequested():
            return [Outgoing(CHAIN_RESULTS, _preflight(message, node, timestamp))]
        case BroadcastRequested():
            return [Outgoing(CHAIN_RESULTS, _broadcast(message, node, timestamp))]
        case ReceiptRequested() | TransactionSighted():
            return [Outgoing(CHAIN_RESULTS, _receipt(message, node, timestamp))]
        case ChainObservationRequested():
            return [Outgoing(CHAIN_RESULTS, _observe(message, node, now))]
        case TransferLogsRequested():
            return [Outgoing(SWAP_RESULTS, _transfer_logs(message, node, timestamp))]
        case RefundRequested():
            return [Outgoing(SWAP_RESULTS, _refund(message, node, timestamp))]
        case NonceSearchRequested():
            return [Outgoing(CHAIN_RESULTS, _nonce(message, node, timestamp))]
    raise InvalidToken(f"the chain gateway does not answer {type(message).__name__}")


def _preflight(message: PreflightRequested, node: Node, timestamp: int) -> PreflightObserved:
    seen = node.preflight(
        wallet=message.wallet,
        to_address=message.to_address,
        value_wei=_wei(message.value_wei),
        data=message.data,
        token=message.token,
    )
    balance_units = seen.token_balance_units
    return PreflightObserved(
        timestamp=timestamp,
        unique_id=message.unique_id,
        chain_id=seen.chain_id,
        wallet=message.wallet,
        head_number=seen.fees.head_number,
        balance_wei=str(seen.balance_wei),
        token_balance_units="" if balance_units is None else str(balance_units),
        latest_nonce=seen.latest_nonce,
        pending_nonce=seen.pending_nonce,
        finalized_nonce=seen.finalized_nonce,
        base_fee_wei=str(seen.fees.base_fee_wei),
        priority_fee_wei=str(seen.fees.priority_fee_wei),
        gas_estimate=seen.gas_estimate,
        problem=seen.problem,
    )


def _wei(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise InvalidInput(f"value_wei {text!r} is not a whole number of wei")
    return int(text)


def _broadcast(message: BroadcastRequested, node: Node, timestamp: int) -> BroadcastObserved:
    said = node.broadcast(message.raw_transaction, message.tx_hash)
    return BroadcastObserved(
        timestamp=timestamp,
        unique_id=message.unique_id,
        tx_hash=message.tx_hash,
        outcome=said.outcome.value,
        detail=said.detail,
    )


def _receipt(
    message: ReceiptRequested | TransactionSighted, node: Node, timestamp: int
) -> ReceiptObserved:
    others = message.other_hashes.decode().split() if isinstance(message, ReceiptRequested) else []
    tx_hash, found = message.tx_hash, node.receipt(wallet=message.wallet, tx_hash=message.tx_hash)
    for other in others:  # any of a nonce's bytes may be the ones that were mined
        if found.status != "absent":
            break
        tx_hash, found = other, node.receipt(wallet=message.wallet, tx_hash=other)
    if found.status == "absent":
        tx_hash = message.tx_hash
    return ReceiptObserved(
        timestamp=timestamp,
        unique_id=message.unique_id if isinstance(message, ReceiptRequested) else "",
        tx_hash=tx_hash,
        status=found.status,
        block_number=found.block_number,
        block_hash=found.block_hash,
        canonical_hash=found.canonical_hash,
        gas_used=found.gas_used,
        effective_gas_price_wei=str(found.effective_gas_price_wei),
        head_number=found.head_number,
        latest_nonce=found.latest_nonce,
        finalized_nonce=found.finalized_nonce,
        sender=found.sender,
        finalized_number=found.finalized_number,
    )


def _nonce(message: NonceSearchRequested, node: Node, timestamp: int) -> NonceFound:
    found = node.consumer_of(wallet=message.wallet, nonce=message.nonce)
    return NonceFound(
        timestamp=timestamp,
        unique_id=message.unique_id,
        wallet=message.wallet,
        nonce=message.nonce,
        tx_hash=found.tx_hash,
        block_number=found.block_number,
    )


def _observe(message: ChainObservationRequested, node: Node, now: datetime) -> ChainObserved:
    seen = node.observe(
        wallet=message.wallet, token=message.token, price_feed=message.price_feed, now=now
    )
    return ChainObserved(
        timestamp=int(now.timestamp()),
        chain_id=seen.chain_id,
        head_number=seen.fees.head_number,
        base_fee_wei=str(seen.fees.base_fee_wei),
        priority_fee_wei=str(seen.fees.priority_fee_wei),
        wallet=message.wallet,
        balance_wei=str(seen.balance_wei),
        token_balance_units=str(seen.token_balance_units),
        eth_usd=seen.price.eth_usd,
        eth_usd_updated_at=seen.price.updated_at_seconds,
    )


def _transfer_logs(message: TransferLogsRequested, node: Node, timestamp: int) -> TransferLogsFound:
    found = node.transfer_logs(
        tx_hash=message.tx_hash, token=message.token, to_address=message.to_address
    )
    return TransferLogsFound(
        timestamp=timestamp,
        swap_id=message.swap_id,
        cn_api_id=message.cn_api_id,
        tx_hash=message.tx_hash,
        status=found.status,
        block_number=found.block_number,
        block_hash=found.block_hash,
        head_number=found.head_number,
        logs=_logs(found),
    )


def _refund(message: RefundRequested, node: Node, timestamp: int) -> RefundFound:
    found = node.value_received(tx_hash=message.tx_hash, to_address=message.to_address)
    return RefundFound(
        timestamp=timestamp,
        swap_id=message.swap_id,
        cn_api_id=message.cn_api_id,
        tx_hash=message.tx_hash,
        status=found.status,
        block_number=found.block_number,
        block_hash=found.block_hash,
        head_number=found.head_number,
        amount_wei=str(found.amount_wei),
    )


def _logs(found: TransferLogs) -> bytes:
    return json.dumps(
        [
            {
                "log_index": transfer.log_index,
                "from": transfer.sender,
                "amount_units": str(transfer.amount_units),
            }
            for transfer in found.transfers
        ]
    ).encode()

"""The message that a swap's state calls for: one function for handlers and reconciler alike."""

from datetime import datetime
from typing import Protocol

from microbatch.codec import as_double
from microbatch.messages import (
    BatchOrder,
    BatchResult,
    ExchangeRequested,
    ExchangeStatusRequested,
    HostPayOrder,
    Outgoing,
    QuoteRequested,
    RefundRequested,
    TransferLogsRequested,
)
from microbatch.pace import Pace
from microbatch.platform.database import Transaction
from microbatch.swap import store
from microbatch.swap.model import Swap


class Rules(Protocol):
    """What asking again needs to know of the policy."""

    @property
    def pace(self) -> Pace:
        """How often."""
        ...

    @property
    def token(self) -> str:
        """The USDT contract."""
        ...


def messages_due(
    swap: Swap, now: datetime, token: str = "", delay_seconds: int = 0
) -> list[Outgoing]:
    """What is to be sent for a swap that is in this state; nothing for an ended one."""
    seconds = int(now.timestamp())
    if swap.state == "requested" and swap.is_payout:
        return [Outgoing("swap-quote", _quote_request(swap, seconds), delay_seconds)]
    if swap.state in ("requested", "quoted"):
        return [Outgoing("swap-create", _exchange_request(swap, seconds), delay_seconds)]
    if swap.state == "created":
        return [_order(swap, seconds, delay_seconds)]
    if swap.state == "paid":
        return [_question(swap, seconds, token, delay_seconds)]
    if swap.state == "finished" and not swap.is_payout:
        return [Outgoing("microbatch-response", _result(swap, seconds), delay_seconds)]
    return []


def asks_again(
    tx: Transaction, swap: Swap, now: datetime, policy: Rules, *, of_exchange: bool = False
) -> list[Outgoing]:
    """The swap's message once more, if nobody has sent it within the wait; polls are delayed.

    `of_exchange`: what the exchange named is not on the chain, so it is the one to ask again; it
    may name another transaction by now.
    """
    pace = policy.pace
    if not store.win_ask(tx, swap.swap_id, now, pace.not_since(swap.state_since, now)):
        return []
    delay_seconds = pace.delay_seconds(swap.state_since, now) if swap.state == "paid" else 0
    token = "" if of_exchange else policy.token
    return messages_due(swap, now, token, delay_seconds)


def _quote_request(swap: Swap, seconds: int) -> QuoteRequested:
    return QuoteRequested(
        timestamp=seconds,
        swap_id=swap.swap_id,
        from_currency=swap.from_currency,
        from_network=swap.from_network,
        to_currency=swap.to_currency,
        to_network=swap.to_network,
        amount=swap.from_amount_text,
        payout_address=swap.payout_address,
    )


def _exchange_request(swap: Swap, seconds: int) -> ExchangeRequested:
    return ExchangeRequested(
        timestamp=seconds,
        swap_id=swap.swap_id,
        from_currency=swap.from_currency,
        from_network=swap.from_network,
        to_currency=swap.to_currency,
        to_network=swap.to_network,
        from_amount=swap.from_amount_text,
        payout_address=swap.payout_address,
        refund_address=swap.refund_address,
        payout_extra_id=swap.payout_extra_id,
    )


def _order(swap: Swap, seconds: int, delay_seconds: int) -> Outgoing:
    assert swap.cn_api_id is not None
    assert swap.payin_address is not None
    if swap.context == "batch":
        order = BatchOrder(
            batch_conversion_id=swap.owner_id,
            cn_api_id=swap.cn_api_id,
            from_currency=swap.from_currency,
            from_network=swap.from_network,
            from_amount=as_double(swap.from_amount),
            payin_address=swap.payin_address,
            timestamp=seconds,
        )
        return Outgoing("hostpay-batch", order, delay_seconds)
    payout_order = HostPayOrder(
        swap.swap_id,
        swap.cn_api_id,
        swap.from_currency,
        swap.from_network,
        as_double(swap.from_amount),
        swap.payin_address,
        seconds,
    )
    return Outgoing("hostpay-trigger", payout_order, delay_seconds)


def _question(swap: Swap, seconds: int, token: str, delay_seconds: int) -> Outgoing:
    assert swap.cn_api_id is not None
    if swap.payout_hash is None and swap.refund_hash is not None and token:
        if swap.from_currency != "eth":
            return _token_logs(swap, seconds, token, swap.refund_address, delay_seconds)
        refund = RefundRequested(
            timestamp=seconds,
            swap_id=swap.swap_id,
            cn_api_id=swap.cn_api_id,
            to_address=swap.refund_address,
            tx_hash=swap.refund_hash,
        )
        return Outgoing("chain-requests", refund, delay_seconds)
    if swap.payout_hash is None or swap.is_payout or not token:
        question = ExchangeStatusRequested(
            timestamp=seconds, swap_id=swap.swap_id, cn_api_id=swap.cn_api_id
        )
        return Outgoing("swap-monitor", question, delay_seconds)
    return _token_logs(swap, seconds, token, swap.payout_address, delay_seconds)


def _token_logs(
    swap: Swap, seconds: int, token: str, to_address: str, delay_seconds: int
) -> Outgoing:
    assert swap.cn_api_id is not None
    logs = TransferLogsRequested(
        timestamp=seconds,
        swap_id=swap.swap_id,
        cn_api_id=swap.cn_api_id,
        token=token,
        to_address=to_address,
        tx_hash=swap.payout_hash or swap.refund_hash or "",
    )
    return Outgoing("chain-requests", logs, delay_seconds)


def _result(swap: Swap, seconds: int) -> BatchResult:
    assert swap.cn_api_id is not None
    return BatchResult(
        swap.owner_id,
        swap.cn_api_id,
        swap.payout_hash or "",
        as_double(swap.received),
        seconds,
    )

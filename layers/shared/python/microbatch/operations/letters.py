"""Which row a message is about: what to do for a dead letter is read from there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from microbatch import messages
from microbatch.messages import Message
from microbatch.swap import service as swaps


@dataclass(frozen=True, slots=True)
class About:
    """A row by what names it: everything paid for shares one id, but for clients."""

    entity: str  # "chain": a swap, its transfer and its owner; "hash", "clients" or "nothing"
    row_id: str = ""


# An observation, or a hint: what it was to bring is asked for again by itself.
NOTHING = About("nothing")


def about(message: Message) -> About:
    """What row a message is about. Raises KeyError for one that is itself what it carries."""
    return _ABOUT[type(message)](message)


def _swap(message: Any) -> About:
    return About("chain", message.swap_id)


def _transfer(message: Any) -> About:
    """A question about a wallet, or a hint, names no transfer."""
    return About("chain", message.unique_id) if message.unique_id else NOTHING


def _batch(message: Any) -> About:
    return About("chain", swaps.id_of("batch", message.batch_conversion_id, 1))


def _client(message: Any) -> About:
    return About("clients", message.client_id)


def _receipt(message: messages.ReceiptObserved) -> About:
    return _transfer(message) if message.unique_id else About("hash", message.tx_hash)


def _nothing(message: Message) -> About:
    del message
    return NOTHING


_ABOUT: dict[type[Message], Callable[[Any], About]] = {
    messages.RangeRequested: _nothing,
    messages.RangeObserved: _nothing,
    messages.ChainObservationRequested: _nothing,
    messages.ChainObserved: _nothing,
    messages.TransactionSighted: _nothing,
    messages.AddressCheckRequested: _client,
    messages.AddressChecked: _client,
    messages.QuoteRequested: _swap,
    messages.QuoteObserved: _swap,
    messages.ExchangeRequested: _swap,
    messages.ExchangeCreated: _swap,
    messages.ExchangeRefused: _swap,
    messages.ExchangeStatusRequested: _swap,
    messages.ExchangeStatusObserved: _swap,
    messages.TransferLogsRequested: _swap,
    messages.TransferLogsFound: _swap,
    messages.RefundRequested: _swap,
    messages.RefundFound: _swap,
    messages.BatchOrder: _batch,
    messages.BatchResult: _batch,
    messages.HostPaymentEnded: _transfer,
    messages.HostPayOrder: _transfer,
    messages.StatusCheckRequest: _transfer,
    messages.StatusCheckResponse: _transfer,
    messages.PaymentExecutionRequest: _transfer,
    messages.PaymentExecutionResponse: _transfer,
    messages.PreflightRequested: _transfer,
    messages.PreflightObserved: _transfer,
    messages.BroadcastRequested: _transfer,
    messages.BroadcastObserved: _transfer,
    messages.ReceiptRequested: _transfer,
    messages.ReceiptObserved: _receipt,
    messages.NonceSearchRequested: _transfer,
    messages.NonceFound: _transfer,
}

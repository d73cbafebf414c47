"""One question to ChangeNow for each message, and its answer as a message; no store in sight."""

from datetime import datetime

from microbatch.errors import RetryLater
from microbatch.messages import (
    AddressChecked,
    AddressCheckRequested,
    ExchangeCreated,
    ExchangeRefused,
    ExchangeRequested,
    ExchangeStatusObserved,
    ExchangeStatusRequested,
    Outgoing,
    QuoteObserved,
    QuoteRequested,
    RangeObserved,
    RangeRequested,
)
from microbatch.platform.observability import count, logger
from microbatch.vendors.changenow import ChangeNow, ExchangeError, Pair
from microbatch.vendors.wire import cut

PAIR_INACTIVE = "pair_is_inactive"
RESULTS = "swap-results"
PROBLEM_MAX_BYTES = 200


def _pair(message: RangeRequested | QuoteRequested | ExchangeRequested) -> Pair:
    return Pair(
        from_currency=message.from_currency,
        from_network=message.from_network,
        to_currency=message.to_currency,
        to_network=message.to_network,
    )


def observe_range(message: RangeRequested, exchange: ChangeNow, now: datetime) -> list[Outgoing]:
    """The range and an estimate for the pair. Raises RetryLater, ExchangeError."""
    pair = _pair(message)
    limits = exchange.range(pair)
    observed = RangeObserved(
        timestamp=int(now.timestamp()),
        from_currency=message.from_currency,
        from_network=message.from_network,
        to_currency=message.to_currency,
        to_network=message.to_network,
        minimum=limits.minimum,
        maximum=limits.maximum,
        amount=message.amount,
        estimated_amount=exchange.estimate(pair, message.amount),
    )
    return [Outgoing(RESULTS, observed)]


def quote(message: QuoteRequested, exchange: ChangeNow, now: datetime) -> list[Outgoing]:
    """What a payout's exchange would take and bring, and whether its address is one.

    A pair that the provider does not exchange is refused. Raises RetryLater.
    """
    pair, timestamp = _pair(message), int(now.timestamp())
    try:
        limits = exchange.range(pair)
    except ExchangeError as error:
        return [Outgoing(RESULTS, _refused(message.swap_id, error, timestamp))]
    observed = QuoteObserved(
        timestamp=timestamp,
        swap_id=message.swap_id,
        from_currency=message.from_currency,
        from_network=message.from_network,
        to_currency=message.to_currency,
        to_network=message.to_network,
        minimum=limits.minimum,
        maximum=limits.maximum,
        amount=message.amount,
        estimated_amount=exchange.estimate(pair, message.amount),
        address_problem=_address_problem(exchange, message.to_network, message.payout_address),
    )
    return [Outgoing(RESULTS, observed)]


def check_address(
    message: AddressCheckRequested, exchange: ChangeNow, now: datetime
) -> list[Outgoing]:
    """Whether the provider takes a client's address; nothing when it gives no verdict.

    Only the reconciler asks again: a message that went round by itself would be one more of many.
    """
    try:
        problem = _address_problem(exchange, message.network, message.address)
    except RetryLater as error:
        count("address_not_judged")
        logger.warning("address_not_judged", client_id=message.client_id, reason=str(error))
        return []
    checked = AddressChecked(
        timestamp=int(now.timestamp()),
        client_id=message.client_id,
        network=message.network,
        address=message.address,
        problem=problem,
    )
    return [Outgoing(RESULTS, checked)]


def _address_problem(exchange: ChangeNow, network: str, address: str) -> str:
    """Why the provider would not pay there; "" when it would.

    A refusal to answer is no verdict on the address. Raises RetryLater.
    """
    try:
        verdict = exchange.validate_address(network, address)
    except ExchangeError as error:
        raise RetryLater(f"ChangeNow: {error.code} on validating an address") from error
    return "" if verdict.valid else cut(verdict.message or "not valid", PROBLEM_MAX_BYTES)


def ask_quoter(
    message: RangeRequested | QuoteRequested | AddressCheckRequested,
    exchange: ChangeNow,
    now: datetime,
) -> list[Outgoing]:
    """Whatever is asked before an exchange. Raises RetryLater, ExchangeError."""
    if isinstance(message, QuoteRequested):
        return quote(message, exchange, now)
    if isinstance(message, AddressCheckRequested):
        return check_address(message, exchange, now)
    return observe_range(message, exchange, now)


def create_exchange(
    message: ExchangeRequested, exchange: ChangeNow, now: datetime
) -> list[Outgoing]:
    """The exchange created for the swap, or its refusal. Raises RetryLater.

    A repeated message creates another exchange: the swap keeps the first it hears of, and one
    that nobody pays costs nothing.
    """
    answer = _create(message, exchange, now)
    return [Outgoing(RESULTS, answer)]


def _create(
    message: ExchangeRequested, exchange: ChangeNow, now: datetime
) -> ExchangeCreated | ExchangeRefused:
    timestamp = int(now.timestamp())
    try:
        created = exchange.create(
            _pair(message),
            amount=message.from_amount,
            payout_address=message.payout_address,
            refund_address=message.refund_address,
            payout_extra_id=message.payout_extra_id,
        )
    except ExchangeError as error:
        if error.code == PAIR_INACTIVE:
            # Not about this swap: its owner waits, as it does while the provider is unwell.
            raise RetryLater(f"ChangeNow: {error.code}") from error
        return _refused(message.swap_id, error, timestamp)
    return ExchangeCreated(
        timestamp=timestamp,
        swap_id=message.swap_id,
        cn_api_id=created.exchange_id,
        payin_address=created.payin_address,
        payin_extra_id="",  # an exchange that wants one is refused
        payout_address=message.payout_address,
        refund_address=message.refund_address,
        from_currency=message.from_currency,
        from_network=message.from_network,
        to_currency=message.to_currency,
        to_network=message.to_network,
        from_amount=message.from_amount,
        to_amount=created.to_amount,
    )


def _refused(swap_id: str, error: ExchangeError, timestamp: int) -> ExchangeRefused:
    return ExchangeRefused(
        timestamp=timestamp,
        swap_id=swap_id,
        error=error.code,
        detail=error.detail,
        minimum=error.minimum,
        maximum=error.maximum,
    )


def ask_exchange(
    message: ExchangeStatusRequested, exchange: ChangeNow, now: datetime
) -> list[Outgoing]:
    """How the exchange stands, "not yet" included. Raises RetryLater, ExchangeError."""
    found = exchange.status(message.cn_api_id)
    observed = ExchangeStatusObserved(
        timestamp=int(now.timestamp()),
        swap_id=message.swap_id,
        cn_api_id=message.cn_api_id,
        status=found.status,
        amount_from=found.amount_from,
        amount_to=found.amount_to,
        payin_hash=found.payin_hash,
        payout_hash=found.payout_hash,
        refund_hash=found.refund_hash,
        refund_amount=found.refund_amount,
    )
    return [Outgoing(RESULTS, observed)]

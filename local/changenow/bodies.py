"""JSON bodies with the key sets of the recorded ones."""

from typing import Any

from local.changenow.currencies import CURRENCIES, OURS, Currency
from local.changenow.exchanges import Exchange
from local.changenow.foreign import Payment
from local.changenow.pairs import Quote
from local.changenow.wire import iso

SPEED_FORECAST = "10-60"  # minutes


def pair(source: Currency, target: Currency) -> dict[str, Any]:
    """The five members every answer about a pair begins with."""
    return {
        "fromCurrency": source.ticker,
        "fromNetwork": source.network,
        "toCurrency": target.ticker,
        "toNetwork": target.network,
        "flow": "standard",
    }


def currencies(usdt_address: str) -> list[dict[str, Any]]:
    """The currency list."""
    return [
        {
            "ticker": currency.ticker,
            "name": currency.name,
            "image": f"https://content-api.changenow.io/uploads/{currency.legacy_ticker}.svg",
            "hasExternalId": currency.extra_id,
            "isExtraIdSupported": currency.extra_id,
            "isFiat": False,
            "featured": True,
            "isStable": currency.ticker == "usdt",
            "supportsFixedRate": False,
            "network": currency.network,
            "tokenContract": usdt_address if currency.token else currency.contract,
            "buy": True,
            "sell": currency in OURS,
            "legacyTicker": currency.legacy_ticker,
        }
        for currency in CURRENCIES
    ]


def estimate(source: Currency, target: Currency, quote: Quote) -> dict[str, Any]:
    """An estimated amount in standard flow."""
    return {
        **pair(source, target),
        "type": "direct",
        "rateId": None,
        "validUntil": None,
        "transactionSpeedForecast": SPEED_FORECAST,
        "warningMessage": None,
        "depositFee": quote.deposit_fee,
        "withdrawalFee": quote.withdrawal_fee,
        "userId": None,
        "fromAmount": quote.from_amount,
        "toAmount": quote.to_amount,
    }


def created(exchange: Exchange) -> dict[str, Any]:
    """The answer to a creation: no status, absent optional members, directedAmount."""
    body = {
        "fromAmount": exchange.expected_from,
        "toAmount": exchange.expected_to,
        "flow": "standard",
        "type": "direct",
        "payinAddress": exchange.payin_address,
        "payoutAddress": exchange.payout_address,
        "payoutExtraId": exchange.payout_extra_id,
        "fromCurrency": exchange.source.ticker,
        "toCurrency": exchange.target.ticker,
        "refundAddress": exchange.refund_address,
        "id": exchange.id,
        "directedAmount": exchange.expected_from,
        "fromNetwork": exchange.source.network,
        "toNetwork": exchange.target.network,
    }
    return {name: value for name, value in body.items() if value is not None}


def status(exchange: Exchange, family: dict[str, Exchange]) -> dict[str, Any]:
    """by-id: all 31 members, null where unknown; family holds the exchanges it mentions."""
    original = family.get(exchange.original_id or "")
    return {
        "id": exchange.id,
        "status": exchange.status,
        "actionsAvailable": exchange.actions_available,
        "fromCurrency": exchange.source.ticker,
        "fromNetwork": exchange.source.network,
        "toCurrency": exchange.target.ticker,
        "toNetwork": exchange.target.network,
        "expectedAmountFrom": exchange.expected_from,
        "expectedAmountTo": exchange.expected_to,
        "amountFrom": exchange.amount_from,
        "amountTo": _amount_to(exchange),
        "payinAddress": exchange.payin_address,
        "payoutAddress": exchange.payout_address,
        "payinExtraId": None,
        "payoutExtraId": exchange.payout_extra_id,
        "refundAddress": exchange.refund_address,
        "refundExtraId": None,
        "createdAt": iso(exchange.created_at),
        "updatedAt": iso(exchange.updated_at),
        "validUntil": None,
        "depositReceivedAt": iso(exchange.deposit_received_at)
        if exchange.deposit_received_at
        else None,
        "payinHash": exchange.payin_hash,
        "payoutHash": _payout_hash(exchange),
        "fromLegacyTicker": exchange.source.legacy_ticker,
        "toLegacyTicker": exchange.target.legacy_ticker,
        "refundHash": exchange.refund_hash,
        "refundAmount": exchange.refund_amount if exchange.refund_hash else None,
        "userId": None,
        "originalExchangeInfo": _mention(original) if original else None,
        "relatedExchangesInfo": [
            _mention(family[one], with_currency=True) for one in exchange.related
        ],
        "repeatedExchangesInfo": [_mention(family[one]) for one in exchange.repeated],
    }


def listed(exchange: Exchange) -> dict[str, Any]:
    """One row of the transaction list."""
    return {
        "createdAt": iso(exchange.created_at),
        "updatedAt": iso(exchange.updated_at),
        "exchangeId": exchange.id,
        "requestId": exchange.id,
        "status": exchange.status,
        "validUntil": None,
        "flow": "standard",
        "payin": {
            "currency": exchange.source.legacy_ticker,
            "address": exchange.payin_address,
            "extraId": None,
            "amount": exchange.amount_from,
            "expectedAmount": exchange.expected_from,
            "hash": exchange.payin_hash,
        },
        "payout": {
            "currency": exchange.target.legacy_ticker,
            "address": exchange.payout_address,
            "extraId": exchange.payout_extra_id,
            "amount": _amount_to(exchange),
            "hash": _payout_hash(exchange),
        },
        "refund": {
            "currency": exchange.source.legacy_ticker,
            "address": exchange.refund_address,
            "extra_id": None,
            "hash": exchange.refund_hash,
        },
        "partnerInfo": {
            "commission": {"currency": "btc", "amount": None, "percent": None},
            "userId": None,
            "payload": None,
        },
    }


def foreign(payment: Payment) -> dict[str, Any]:
    """A payment on another chain, for the control surface; not of the vendor's API."""
    return {
        "exchangeId": payment.exchange_id,
        "hash": payment.tx_hash,
        "currency": payment.currency.ticker,
        "network": payment.currency.network,
        "address": payment.address,
        "extraId": payment.extra_id,
        "amount": payment.amount,
    }


def _amount_to(exchange: Exchange) -> Any:
    """Known to clients once finished only; scripted outcomes hide it or tell a lie."""
    if exchange.status != "finished":
        return None
    outcome = exchange.outcome
    if outcome is not None and outcome.name == "finish_without_amount" and exchange.polls_left:
        return None
    if outcome is not None and outcome.name == "amount_lie":
        return outcome.amount_to if outcome.amount_to is not None else _tenfold(exchange)
    return exchange.amount_to


def _tenfold(exchange: Exchange) -> Any:
    assert exchange.amount_to is not None
    return exchange.amount_to * 10


def _payout_hash(exchange: Exchange) -> str | None:
    outcome = exchange.outcome
    if outcome is not None and outcome.name == "finish_without_hash" and exchange.polls_left:
        return None
    return exchange.payout_hash


def _mention(exchange: Exchange, *, with_currency: bool = False) -> dict[str, Any]:
    mention: dict[str, Any] = {
        "id": exchange.id,
        "status": exchange.status,
        "createdAt": iso(exchange.created_at).removesuffix("Z"),
    }
    if with_currency:
        mention["fromCurrency"] = exchange.source.ticker
        mention["fromNetwork"] = exchange.source.network
    return {**mention, "amountFrom": exchange.amount_from, "amountTo": _amount_to(exchange)}

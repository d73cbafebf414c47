"""The endpoints of API v2: a checked request goes in, a body or a refusal comes out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from local.changenow import addresses, bodies, currencies, listing, pairs
from local.changenow.currencies import Currency
from local.changenow.exchanges import Exchange
from local.changenow.office import Office, Order
from local.changenow.pairs import Market
from local.changenow.wire import Refusal, amount, decode, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One authenticated request."""

    query: dict[str, str]
    body: bytes = b""
    key: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What the endpoints work on."""

    office: Office
    usdt_address: str


def list_currencies(service: Service, _request: Request) -> Any:
    """GET /v2/exchange/currencies."""
    return bodies.currencies(service.usdt_address)


def min_amount(service: Service, request: Request) -> Any:
    """GET /v2/exchange/min-amount."""
    source, target = _pair(request.query)
    least = pairs.minimum(source, target, service.office.market)
    return {**bodies.pair(source, target), "minAmount": least}


def amount_range(service: Service, request: Request) -> Any:
    """GET /v2/exchange/range."""
    source, target = _pair(request.query)
    market = service.office.market
    return {**bodies.pair(source, target), **_limits(source, target, market)}


def estimated_amount(service: Service, request: Request) -> Any:
    """GET /v2/exchange/estimated-amount."""
    source, target = _pair(request.query)
    wanted = amount(request.query.get("fromAmount"), "fromAmount")
    market = service.office.market
    _check_amount(source, target, wanted, market)
    return bodies.estimate(source, target, pairs.quote(source, target, wanted, market))


def create_exchange(service: Service, request: Request) -> Any:
    """POST /v2/exchange: every call makes a new exchange."""
    fields = decode(request.body)
    source, target = _pair(fields)
    wanted = amount(fields.get("fromAmount"), "fromAmount")
    _check_amount(source, target, wanted, service.office.market)
    payout = str(fields.get("address") or "")
    refund = str(fields.get("refundAddress") or "")
    if wrong := _fault(service, target.network, payout):
        raise Refusal(400, "not_valid_address", wrong)
    if refund and (wrong := _fault(service, source.network, refund)):
        raise Refusal(400, "not_valid_refund_address", wrong)
    order = Order(
        source=source,
        target=target,
        amount=wanted,
        payout_address=payout,
        payout_extra_id=str(fields.get("extraId") or "") or None,
        refund_address=refund or None,
        owner_key=request.key,
    )
    return bodies.created(service.office.create(order))


def exchange_by_id(service: Service, request: Request) -> Any:
    """GET /v2/exchange/by-id."""
    exchange = _own_exchange(service, request, request.query.get("id", ""))
    body = bodies.status(exchange, service.office.family(exchange))
    if exchange.polls_left:
        service.office.change(
            exchange.id, lambda one: replace(one, polls_left=max(one.polls_left - 1, 0))
        )
    return body


def validate_address(service: Service, request: Request) -> Any:
    """GET /v2/validate/address; `currency` is the network."""
    network, address = request.query.get("currency", ""), request.query.get("address", "")
    if not addresses.supported(network) or not address:
        raise Refusal(400, "not_valid_params", "currency or address is missing or not supported")
    wrong = _fault(service, network, address)
    return {"result": wrong is None, "message": wrong, "isActivated": None}


def list_exchanges(service: Service, request: Request) -> Any:
    """GET /v2/exchanges, for the private key only."""
    if not request.private:
        raise Refusal(403, "invalid_api_key", "Use private key for this endpoint")
    found = listing.select(service.office.all(), request.query)
    return {"count": len(found), "exchanges": [bodies.listed(one) for one in found]}


def actions(service: Service, request: Request) -> Any:
    """GET /v2/exchange/actions; amounts are texts here."""
    exchange = _own_exchange(service, request, request.query.get("id", ""))
    if not exchange.actions_available or exchange.amount_from is None:
        nothing = {"available": False}
        return {"continue": nothing, "refund": nothing, "error": None}
    market = service.office.market
    back = pairs.refund_amount(exchange.source, exchange.amount_from, market)
    refund = {
        "available": True,
        "amount": plain(back),
        "address": {"address": exchange.refund_address, "extraId": None},
        "additionalAddressList": [],
    }
    forward: dict[str, Any] = {"available": False}
    if _can_continue(exchange):
        quote = pairs.quote(exchange.source, exchange.target, exchange.amount_from, market)
        forward = {"available": True, "currentEstimate": plain(quote.to_amount)}
    return {"continue": forward, "refund": refund, "error": None}


def continue_exchange(service: Service, request: Request) -> Any:
    """POST /v2/exchange/continue."""
    exchange = _own_exchange(service, request, str(decode(request.body).get("id", "")))
    if not _can_continue(exchange) or exchange.amount_from is None:
        raise Refusal(400, "not_available", f"Continue not available for exchange {exchange.id}")
    quote = pairs.quote(
        exchange.source, exchange.target, exchange.amount_from, service.office.market
    )
    service.office.change(exchange.id, lambda one: replace(one, continue_asked=True, outcome=None))
    estimate = {
        "amount": quote.to_amount,
        "currency": exchange.target.ticker,
        "network": exchange.target.network,
    }
    return {"result": {"result": True, "data": {"estimate": estimate}}}


def refund_exchange(service: Service, request: Request) -> Any:
    """POST /v2/exchange/refund."""
    fields = decode(request.body)
    exchange = _own_exchange(service, request, str(fields.get("id", "")))
    address = str(fields.get("address") or exchange.refund_address or "")
    if not exchange.actions_available or _fault(service, exchange.source.network, address):
        raise Refusal(400, "not_available", f"Refund not available for exchange {exchange.id}")
    service.office.change(
        exchange.id, lambda one: replace(one, refund_to=address, actions_available=False)
    )
    return {"result": True}


Endpoint = Callable[[Service, Request], Any]
ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/v2/exchange/currencies"): list_currencies,
    ("GET", "/v2/exchange/min-amount"): min_amount,
    ("GET", "/v2/exchange/range"): amount_range,
    ("GET", "/v2/exchange/estimated-amount"): estimated_amount,
    ("POST", "/v2/exchange"): create_exchange,
    ("GET", "/v2/exchange/by-id"): exchange_by_id,
    ("GET", "/v2/validate/address"): validate_address,
    ("GET", "/v2/exchanges"): list_exchanges,
    ("GET", "/v2/exchange/actions"): actions,
    ("POST", "/v2/exchange/continue"): continue_exchange,
    ("POST", "/v2/exchange/refund"): refund_exchange,
}
KEYLESS = frozenset({"/v2/exchange/currencies", "/v2/exchange/min-amount"})
GATEABLE = frozenset(
    {
        "/v2/exchange/currencies",
        "/v2/exchange/range",
        "/v2/exchange/estimated-amount",
        "/v2/exchange/actions",
        "/v2/exchange/continue",
        "/v2/exchange/refund",
    }
)


def _pair(fields: dict[str, Any]) -> tuple[Currency, Currency]:
    source, target = _currency(fields, "from"), _currency(fields, "to")
    flow, kind = fields.get("flow") or "standard", fields.get("type") or "direct"
    if flow == "fixed-rate":
        raise Refusal(400, "fixed_rate_not_enabled", "Fixed rate is not enabled for this pair")
    if flow != "standard" or kind != "direct":
        raise Refusal(400, "not_valid_params", "flow must be standard and type direct")
    if not pairs.tradable(source, target):
        raise Refusal(400, "pair_is_inactive", "Pair is inactive")
    return source, target


def _currency(fields: dict[str, Any], side: str) -> Currency:
    ticker = str(fields.get(f"{side}Currency") or "")
    if not ticker:
        raise Refusal(400, "not_valid_params", f"{side}Currency is required")
    currency = currencies.find(ticker, str(fields.get(f"{side}Network") or ""))
    if currency is None:
        raise Refusal(400, "not_valid_params", f"Currency {ticker} is not supported")
    return currency


def _limits(source: Currency, target: Currency, market: Market) -> dict[str, Any]:
    return {
        "maxAmount": pairs.maximum(source, target, market),
        "minAmount": pairs.minimum(source, target, market),
    }


def _check_amount(source: Currency, target: Currency, wanted: Any, market: Market) -> None:
    limits = _limits(source, target, market)
    least, most = limits["minAmount"], limits["maxAmount"]
    told = {"range": {"minAmount": least, "maxAmount": most}}
    if wanted < least:
        raise Refusal(400, "deposit_too_small", "Out of min amount", told)
    if most is not None and wanted > most:
        raise Refusal(400, "max_amount_exceeded", "Out of max amount", told)


def _fault(service: Service, network: str, address: str) -> str | None:
    """What is wrong with an address, by a script or by itself."""
    return service.office.refused_addresses.get(address) or addresses.fault(network, address)


def _can_continue(exchange: Exchange) -> bool:
    return exchange.actions_available and pairs.tradable(exchange.source, exchange.target)


def _own_exchange(service: Service, request: Request, exchange_id: str) -> Exchange:
    if not exchange_id:
        raise Refusal(400, "not_valid_params", "id is required")
    exchange = service.office.get(exchange_id)
    if exchange is None:
        raise Refusal(404, "not_found", "Exchange not found")
    if exchange.owner_key != request.key and not request.private:
        raise Refusal(403, "forbidden", "The transaction was made from another api key")
    return exchange

"""Filters, order and pages of the transaction list. Pure."""

from collections.abc import Iterable, Mapping

from local.changenow.exchanges import Exchange
from local.changenow.wire import Refusal, parse_iso

PAGE_MAX = 100
FIELDS = {"createdAt": "created_at", "updatedAt": "updated_at"}


def select(exchanges: Iterable[Exchange], query: Mapping[str, str]) -> list[Exchange]:
    """The page of exchanges a query asks for; raises Refusal 400 for a malformed one."""
    found = [one for one in exchanges if _matches(one, query)]
    order = _field(query.get("sortField", "createdAt"), "sortField")
    newest_first = query.get("sortDirection", "DESC") != "ASC"
    found.sort(key=lambda one: (getattr(one, order), one.id), reverse=newest_first)
    offset = _whole(query.get("offset", "0"), "offset")
    limit = _whole(query.get("limit", str(PAGE_MAX)), "limit")
    return found[offset : offset + min(limit, PAGE_MAX)]


def _matches(exchange: Exchange, query: Mapping[str, str]) -> bool:
    moment = getattr(exchange, _field(query.get("dateField", "createdAt"), "dateField"))
    if "dateFrom" in query and moment < parse_iso(query["dateFrom"], "dateFrom"):
        return False
    if "dateTo" in query and moment > parse_iso(query["dateTo"], "dateTo"):
        return False
    if query.get("requestId", exchange.id) != exchange.id:
        return False
    payout = query.get("payoutAddress", exchange.payout_address)
    if payout.lower() != exchange.payout_address.lower():
        return False
    return exchange.status in query.get("statuses", exchange.status).split(",")


def _field(name: str, parameter: str) -> str:
    if name not in FIELDS:
        raise Refusal(400, "not_valid_params", f"{parameter} must be createdAt or updatedAt")
    return FIELDS[name]


def _whole(text: str, parameter: str) -> int:
    if not text.isdigit():
        raise Refusal(400, "not_valid_params", f"{parameter} must be a number")
    return int(text)

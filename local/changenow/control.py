"""The control surface under /_control, for tests and drills; production code never calls it.

GET  /_control/health               ready, head block, market
GET  /_control/exchanges            every exchange as by-id shows it, with what is really paid
GET  /_control/payouts              every payment on a chain that is not Ethereum, oldest first
GET  /_control/calls                how often each endpoint was called
GET  /_control/faults               what is still scripted
POST /_control/faults               script one: a transport fault {"path", "kind", "times", …};
                                    {"kind": "outcome", "outcome", "id"?, …} for one exchange or the
                                    next created; {"kind": "minimum" | "maximum", "minimum" |
                                    "maximum": amount or null, "from"?, "to"?} for the pairs of
                                    these currencies, `ticker/network`, else for all;
                                    {"kind": "address", "address", "valid"?, "message"?}
DELETE /_control/faults             forget transport faults, scripted limits and addresses
POST /_control/price                {"eth_usd"?, "gas_price_gwei"?, "spread_percent"?, "usd"?:
                                    {`ticker/network`: price}, "fees"?: {…: in the currency}};
                                    null: eth_usd follows the feed again, others are our own again
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from local.changenow import bodies
from local.changenow.addresses import INVALID
from local.changenow.currencies import labelled
from local.changenow.exchanges import Exchange
from local.changenow.faults import FaultScript, parse_fault
from local.changenow.limits import CallCounts
from local.changenow.office import Office
from local.changenow.outcomes import parse_outcome
from local.changenow.pairs import ANY
from local.changenow.wire import Refusal, decode

PREFIX = "/_control/"
LIMITS = {"minimum": "minimums", "maximum": "maximums"}  # kind → table of the market
PRICES = frozenset({"eth_usd", "gas_price_gwei", "spread_percent"})
TABLES = frozenset({"usd", "fees"})


class Control:
    """Reads and scripts the simulator."""

    def __init__(self, office: Office, faults: FaultScript, calls: CallCounts) -> None:
        self._office = office
        self._faults = faults
        self._calls = calls

    def answer(self, method: str, path: str, body: bytes) -> Any:
        """The JSON answer to a control request; raises Refusal for what cannot be."""
        acts: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "health"): self._health,
            ("GET", "exchanges"): self._exchanges,
            ("GET", "payouts"): self._payouts,
            ("GET", "calls"): self._calls.so_far,
            ("GET", "faults"): self._faults.pending,
            ("DELETE", "faults"): self._clear,
            ("POST", "faults"): lambda: self._script(decode(body)),
            ("POST", "price"): lambda: self._price(decode(body)),
        }
        act = acts.get((method, path.removeprefix(PREFIX)))
        if act is None:
            raise Refusal(404, "not_found", f"no {method} {path}")
        try:
            return act()
        except (ValueError, TypeError, InvalidOperation) as error:
            raise Refusal(400, "not_valid_params", str(error)) from error

    def _health(self) -> Any:
        market = self._office.market
        prices = {name: getattr(market, name) for name in sorted(PRICES | TABLES)}
        limits: dict[str, Any] = {}
        for kind, table in LIMITS.items():
            scripted = getattr(market, table)
            limits[kind] = scripted.get(ANY)
            limits[table] = [
                {"from": source, "to": target, kind: limit}
                for (source, target), limit in scripted.items()
            ]
        return {"status": "ok", "exchanges": len(self._office.all()), **prices, **limits}

    def _exchanges(self) -> Any:
        family = {one.id: one for one in self._office.all()}
        rows = [{**bodies.status(one, family), "really": _really(one)} for one in family.values()]
        return {"count": len(rows), "exchanges": rows}

    def _payouts(self) -> Any:
        rows = [bodies.foreign(payment) for payment in self._office.foreign.payments()]
        return {"count": len(rows), "payouts": rows}

    def _clear(self) -> Any:
        self._faults.clear()
        self._office.change_market(minimums={}, maximums={})
        self._office.refused_addresses.clear()
        return {"result": True}

    def _script(self, fields: dict[str, Any]) -> Any:
        kind = fields.get("kind")
        if kind == "outcome":
            exchange_id = fields.get("id")
            if not self._office.script(parse_outcome(fields), exchange_id):
                raise Refusal(404, "not_found", "Exchange not found")
        elif kind in LIMITS:
            if kind not in fields:
                raise ValueError(f"{kind} is missing")
            scope = _label(fields.get("from")), _label(fields.get("to"))
            self._office.change_entry(LIMITS[kind], scope, _optional(fields[kind]))
        elif kind == "address":
            self._refuse_address(fields)
        else:
            self._faults.add(parse_fault(fields))
        return {"result": True}

    def _refuse_address(self, fields: dict[str, Any]) -> None:
        address = str(fields.get("address") or "")
        if not address:
            raise ValueError("address is missing")
        self._office.refused_addresses.pop(address, None)
        if not fields.get("valid", False):
            self._office.refused_addresses[address] = str(fields.get("message") or INVALID)

    def _price(self, fields: dict[str, Any]) -> Any:
        unknown = set(fields) - PRICES - TABLES
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if "eth_usd" in fields:
            self._office.scripted_price = fields["eth_usd"] is not None
        for table in sorted(TABLES & set(fields)):
            for label, value in dict(fields[table]).items():
                if labelled(label).usd is None and table == "usd":
                    raise ValueError("the price of ether is eth_usd")
                self._office.change_entry(table, label, _optional(value))
        named = {name: fields[name] for name in PRICES & set(fields)}
        changes = {name: _decimal(value) for name, value in named.items() if value is not None}
        self._office.change_market(**changes)
        return self._health()


def _label(value: Any) -> str:
    return "" if value is None else labelled(str(value)).label


def _optional(value: Any) -> Decimal | None:
    return None if value is None else _decimal(value)


def _decimal(value: Any) -> Decimal:
    number = Decimal(str(value))
    if not number.is_finite() or number < 0:
        raise ValueError(f"{value} is not a price or amount")
    return number


def _really(exchange: Exchange) -> dict[str, Any]:
    return {
        "amountTo": exchange.amount_to,
        "payoutHash": exchange.payout_hash,
        "refundTx": exchange.refund_tx,
        "outcome": exchange.outcome.name if exchange.outcome is not None else None,
    }

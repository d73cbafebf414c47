"""The control surface under /_control, for tests and drills; production code never calls it.

GET  /_control/health               ready, head block, market
GET  /_control/exchanges            every exchange as by-id shows it, with what is really paid
GET  /_control/calls                how often each endpoint was called
GET  /_control/faults               what is still scripted
POST /_control/faults               script one: a transport fault {"path", "kind", "times", …};
                                    {"kind": "outcome", "outcome", "id"?, …} for one exchange or the
                                    next created; {"kind": "minimum" | "maximum", "minimum" |
                                    "maximum": amount or null}
DELETE /_control/faults             forget transport faults and scripted limits
POST /_control/price                {"eth_usd"?, "gas_price_gwei"?, "spread_percent"?}; eth_usd
                                    null: follow the feed again
"""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from local.changenow import bodies
from local.changenow.exchanges import Exchange
from local.changenow.faults import FaultScript, parse_fault
from local.changenow.limits import CallCounts
from local.changenow.office import Office
from local.changenow.outcomes import parse_outcome
from local.changenow.wire import Refusal, decode

PREFIX = "/_control/"
LIMITS = frozenset({"minimum", "maximum"})
PRICES = frozenset({"eth_usd", "gas_price_gwei", "spread_percent"})


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
        prices = {name: getattr(market, name) for name in sorted(PRICES | LIMITS)}
        return {"status": "ok", "exchanges": len(self._office.all()), **prices}

    def _exchanges(self) -> Any:
        family = {one.id: one for one in self._office.all()}
        rows = [{**bodies.status(one, family), "really": _really(one)} for one in family.values()]
        return {"count": len(rows), "exchanges": rows}

    def _clear(self) -> Any:
        self._faults.clear()
        self._office.change_market(minimum=None, maximum=None)
        return {"result": True}

    def _script(self, fields: dict[str, Any]) -> Any:
        kind = fields.get("kind")
        if kind == "outcome":
            exchange_id = fields.get("id")
            if not self._office.script(parse_outcome(fields), exchange_id):
                raise Refusal(404, "not_found", "Exchange not found")
        elif kind in LIMITS:
            value = fields[str(kind)]
            self._office.change_market(**{str(kind): None if value is None else _decimal(value)})
        else:
            self._faults.add(parse_fault(fields))
        return {"result": True}

    def _price(self, fields: dict[str, Any]) -> Any:
        unknown = set(fields) - PRICES
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        if "eth_usd" in fields:
            self._office.scripted_price = fields["eth_usd"] is not None
        changes = {name: _decimal(value) for name, value in fields.items() if value is not None}
        self._office.change_market(**changes)
        return self._health()


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

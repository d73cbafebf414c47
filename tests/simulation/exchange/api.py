"""ChangeNOW's API over the office, in the words of its answers."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from tests.simulation.clock import Clock
from tests.simulation.exchange.office import Delivery, Exchange, Office, Pair
from tests.simulation.seams import UnknownEffect

NOWHERE = "0x" + "de" * 32
NOT_YET = "0x" + "5e" * 32  # named while it sends, before the one that it has paid in
EARLY = 0.5
NEW = 0.1  # of the answers before its deposit


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as requests gives it."""

    status_code: int
    content: bytes


def _json(status_code: int, fields: dict[str, Any]) -> Answer:
    return Answer(status_code, json.dumps(fields).encode())


@dataclass
class Api:
    """Answers one call at a time."""

    office: Office
    clock: Clock

    def call(
        self, method: str, url: str, params: dict[str, str] | None, data: bytes | None
    ) -> Answer:
        """One HTTP call."""
        self.office.advance()
        path, query = urlsplit(url).path, params or {}
        routes = {
            ("GET", "/v2/exchange/range"): self._range,
            ("GET", "/v2/exchange/min-amount"): self._range,
            ("GET", "/v2/exchange/estimated-amount"): self._estimate,
            ("GET", "/v2/exchange/by-id"): self._by_id,
            ("GET", "/v2/validate/address"): self._validate,
        }
        if (method, path) == ("POST", "/v2/exchange"):
            return self._create(json.loads(data or b"{}"))
        if (method, path) not in routes:
            raise UnknownEffect(f"the exchange is asked for {method} {path}, which passes no seam")
        return routes[method, path](query)

    def _range(self, query: dict[str, str]) -> Answer:
        minimum = self.office.minimum(query["fromCurrency"])
        return _json(200, {"minAmount": str(minimum), "maxAmount": None})

    def _estimate(self, query: dict[str, str]) -> Answer:
        amount = Decimal(query["fromAmount"])
        return _json(200, {"toAmount": f"{self.office.quoted(_pair(query), amount):f}"})

    def _validate(self, query: dict[str, str]) -> Answer:
        refused = query["address"] in self.office.refused_addresses
        return _json(
            200, {"result": not refused, "message": "Invalid address" if refused else None}
        )

    def _create(self, asked: dict[str, str]) -> Answer:
        amount, minimum = Decimal(asked["fromAmount"]), self.office.minimum(asked["fromCurrency"])
        if amount < minimum:
            limits = {"range": {"minAmount": str(minimum), "maxAmount": None}}
            said = {"error": "deposit_too_small", "message": "Out of min amount", "payload": limits}
            return _json(400, said)
        if asked["address"] in self.office.refused_addresses:
            return _json(400, {"error": "not_valid_address", "message": "Invalid address"})
        made = self.office.create(
            _pair(asked), amount, asked["address"], asked["refundAddress"], asked.get("extraId", "")
        )
        answer = {
            "id": made.exchange_id,
            "fromAmount": asked["fromAmount"],
            "toAmount": f"{made.expected:f}",
            "flow": "standard",
            "type": "direct",
            "payinAddress": made.payin_address,
            "payoutAddress": asked["address"],
            "refundAddress": asked["refundAddress"],
            **{name: asked[name] for name in _PAIR},
        }
        if made.extra_id:
            answer["payoutExtraId"] = made.extra_id
        return _json(200, answer)

    def _by_id(self, query: dict[str, str]) -> Answer:
        exchange = self.office.exchanges.get(query["id"])
        if exchange is None:
            return _json(404, {"error": "not_found", "message": "Not found"})
        pair = exchange.pair
        self.office.perhaps_moves(exchange)
        return _json(
            200,
            {
                "id": exchange.exchange_id,
                "status": self._status(exchange),
                "fromCurrency": pair.source,
                "fromNetwork": pair.source_network,
                "toCurrency": pair.target,
                "toNetwork": pair.target_network,
                "payinAddress": exchange.moved_to or exchange.payin_address,
                "payoutAddress": exchange.payout_address,
                "refundAddress": exchange.refund_address,
                "expectedAmountFrom": f"{exchange.amount:f}",
                "amountFrom": f"{exchange.deposited:f}" if exchange.deposits else None,
                "payinHash": next(iter(exchange.deposits), None),
                **self._ends(exchange),
            },
        )

    def _status(self, exchange: Exchange) -> str:
        if exchange.out is not None:
            return "finished"
        if exchange.refund_hash:
            return "refunded"
        if not exchange.deposits:
            return self._before_deposit(exchange)
        if not self.office.is_deep(exchange):
            return "confirming"
        return "sending" if self._is_sending(exchange) else exchange.fate.status

    def _before_deposit(self, exchange: Exchange) -> str:
        if self.clock.now >= exchange.expires_at:
            return "expired"
        if self.office.chance.strikes("exchange_is_new", exchange.exchange_id, NEW):
            return "new"
        if not exchange.moved_to:
            exchange.said_waiting_at = self.clock.now
        return "waiting"

    def _is_sending(self, exchange: Exchange) -> bool:
        """Whether it says that it pays, and has not paid yet: for half of the time it takes."""
        if exchange.fate.status != "exchanging" or exchange.deposited_at is None:
            return False
        waited = (self.clock.now - exchange.deposited_at).total_seconds()
        return waited >= exchange.fate.seconds / 2

    def _ends(self, exchange: Exchange) -> dict[str, Any]:
        if exchange.refund_hash:
            amount = f"{exchange.refund_amount:f}"
            return {"refundHash": exchange.refund_hash, "refundAmount": amount}
        if exchange.out is None and self._status(exchange) == "sending":
            return {"payoutHash": NOT_YET if self._is_early(exchange) else None}
        if exchange.out is None or exchange.decided_at is None:
            return {}
        fate, out = exchange.fate, exchange.out
        since = (self.clock.now - exchange.decided_at).total_seconds()
        told: str | None = out.tx_hash
        if since < fate.hides_hash_seconds:
            told = None
        elif since < fate.wrong_hash_seconds and exchange.pair.on_our_chain:
            told = NOWHERE
        return {"payoutHash": told, "amountTo": f"{_said_amount(exchange, out):f}"}

    def _is_early(self, exchange: Exchange) -> bool:
        """Whether it names a transaction while it is sending, and sends another in the end."""
        return self.office.chance.unit(f"names early {exchange.exchange_id}") < EARLY

    def said(self, exchange_id: str) -> set[tuple[str, Decimal]]:
        """(transaction, amount) as it has told them, also of payments that came to be undone."""
        exchange = self.office.exchanges[exchange_id]
        assert exchange.out is not None
        told = {(out.tx_hash, _said_amount(exchange, out)) for out in exchange.undone}
        told.add((exchange.out.tx_hash, _said_amount(exchange, exchange.out)))
        if exchange.fate.wrong_hash_seconds:
            told |= {(NOWHERE, amount) for _, amount in told}
        return told


def _said_amount(exchange: Exchange, out: Delivery) -> Decimal:
    """What it says it has paid, which is not always what it has."""
    percent = exchange.fate.says_percent
    if percent == 100:
        return out.amount
    return (out.amount * percent / 100).quantize(Decimal("0.000001"))


_PAIR = ("fromCurrency", "fromNetwork", "toCurrency", "toNetwork")


def _pair(fields: dict[str, str]) -> Pair:
    return Pair(*(fields[name] for name in _PAIR))

"""An exchange in memory behind the interface of vendors.changenow.ChangeNow."""

import itertools
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from microbatch.vendors.changenow import (
    AddressVerdict,
    CreatedExchange,
    ExchangeError,
    ExchangeStatus,
    Pair,
    Range,
)
from tests.fakes.chain import FakeChain

TREASURY = "0x" + "77" * 20
USDT = ("usdt", "eth")
DOLLARS = {  # one unit of a currency, by ticker; ETH has the exchange's own rate
    "usdt": Decimal(1),
    "btc": Decimal(60_000),
    "ltc": Decimal(80),
    "sol": Decimal(150),
    "trx": Decimal("0.25"),
    "xmr": Decimal(200),
    "xrp": Decimal("0.5"),
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one exchange pays out, and to whom."""

    exchange_id: str
    pair: Pair
    payout_address: str
    extra_id: str
    amount: Decimal


@dataclass
class FakeExchange:
    """Takes ETH and USDT deposits it sees on the fake chain; pays USDT on it.

    What it pays in any other currency is in `delivered`.
    """

    chain: FakeChain
    rate: Decimal = Decimal(1980)
    minimum: str = "0.001"
    minimum_usdt: str = "5"
    refusal: ExchangeError | None = None
    exchanges: dict[str, ExchangeStatus] = field(default_factory=dict)
    forced: dict[str, dict[str, str]] = field(default_factory=dict)  # fields, by a test
    only_after_deposit: bool = False
    amount_to: str | None = None  # what it says it paid, when that is not what it paid
    invalid_addresses: set[str] = field(default_factory=set)
    unsupported_networks: set[str] = field(default_factory=set)
    asked: dict[str, Delivery] = field(default_factory=dict)  # as created, amount as expected
    refund_addresses: dict[str, str] = field(default_factory=dict)
    delivered: list[Delivery] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def range(self, pair: Pair) -> Range:
        return Range(self.minimum if pair.from_currency == "eth" else self.minimum_usdt, "")

    def estimate(self, pair: Pair, amount: str) -> str:
        return format(self._worth(pair, Decimal(amount)), "f")

    def validate_address(self, network: str, address: str) -> AddressVerdict:
        if network in self.unsupported_networks:
            raise ExchangeError("not_valid_params", f"Network {network} is not supported")
        if address in self.invalid_addresses:
            return AddressVerdict(False, "Invalid address")
        return AddressVerdict(True, "")

    def create(
        self,
        pair: Pair,
        *,
        amount: str,
        payout_address: str,
        refund_address: str,
        payout_extra_id: str = "",
    ) -> CreatedExchange:
        if self.refusal is not None:
            raise self.refusal
        if payout_address in self.invalid_addresses:
            raise ExchangeError("not_valid_address", "Invalid address")
        number = next(self._numbers)
        exchange_id = f"{number:014x}"
        payin = f"0x{number + 0xA0000000:040x}"
        expected = self._worth(pair, Decimal(amount))
        self.exchanges[exchange_id] = ExchangeStatus(
            status="waiting",
            from_currency=pair.from_currency,
            from_network=pair.from_network,
            payin_address=payin,
        )
        self.asked[exchange_id] = Delivery(
            exchange_id, pair, payout_address, payout_extra_id, expected
        )
        self.refund_addresses[exchange_id] = refund_address
        return CreatedExchange(
            exchange_id=exchange_id, payin_address=payin, to_amount=format(expected, "f")
        )

    def status(self, exchange_id: str) -> ExchangeStatus:
        known = self.exchanges.get(exchange_id)
        if known is None:
            return ExchangeStatus(status="not_found")
        deposit = self._deposit(known)
        forced = self.forced.get(exchange_id)
        if forced is not None and (deposit or not self.only_after_deposit):
            return replace(known, **forced)
        if deposit and known.status == "waiting":
            known = self._finish(exchange_id, known, deposit)
            self.exchanges[exchange_id] = known
        return known

    def refund(self, exchange_id: str, *, fee: str = "0") -> str:
        """Send a deposit back less a fee, in its own asset; returns the transaction's hash."""
        known = self.exchanges[exchange_id]
        amount = self._deposit(known) - Decimal(fee)
        tx_hash = "0x" + f"fe{exchange_id}".rjust(64, "0")
        to = self.refund_addresses[exchange_id]
        if known.from_currency == "eth":
            self.chain.refund(tx_hash, to, int(amount.scaleb(18)))
        else:
            self.chain.pay_token(tx_hash, TREASURY, int(amount.scaleb(6)), to=to)
        told = {"refund_hash": tx_hash, "refund_amount": format(amount, "f")}
        self.forced[exchange_id] = {"status": "refunded", **told}
        return tx_hash

    def _deposit(self, known: ExchangeStatus) -> Decimal:
        if known.from_currency == "eth":
            return Decimal(self.chain.received_wei(known.payin_address)) / 10**18
        return Decimal(self.chain.received_units(known.payin_address)) / 10**6

    def _finish(self, exchange_id: str, known: ExchangeStatus, deposit: Decimal) -> ExchangeStatus:
        asked = self.asked[exchange_id]
        out = self._worth(asked.pair, deposit)
        payout_hash = exchange_id.rjust(64, "0")
        if asked.pair.to_network == "eth":
            payout_hash = "0x" + payout_hash
        if (asked.pair.to_currency, asked.pair.to_network) == USDT:
            to = asked.payout_address
            self.chain.pay_token(payout_hash, TREASURY, int(out * 10**6), to=to)
        else:
            self.delivered.append(replace(asked, amount=out))
        return replace(
            known,
            status="finished",
            amount_to=format(out, "f") if self.amount_to is None else self.amount_to,
            payout_hash=payout_hash,
        )

    def _worth(self, pair: Pair, amount: Decimal) -> Decimal:
        if (pair.from_currency, pair.to_currency, pair.to_network) == ("eth", *USDT):
            return self._out(amount)
        dollars = amount * (self.rate if pair.from_currency == "eth" else 1)
        unit = self.rate if pair.to_currency == "eth" else DOLLARS[pair.to_currency]
        return (dollars / unit).quantize(Decimal("0.00000001"), rounding=ROUND_DOWN)

    def _out(self, amount: Decimal) -> Decimal:
        return (amount * self.rate).quantize(Decimal("0.000001"), rounding=ROUND_DOWN)

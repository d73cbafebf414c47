"""An exchange in memory behind the interface of vendors.changenow.ChangeNow."""

import itertools
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal

from microbatch.vendors.changenow import ExchangeError
from microbatch.vendors.changenow.client import CreatedExchange, ExchangeStatus, Pair, Range
from tests.fakes.chain import FakeChain

TREASURY = "0x" + "77" * 20


@dataclass
class FakeExchange:
    """Takes ETH deposits it sees on the fake chain and pays USDT on it."""

    chain: FakeChain
    rate: Decimal = Decimal(1980)
    minimum: str = "0.001"
    refusal: ExchangeError | None = None
    exchanges: dict[str, ExchangeStatus] = field(default_factory=dict)
    forced: dict[str, dict[str, str]] = field(default_factory=dict)  # fields, by a test
    only_after_deposit: bool = False
    amount_to: str | None = None  # what it says it paid, when that is not what it paid
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def range(self, pair: Pair) -> Range:
        return Range(self.minimum, "")

    def estimate(self, pair: Pair, amount: str) -> str:
        return format(self._out(Decimal(amount)), "f")

    def create(
        self, pair: Pair, *, amount: str, payout_address: str, refund_address: str
    ) -> CreatedExchange:
        if self.refusal is not None:
            raise self.refusal
        number = next(self._numbers)
        exchange_id = f"{number:014x}"
        payin = f"0x{number + 0xA0000000:040x}"
        self.exchanges[exchange_id] = ExchangeStatus(
            status="waiting",
            from_currency=pair.from_currency,
            from_network=pair.from_network,
            payin_address=payin,
        )
        return CreatedExchange(
            exchange_id=exchange_id,
            payin_address=payin,
            to_amount=format(self._out(Decimal(amount)), "f"),
        )

    def status(self, exchange_id: str) -> ExchangeStatus:
        known = self.exchanges.get(exchange_id)
        if known is None:
            return ExchangeStatus(status="not_found")
        deposit = self.chain.received_wei(known.payin_address)
        forced = self.forced.get(exchange_id)
        if forced is not None and (deposit or not self.only_after_deposit):
            return replace(known, **forced)
        if deposit and known.status == "waiting":
            out = self._out(Decimal(deposit) / 10**18)
            payout_hash = "0x" + exchange_id.rjust(64, "0")
            self.chain.pay_token(payout_hash, TREASURY, int(out * 10**6))
            known = replace(
                known,
                status="finished",
                amount_to=format(out, "f") if self.amount_to is None else self.amount_to,
                payout_hash=payout_hash,
            )
            self.exchanges[exchange_id] = known
        return known

    def _out(self, amount: Decimal) -> Decimal:
        return (amount * self.rate).quantize(Decimal("0.000001"), rounding=ROUND_DOWN)

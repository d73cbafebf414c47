"""The exchange behind its API: what it was given, what it owes, what becomes of each exchange."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

from tests.simulation.chain.ledger import Chain
from tests.simulation.chain.transactions import Mined
from tests.simulation.chance import Chance
from tests.simulation.clock import Clock
from tests.simulation.exchange.fates import Fate, drawn_fate
from tests.simulation.prices import DECIMALS, Prices

MINIMUM_USD = Decimal(4)
GATHERS = 0.3  # how likely it pays a customer together with the next one
GATHERS_SECONDS_MAX = 3600
NOTICES_SECONDS = (20, 900)
MOVES = 0.02  # how likely an answer names another address to pay at
KEEPS_PERCENT = Decimal("99.4")  # of the worth, after its fees


@dataclass(frozen=True)
class Pair:
    """What is turned into what."""

    source: str
    source_network: str
    target: str
    target_network: str

    @property
    def on_our_chain(self) -> bool:
        """Whether the exchange pays out where we can see it."""
        return self.target_network == "eth" and self.target in DECIMALS


@dataclass(frozen=True)
class Delivery:
    """What was paid out, and to whom."""

    exchange_id: str
    pair: Pair
    address: str
    extra_id: str
    amount: Decimal
    tx_hash: str


@dataclass
class Exchange:
    """One exchange."""

    exchange_id: str
    pair: Pair
    amount: Decimal
    expected: Decimal
    payin_address: str
    payout_address: str
    extra_id: str
    refund_address: str
    created_at: datetime
    expires_at: datetime
    fate: Fate
    said_waiting_at: datetime | None = None  # with the address that it was made with
    moved_to: str = ""  # the address that it names since
    deposits: dict[str, tuple[int, int]] = field(default_factory=dict)  # hash: (units, block)
    deposited_at: datetime | None = None
    decided_at: datetime | None = None  # when it began to pay out, or back
    out: Delivery | None = None
    notices_at: datetime | None = None  # that the chain has forgotten its payment
    undone: list[Delivery] = field(default_factory=list)  # payments that the chain has forgotten
    refund_hash: str = ""
    refund_amount: Decimal = Decimal(0)

    @property
    def deposited(self) -> Decimal:
        """What was paid in."""
        units = sum(units for units, _ in self.deposits.values())
        return Decimal(units).scaleb(-DECIMALS[self.pair.source])


@dataclass
class Office:
    """All exchanges."""

    chance: Chance
    clock: Clock
    chain: Chain
    prices: Prices
    severity: float
    confirmations: int
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    refused_addresses: set[str] = field(default_factory=set)
    tell: Callable[[str], None] = lambda _text: None

    def __post_init__(self) -> None:
        self._by_payin: dict[str, Exchange] = {}
        self._gathered: list[Exchange] = []  # waits for another, to be paid in one transaction
        self.chain.on_mined.append(self._deposit)
        self.chain.on_undone.append(self._forget_deposit)
        self.chain.replace = self._pay_again

    # --- what it is asked for --------------------------------------------------------------------

    def minimum(self, source: str) -> Decimal:
        """The least it takes now, in coins."""
        hour = int(self.clock.elapsed_seconds) // 3600
        raised = self.chance.unit(f"minimum raised {hour}") < 0.04 * self.severity
        times = 6 if raised and self.chance.troubled else 1
        minimum = MINIMUM_USD * times / self.prices.dollars(source)
        return minimum.quantize(Decimal("0.000001"))

    def quoted(self, pair: Pair, amount: Decimal) -> Decimal:
        """What it would bring."""
        return self.prices.exchanged(pair.source, pair.target, amount, KEEPS_PERCENT)

    def create(
        self, pair: Pair, amount: Decimal, payout_address: str, refund_address: str, extra_id: str
    ) -> Exchange:
        """One exchange, waiting for its deposit."""
        number = len(self.exchanges) + 1
        digest = blake2b(f"{self.chance.seed}|exchange|{number}".encode(), digest_size=20)
        exchange_id, payin = digest.hexdigest()[:14], "0x" + digest.hexdigest()
        expected = self.quoted(pair, amount)
        fate = drawn_fate(self.chance, exchange_id, self.severity)
        made = Exchange(
            exchange_id,
            pair,
            amount,
            expected,
            payin,
            payout_address,
            extra_id,
            refund_address,
            self.clock.now,
            self.clock.after(fate.expires_seconds),
            fate,
        )
        self.exchanges[exchange_id] = self._by_payin[payin] = made
        self.tell(
            f"exchange {exchange_id} made: {amount} {pair.source} > {pair.target} {fate.name}"
        )
        return made

    def _pay_again(self, mined: Mined) -> bool:
        """A payment of ours is gone from the chain: another transaction takes its place."""
        lost = mined.sent.tx_hash
        refunded = [each for each in self.exchanges.values() if each.refund_hash == lost]
        paid = [each for each in self.exchanges.values() if each.out and each.out.tx_hash == lost]
        for exchange in paid:
            self.deliveries = [each for each in self.deliveries if each is not exchange.out]
        seconds = self.chance.between("notices", *NOTICES_SECONDS)
        for exchange in (*refunded, *paid):
            exchange.notices_at = self.clock.after(seconds)
        return bool(refunded or paid)

    def notice(self, now: datetime) -> None:
        """Pay again what it has found gone from the chain by now; until then it tells of that."""
        found = [
            each for each in self.exchanges.values() if each.notices_at and each.notices_at <= now
        ]
        for exchange in found:
            exchange.notices_at = None
            self.chance.faults["exchange_pays_again"] += 1
            if exchange.refund_hash:
                self._refund(exchange)
        lost: dict[str, list[Exchange]] = {}
        for exchange in found:
            if exchange.out:
                exchange.undone.append(exchange.out)
                lost.setdefault(exchange.out.tx_hash, []).append(exchange)
        for together in lost.values():
            self._pay_together(together)

    # --- what goes on by itself ------------------------------------------------------------------

    def _target_of(self, mined: Mined) -> tuple[Exchange, int] | None:
        transfer = mined.sent.token_transfer if mined.succeeded else None
        to, units = transfer or (mined.sent.to, mined.sent.value_wei)
        found = self._by_payin.get(to) if mined.succeeded else None
        return (found, units) if found else None

    def perhaps_moves(self, exchange: Exchange) -> None:
        """It may name another address than before, as long as nothing was paid."""
        about, likely = exchange.exchange_id, MOVES * self.severity
        if exchange.deposits or exchange.moved_to:
            return
        if self.chance.strikes("exchange_moves_payin", about, likely):
            exchange.moved_to = "0x" + blake2b(about.encode(), digest_size=20).hexdigest()

    def paid_at(self, payin_address: str) -> Exchange | None:
        """The exchange that is paid at this address."""
        return self._by_payin.get(payin_address)

    def _deposit(self, mined: Mined) -> None:
        found = self._target_of(mined)
        if found is not None:
            exchange, units = found
            exchange.deposits[mined.sent.tx_hash] = (units, mined.number)
            exchange.deposited_at = exchange.deposited_at or self.clock.now

    def _forget_deposit(self, mined: Mined) -> None:
        found = self._target_of(mined)
        if found is not None:
            found[0].deposits.pop(mined.sent.tx_hash, None)
            if not found[0].deposits:
                found[0].deposited_at = None

    def advance(self) -> None:
        """Pay out, or back, what is due."""
        self.notice(self.clock.now)
        for exchange in self.exchanges.values():
            if exchange.decided_at is None and self._is_due(exchange):
                exchange.decided_at = self.clock.now
                late = exchange.deposited_at and exchange.deposited_at > exchange.expires_at
                if exchange.fate.refunds or (late and exchange.fate.strict):
                    self._refund(exchange)
                else:
                    self._pay_out(exchange)
        self._pay_who_waited_long()

    def _is_due(self, exchange: Exchange) -> bool:
        if exchange.deposited_at is None or not self.is_deep(exchange):
            return False
        waited = (self.clock.now - exchange.deposited_at).total_seconds()
        return waited >= exchange.fate.seconds

    def is_deep(self, exchange: Exchange) -> bool:
        """Whether its deposit lies deep enough to be believed."""
        numbers = [number for _, number in exchange.deposits.values()]
        return bool(numbers) and self.chain.head - min(numbers) + 1 >= self.confirmations

    def _pay_out(self, exchange: Exchange) -> None:
        """Now, with those that have waited for company; or it waits for company itself."""
        if exchange.pair.target != "usdt" or not exchange.pair.on_our_chain:
            self._pay_together([exchange])
        elif self._gathered:
            gathered, self._gathered = self._gathered, []
            self._pay_together([*gathered, exchange])
        elif self.chance.strikes("exchange_gathers", exchange.exchange_id, GATHERS * self.severity):
            self._gathered = [exchange]
        else:
            self._pay_together([exchange])

    def _pay_who_waited_long(self) -> None:
        for exchange in self._gathered:
            assert exchange.decided_at is not None
            if (self.clock.now - exchange.decided_at).total_seconds() >= GATHERS_SECONDS_MAX:
                self._gathered = []
                self._pay_together([exchange])

    def _pay_together(self, exchanges: list[Exchange]) -> None:
        """In one transaction, where it is on our chain."""
        amounts = [self._brought(exchange) for exchange in exchanges]
        pair = exchanges[0].pair
        if pair.on_our_chain:
            places = DECIMALS[pair.target]
            (to, units), *also = [
                (exchange.payout_address.lower(), int(amount.scaleb(places)))
                for exchange, amount in zip(exchanges, amounts, strict=True)
            ]
            what = {"wei": units} if pair.target == "eth" else {"units": units}
            tx_hash = self.chain.outside(to, also=tuple(also), **what)
        else:
            tx_hash = blake2b(exchanges[0].exchange_id.encode(), digest_size=32).hexdigest()
        for exchange, amount in zip(exchanges, amounts, strict=True):
            to, extra_id = exchange.payout_address, exchange.extra_id
            exchange.out = Delivery(
                exchange.exchange_id, exchange.pair, to, extra_id, amount, tx_hash
            )
            self.deliveries.append(exchange.out)
            self.tell(f"exchange {exchange.exchange_id} pays {amount} {exchange.pair.target}")

    def _brought(self, exchange: Exchange) -> Decimal:
        pair, percent = exchange.pair, exchange.fate.brings_percent
        return self.prices.exchanged(pair.source, pair.target, exchange.deposited, percent)

    def _refund(self, exchange: Exchange) -> None:
        decimals = DECIMALS[exchange.pair.source]
        kept = exchange.deposited * exchange.fate.refund_loss_percent / 100
        units = int((exchange.deposited - kept).scaleb(decimals))
        what = {"wei": units} if exchange.pair.source == "eth" else {"units": units}
        exchange.refund_hash = self.chain.outside(exchange.refund_address.lower(), **what)
        exchange.refund_amount = Decimal(units).scaleb(-decimals)
        self.tell(f"exchange {exchange.exchange_id} pays {exchange.refund_amount} back")

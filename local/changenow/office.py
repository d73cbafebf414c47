"""The exchange office: every exchange, every deposit address and its key, the market. In memory."""

import random
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from local.changenow import exchanges, pairs
from local.changenow.chain import Deposit
from local.changenow.currencies import Currency
from local.changenow.exchanges import Exchange
from local.changenow.foreign import ForeignChains
from local.changenow.outcomes import Outcome
from local.changenow.pairs import Market, Scope

ID_BITS = 56  # 14 hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a client asked for, already checked."""

    source: Currency
    target: Currency
    amount: Decimal
    payout_address: str
    payout_extra_id: str | None = None
    refund_address: str | None
    owner_key: str


class Office:
    """Thread-safe; exchanges are immutable and replaced under one lock."""

    def __init__(
        self,
        market: Market,
        *,
        seed: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.clock = clock
        self.scripted_price = False  # the market's price is not to follow the feed
        self.foreign = ForeignChains()
        self.refused_addresses: dict[str, str] = {}  # scripted: address → what is said of it
        self._market = market
        self._seed = str(secrets.randbits(128) if seed is None else seed)
        self._ids = random.Random(self._seed)
        self._lock = threading.RLock()
        self._exchanges: dict[str, Exchange] = {}
        self._by_payin: dict[str, str] = {}
        self._keys: dict[str, PrivateKey] = {}
        self._seen: set[str] = set()
        self._next_outcomes: list[Outcome] = []

    @property
    def market(self) -> Market:
        """The market at this moment."""
        return self._market

    def change_market(self, **changes: Any) -> Market:
        """Replace some of the market's fields."""
        with self._lock:
            self._market = replace(self._market, **changes)
            return self._market

    def change_entry(self, table: str, key: str | Scope, value: Decimal | None) -> Market:
        """Set one entry of one of the market's tables; None takes it away."""
        with self._lock:
            entries = {
                one: each for one, each in getattr(self._market, table).items() if one != key
            }
            return self.change_market(
                **{table: entries if value is None else {**entries, key: value}}
            )

    def create(self, order: Order) -> Exchange:
        """A new exchange with a deposit address of its own."""
        quote = pairs.quote(order.source, order.target, order.amount, self._market)
        with self._lock:
            now = self.clock()
            exchange = Exchange(
                id=self._new_id(),
                owner_key=order.owner_key,
                source=order.source,
                target=order.target,
                payin_address=self._new_address(),
                payout_address=order.payout_address,
                payout_extra_id=order.payout_extra_id,
                refund_address=order.refund_address,
                expected_from=order.amount,
                expected_to=quote.to_amount,
                created_at=now,
                updated_at=now,
                entered_at=now,
                outcome=self._next_outcomes.pop(0) if self._next_outcomes else None,
            )
            self._exchanges[exchange.id] = exchange
            self._by_payin[exchange.payin_address] = exchange.id
            return exchange

    def get(self, exchange_id: str) -> Exchange | None:
        """One exchange."""
        with self._lock:
            return self._exchanges.get(exchange_id)

    def all(self) -> list[Exchange]:
        """All exchanges, oldest first."""
        with self._lock:
            return list(self._exchanges.values())

    def family(self, exchange: Exchange) -> dict[str, Exchange]:
        """The exchanges one mentions: its original, repeated and related ones."""
        with self._lock:
            mentioned = (exchange.original_id, *exchange.repeated, *exchange.related)
            return {one: self._exchanges[one] for one in mentioned if one is not None}

    def addresses(self) -> frozenset[str]:
        """Every deposit address there is."""
        with self._lock:
            return frozenset(self._by_payin)

    def change(self, exchange_id: str, step: Callable[[Exchange], Exchange]) -> Exchange:
        """Replace one exchange by what the step makes of it."""
        with self._lock:
            changed = step(self._exchanges[exchange_id])
            self._exchanges[exchange_id] = changed
            return changed

    def script(self, outcome: Outcome, exchange_id: str | None) -> bool:
        """Set the outcome of one exchange, or of the next to be created; False: unknown id."""
        with self._lock:
            if exchange_id is None:
                self._next_outcomes.append(outcome)
                return True
            if exchange_id not in self._exchanges:
                return False
            self.change(exchange_id, lambda exchange: replace(exchange, outcome=outcome))
            return True

    def credit(self, deposit: Deposit) -> Exchange | None:
        """Book a deposit once: on its exchange, or as a repeated or related one."""
        with self._lock:
            if deposit.key in self._seen:
                return None
            self._seen.add(deposit.key)
            parent = self._exchanges[self._by_payin[deposit.address]]
            if deposit.currency != parent.source:
                return self._relate(parent, deposit)
            family = [parent, *(self._exchanges[child] for child in parent.repeated)]
            unpaid = next((one for one in family if one.payin_hash is None), None)
            taker = self._repeat(parent, deposit) if unpaid is None else unpaid
            return self.change(
                taker.id,
                lambda exchange: exchanges.deposited(
                    exchange,
                    key=deposit.key,
                    tx_hash=deposit.tx_hash,
                    amount=deposit.amount,
                    now=self.clock(),
                ),
            )

    def forget_deposit(self, exchange_id: str) -> Exchange:
        """The deposit is off the chain; should it come back, it is booked anew."""
        with self._lock:
            exchange = self._exchanges[exchange_id]
            if exchange.deposit_key is not None:
                self._seen.discard(exchange.deposit_key)
            return self.change(
                exchange_id, lambda one: exchanges.deposit_forgotten(one, self.clock())
            )

    def _repeat(self, parent: Exchange, deposit: Deposit) -> Exchange:
        quote = pairs.quote(parent.source, parent.target, deposit.amount, self._market)
        child = self._child(parent, deposit, expected_to=quote.to_amount)
        self.change(parent.id, lambda one: replace(one, repeated=(*one.repeated, child.id)))
        return child

    def _relate(self, parent: Exchange, deposit: Deposit) -> Exchange:
        child = self._child(parent, deposit, expected_to=None)
        self.change(parent.id, lambda one: replace(one, related=(*one.related, child.id)))
        now = self.clock()
        return self.change(
            child.id,
            lambda one: exchanges.failed(
                replace(
                    one,
                    source=deposit.currency,
                    payin_hash=deposit.tx_hash,
                    deposit_key=deposit.key,
                    amount_from=deposit.amount,
                    deposit_received_at=now,
                ),
                now,
            ),
        )

    def _child(
        self, parent: Exchange, deposit: Deposit, *, expected_to: Decimal | None
    ) -> Exchange:
        now = self.clock()
        child = Exchange(
            id=self._new_id(),
            owner_key=parent.owner_key,
            source=parent.source,
            target=parent.target,
            payin_address=parent.payin_address,
            payout_address=parent.payout_address,
            payout_extra_id=parent.payout_extra_id,
            refund_address=parent.refund_address,
            expected_from=deposit.amount,
            expected_to=expected_to,
            created_at=now,
            updated_at=now,
            entered_at=now,
            original_id=parent.id,
        )
        self._exchanges[child.id] = child
        return child

    def _new_id(self) -> str:
        return f"{self._ids.getrandbits(ID_BITS):014x}"

    def _new_address(self) -> str:
        key = PrivateKey(keccak(text=f"changenow simulator {self._seed} {len(self._keys)}"))
        address: str = key.public_key.to_checksum_address()
        self._keys[address] = key
        return address

"""The production services on a real database, joined by a queue in memory."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cdk.stages import BY_NAME, CONSUMER
from microbatch import messages
from microbatch.conversion import checking, distribution
from microbatch.conversion import service as conversion
from microbatch.errors import PermanentFailure
from microbatch.hostpay import outbound as hostpay_outbound
from microbatch.hostpay import recording, service, signing
from microbatch.intake import service as intake
from microbatch.messages import EventOccurred, Outgoing, PaymentReceived
from microbatch.operations.acts import perform
from microbatch.operations.over_age import over_age
from microbatch.operations.reconciler import Means, Policies, reconcile
from microbatch.operations.requests import Surroundings
from microbatch.payout import opening
from microbatch.payout import service as payouts
from microbatch.platform.database import Database
from microbatch.swap import outbound as swap_outbound
from microbatch.swap import results
from microbatch.vendors.ethereum.key_signer import KeySigner
from microbatch.vendors.ethereum.signing import is_checksummed
from tests.fakes.chain import FakeChain
from tests.fakes.exchange import FakeExchange
from tests.fakes.logins import transaction_of
from tests.fakes.policies import ETH, FEED, TOKEN, Rules

__all__ = ["ETH", "FEED", "KEY", "TOKEN", "Pipeline"]

KEY = "0x" + "11" * 32
SIGNING_KEY = b"k" * 64
STEPS_MAX = 2000


@dataclass
class Pipeline(Rules):
    """Queues, clock and outside world of one test; `run()` until nothing is on its way."""

    database: Database
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    chain: FakeChain = field(default_factory=FakeChain)
    queue: list[Outgoing] = field(default_factory=list)
    dead: list[tuple[Outgoing, PermanentFailure]] = field(default_factory=list)
    copies: int = 1  # how often every message is delivered
    lose: Callable[[Outgoing], bool] = lambda _message: False
    confirmations: int = 3
    token: str = TOKEN
    delivered: list[str] = field(default_factory=list)
    told: list[EventOccurred] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.exchange = FakeExchange(self.chain)
        self.signer = KeySigner(KEY)
        self.wallet = self.signer.address.lower()
        self.chain.balances_wei[self.wallet.lower()] = 10 * ETH
        self._payment_numbers = itertools.count(1)

    @property
    def signers(self) -> signing.Signers:
        """Whoever holds the wallet's key now."""
        return {self.signer.address.lower(): self.signer}

    @property
    def policies(self) -> Policies:
        """The rules of every room."""
        return Policies(
            swap=self.swap_policy,
            hostpay=self.hostpay_policy,
            source=self.source,
            ages=self.ages,
            intake=self.intake_policy,
            payout=self.payout_policy,
        )

    @property
    def surroundings(self) -> Surroundings:
        """What an operator's acts need besides the database."""
        return Surroundings(
            is_checksummed=is_checksummed,
            never_paid=frozenset({self.wallet}),
            fee_per_gas_ceiling_wei=self.hostpay_policy.limits.fee_per_gas_ceiling_wei,
            address_hold_seconds=86_400,
            depths=dict,
            policies=self.policies,
            schedule_seconds={"threshold_check": 900, "payout_scheduler": 300, "reconciler": 60},
        )

    # --- what tests do ---------------------------------------------------------------------------

    def operate(self, act: str, **fields: Any) -> dict[str, Any]:
        """An operator's act; what it sends is on its way."""
        request = {"act": act, "who": "me", "why": "she wrote", **fields}
        with transaction_of("operations", self.database) as tx:
            answer, outgoing = perform(request, tx, self.now, self.surroundings)
        refused = {each.queue for each in outgoing} - set(BY_NAME["operations"].sends_to)
        assert not refused, f"operations may not send to {refused}"
        self.send(outgoing)
        return answer

    def client(
        self,
        client_id: str,
        *,
        strategy: str = "threshold",
        paused: bool = False,
        wants: str = "usdt/eth",
        address: str = "0x" + "99" * 20,
        extra_id: str = "",
        threshold_usd: int = 50,
        address_state: str = "verified",
    ) -> None:
        """Register a client."""
        currency, network = wants.split("/")
        with self.database.transaction() as tx:
            tx.execute(
                "INSERT INTO clients (client_id, wallet_address, payout_currency, payout_network,"
                " payout_extra_id, payout_strategy, payout_threshold_usd, address_state,"
                " paused_at, created_at) VALUES (%(id)s, %(address)s, %(currency)s, %(network)s,"
                " %(extra_id)s, %(strategy)s, %(threshold_usd)s, %(state)s, %(paused_at)s,"
                " %(now)s)",
                id=client_id,
                address=address,
                currency=currency,
                network=network,
                extra_id=extra_id,
                strategy=strategy,
                threshold_usd=threshold_usd,
                state=address_state,
                paused_at=self.now if paused else None,
                now=self.now,
            )

    def payment(self, client_id: str, eth: str, **rest: Any) -> PaymentReceived:
        """A payment notification, put on the queue."""
        fields: dict[str, Any] = {
            "timestamp": int(self.now.timestamp()),
            "source": "nowpayments",
            "payment_id": str(4_900_000_000 + next(self._payment_numbers)),
            "client_id": client_id,
            "received_amount": eth,
            "received_currency": "eth",
            "received_network": "eth",
            "payment_status": "finished",
            "order_id": f"PGP-1|{client_id}",
            "paid_at": self.now.isoformat(),
            "body": b"{}",
        }
        message = PaymentReceived(**{**fields, **rest})
        self.queue.append(Outgoing("payments", message))
        return message

    def observe(self) -> None:
        """Fresh observations, asked for by the reconciler itself."""
        self.reconcile()
        self.run()

    def reconcile(self) -> list[Outgoing]:
        """One run of the reconciler; what it sends is on its way."""
        sent: list[Outgoing] = []

        def send(outgoing: list[Outgoing]) -> None:
            self.send(outgoing)
            sent.extend(outgoing)

        means = Means(transact=self.transact, send=send, milliseconds_left=lambda: 60)
        reconcile(self.policies, means)
        return sent

    def over_age(self) -> set[tuple[str, str]]:
        """(table, state) of what stands longer in its state than it may."""
        found = self.transact(over_age, self.ages)
        return {(each.entity, each.state) for each in found}

    def transact(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """As wiring does: `act(tx, now, …)` in one transaction."""
        with transaction_of("reconciler", self.database) as tx:
            return act(tx, self.now, *arguments)

    def check(self) -> checking.Check:
        """One threshold check."""
        with transaction_of("threshold_check", self.database) as tx:
            check = checking.check_threshold(tx, self.now, self.conversion_policy)
        self.send(check.outgoing)
        return check

    def pay_out(self) -> list[str]:
        """One run of the payout scheduler; the clients that were at their threshold."""
        with transaction_of("payout_scheduler", self.database) as tx:
            clients, payments = opening.ready(tx, self.now)
        for client_id in clients:
            with transaction_of("payout_scheduler", self.database) as tx:
                sent = opening.open_threshold(tx, self.now, client_id, self.payout_policy)
            self.send(sent)
        for payment_id in payments:
            with transaction_of("payout_scheduler", self.database) as tx:
                sent = opening.open_instant(tx, self.now, payment_id, self.payout_policy)
            self.send(sent)
        return clients

    def send(self, outgoing: list[Outgoing]) -> None:
        """As wiring does: on the queues, then noted as told what was told."""
        self.queue += outgoing
        told = [each.announces for each in outgoing if each.announces]
        owners = {"batches": conversion, "held_payments": intake}
        with transaction_of("reconciler", self.database) as tx:
            for each in told:
                owners.get(each.entity, payouts).note_told(tx, self.now, [each])

    def run(self) -> None:
        """Deliver until nothing is on its way; a delayed message lets its time pass."""
        for _ in range(STEPS_MAX):
            if not self.queue:
                return
            self.step(self.queue.pop(0))
        raise AssertionError("the pipeline does not come to rest")

    def step(self, outgoing: Outgoing) -> None:
        """Deliver one message (as often as `copies` says)."""
        if self.lose(outgoing):
            return
        if outgoing.delay_seconds:
            self.now += timedelta(seconds=outgoing.delay_seconds)
            self.chain.mine()
        body = messages.body(outgoing.message, SIGNING_KEY)
        for _ in range(self.copies):
            message = messages.read(outgoing.queue, body, [SIGNING_KEY], self.now)
            self.delivered.append(type(message).__name__)
            try:
                answered = self.deliver(outgoing.queue, message)
                allowed = CONSUMER[outgoing.queue].sends_to
                refused = [each.queue for each in answered if each.queue not in allowed]
                assert not refused, f"the consumer of {outgoing.queue} may not send to {refused}"
                self.send(answered)
            except PermanentFailure as error:
                self.dead.append((outgoing, error))

    def deliver(self, queue: str, message: Any) -> list[Outgoing]:
        """What the queue's function does with a message."""
        outside = {
            "swap-quote": (swap_outbound.ask_quoter, self.exchange),
            "swap-create": (swap_outbound.create_exchange, self.exchange),
            "swap-monitor": (swap_outbound.ask_exchange, self.exchange),
            "hostpay-status-check": (hostpay_outbound.ask_status, self.exchange),
            "chain-requests": (hostpay_outbound.answer, self.chain),
        }
        if queue == "events":
            self.told.append(message)
            return []
        if queue in outside:
            act, party = outside[queue]
            answered: list[Outgoing] = act(message, party, self.now)  # type: ignore[operator]
            return answered
        ledger: dict[str, tuple[Callable[..., list[Outgoing]], tuple[Any, ...]]] = {
            "payments": (intake.accumulate, (self.intake_policy, self.payout_policy)),
            "swap-results": (results.take_result, (self.swap_policy,)),
            "hostpay-trigger": (service.take_order, (self.hostpay_policy,)),
            "hostpay-batch": (service.take_order, (self.hostpay_policy,)),
            "hostpay-status-response": (service.approve, (self.hostpay_policy,)),
            "hostpay-payment-execute": (signing.sign, (self.hostpay_policy, self.signers)),
            "chain-results": (recording.take_answer, (self.hostpay_policy, self.source)),
            "hostpay-payment-response": (service.complete, ()),
            "microbatch-response": (distribution.distribute, ()),
        }
        act, arguments = ledger[queue]
        with transaction_of(CONSUMER[queue].name, self.database) as tx:
            return act(message, tx, self.now, *arguments)

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        with self.database.transaction() as tx:
            return tx.all(sql, **params)

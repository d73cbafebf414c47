"""The production services on a real database, joined by a queue in memory."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from cdk.stages import CONSUMER
from microbatch import messages
from microbatch.conversion import checking, distribution
from microbatch.conversion import service as conversion
from microbatch.errors import PermanentFailure
from microbatch.hostpay import outbound as hostpay_outbound
from microbatch.hostpay import recording, service, signing
from microbatch.hostpay.model import HostWallet, Limits
from microbatch.intake import service as intake
from microbatch.intake.model import Policy as IntakePolicy
from microbatch.market.service import Source
from microbatch.messages import EventOccurred, Outgoing, PaymentReceived
from microbatch.money import Wei
from microbatch.operations.reconciler import Policies, reconcile
from microbatch.pace import Pace
from microbatch.platform.database import Database
from microbatch.swap import outbound as swap_outbound
from microbatch.swap import results
from microbatch.swap import service as swaps
from microbatch.vendors.ethereum.key_signer import KeySigner
from tests.fakes.chain import FakeChain
from tests.fakes.exchange import FakeExchange

ETH = 10**18
KEY = "0x" + "11" * 32
TOKEN = "0x" + "55" * 20
FEED = "0x" + "66" * 20
SIGNING_KEY = b"k" * 64
STEPS_MAX = 2000


@dataclass
class Pipeline:
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

    # --- policies --------------------------------------------------------------------------------

    @cached_property
    def pace(self) -> Pace:
        return Pace(
            poll_wait_seconds=60,
            slow_poll_wait_seconds=3600,
            slow_poll_after_seconds=86_400,
            stale_after_seconds=300,
        )

    @cached_property
    def swap_policy(self) -> swaps.Policy:
        return swaps.Policy(
            pace=self.pace,
            confirmations=self.confirmations,
            band_percent=Decimal(25),
            token=self.token,
        )

    @cached_property
    def hostpay_policy(self) -> service.Policy:
        return service.Policy(
            pace=self.pace,
            confirmations=self.confirmations,
            observation_max_age_seconds=1800,
            limits=Limits(
                chain_id=31337,
                wallets=(HostWallet(self.wallet),),
                token=self.token,
                approval_max_age_seconds=600,
                preflight_max_age_seconds=60,
                transfer_max_wei=Wei(50 * ETH),
                transfer_max_token_units=100_000 * 10**6,
                daily_max_wei=Wei(200 * ETH),
                daily_max_token_units=400_000 * 10**6,
                fee_per_gas_ceiling_wei=Wei(300 * 10**9),
                gas_limit_ceiling=200_000,
                gas_cost_max_percent=25,
                bump_after_blocks=3,
                gas_reserve_wei=Wei(ETH // 200),
            ),
        )

    @cached_property
    def conversion_policy(self) -> checking.Policy:
        return checking.Policy(
            max_age_seconds=86_400,
            max_payments=100_000,
            max_wei=Wei(50 * ETH),
            observation_max_age_seconds=1800,
            minimum_margin_percent=Decimal(5),
            band_percent=Decimal(25),
            wallet=self.wallet,
        )

    intake_policy = IntakePolicy(Decimal(3), Wei(10 * ETH), 1800)

    @cached_property
    def source(self) -> Source:
        return Source(600, self.wallet, 31337, self.token, FEED)

    # --- what tests do ---------------------------------------------------------------------------

    def client(self, client_id: str, *, strategy: str = "threshold", paused: bool = False) -> None:
        """Register a client."""
        with self.database.transaction() as tx:
            tx.execute(
                "INSERT INTO clients VALUES (%(id)s, %(address)s, 'usdt', 'eth', '', %(strategy)s,"
                " 50, 'verified', %(paused_at)s, %(now)s)",
                id=client_id,
                address="0x" + "99" * 20,
                strategy=strategy,
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
        with self.database.transaction() as tx:
            sent = reconcile(
                tx,
                self.now,
                Policies(swap=self.swap_policy, hostpay=self.hostpay_policy, source=self.source),
            )
        self.send(sent)
        return sent

    def check(self) -> checking.Check:
        """One threshold check."""
        with self.database.transaction() as tx:
            check = checking.check_threshold(tx, self.now, self.conversion_policy)
        self.send(check.outgoing)
        return check

    def send(self, outgoing: list[Outgoing]) -> None:
        """As wiring does: on the queues, then noted as told what was told."""
        self.queue += outgoing
        told = [each.announces for each in outgoing if each.announces]
        if told:
            with self.database.transaction() as tx:
                conversion.note_told(tx, self.now, told)

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
            "swap-quote": (swap_outbound.observe_range, self.exchange),
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
            "payments": (intake.accumulate, (self.intake_policy,)),
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
        with self.database.transaction() as tx:
            return act(message, tx, self.now, *arguments)

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        """What stands in the database."""
        with self.database.transaction() as tx:
            return tx.all(sql, **params)

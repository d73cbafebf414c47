"""The production services between a real Postgres and a real chain behind a lying proxy.

Only the exchange is in memory: it names fresh addresses and waits for ever. What is looked at is
the host payment: what stands in the books against what stands on the chain.
"""

import itertools
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from eth_utils.address import to_checksum_address

from local.anvil import Anvil
from local.chain_proxy import ChainProxy
from local.contracts import deploy
from microbatch.conversion.checking import Check
from microbatch.errors import RetryLater
from microbatch.hostpay.model import HostWallet
from microbatch.market.model import BASE_FEE_WEI, ETH_TO_USDT, ETH_USD, PRIORITY_FEE_WEI
from microbatch.messages import Outgoing
from microbatch.operations.invariants import broken_invariants
from microbatch.platform.database import Database
from microbatch.vendors.changenow.client import ExchangeStatus
from microbatch.vendors.ethereum.key_signer import KeySigner
from microbatch.vendors.ethereum.node import Node
from tests.fakes.exchange import FakeExchange
from tests.fakes.pipeline import ETH, Pipeline
from tests.hostile.converted import converted

RETRY_SECONDS = 60
STEPS_MAX = 2000
ASKS = ("ChainObservationRequested", "RangeRequested")
DONE = ("confirmed", "settled")
LIVE = ("signed", "broadcast", "mined", "confirmed", "settled")


class RealChain:
    """What a Pipeline wants of its chain, on Anvil: time that passes is a block mined."""

    def __init__(self, anvil: Anvil) -> None:
        self._anvil = anvil
        self.mining = True

    def mine(self, blocks: int = 1) -> None:
        if self.mining:
            self._anvil.rpc("anvil_mine", hex(blocks))


class WaitingExchange(FakeExchange):
    """Makes exchanges at fresh addresses; each waits until it is paid, and then goes on waiting."""

    def create(self, *values: Any, **fields: Any) -> Any:
        created = super().create(*values, **fields)
        payin = "0x" + secrets.token_hex(20)
        known = self.exchanges[created.exchange_id]
        self.exchanges[created.exchange_id] = replace(known, payin_address=payin)
        return replace(created, payin_address=payin)

    def status(self, exchange_id: str) -> ExchangeStatus:
        return self.exchanges[exchange_id]

    def _out(self, amount: Decimal) -> Decimal:
        """A sum of tens is of USDT: it comes out as it went in."""
        return amount if amount >= 10 else super()._out(amount)


class World(Pipeline):
    """A Pipeline whose node is real and reached through `proxy`; `node_url` may be changed."""

    anvil: Anvil
    proxy: ChainProxy

    def __init__(self, database: Database, anvil: Anvil, proxy: ChainProxy) -> None:
        super().__init__(database, chain=RealChain(anvil))  # type: ignore[arg-type]
        self.anvil, self.proxy = anvil, proxy
        self.node = Node(proxy.url)
        self.retried: list[str] = []
        self.later: list[tuple[datetime, Outgoing]] = []
        self.token = deploy.USDT_ADDRESS.lower()
        self.other_signers: list[KeySigner] = []

    def __post_init__(self) -> None:
        self.exchange = WaitingExchange(self.chain)
        self.signer = KeySigner("0x" + secrets.token_hex(32))
        self.wallet = self.signer.address.lower()
        self._payment_numbers = itertools.count(1)
        self._token_clients = itertools.count(1000)

    def fund(self, eth: int = 100, wallet: str = "") -> None:
        """Set what a wallet has."""
        self.anvil.rpc("anvil_setBalance", wallet or self.wallet, hex(eth * ETH))

    @property
    def signers(self) -> dict[str, Any]:
        """Everybody who holds a wallet's key."""
        return {each.address.lower(): each for each in (self.signer, *self.other_signers)}

    def limit(self, **limits: Any) -> None:
        """Set limits of the host payment."""
        policy = self.hostpay_policy
        self.hostpay_policy = replace(policy, limits=replace(policy.limits, **limits))

    def add_wallet(self, first_nonce: int = 0) -> str:
        """One more wallet pays, with 100 ETH; its address."""
        signer = KeySigner("0x" + secrets.token_hex(32))
        address = signer.address.lower()
        self.other_signers.append(signer)
        wallets = (*self.hostpay_policy.limits.wallets, HostWallet(address, first_nonce))
        self.limit(wallets=wallets)
        self.fund(wallet=address)
        return address

    def look(self, base_fee_wei: int = 10**9) -> None:
        """Fresh observations, without asking anybody."""
        values = {
            ETH_USD: "2000",
            ETH_TO_USDT.minimum: "0.001",
            ETH_TO_USDT.maximum: None,
            ETH_TO_USDT.rate: "1980",
            BASE_FEE_WEI: str(base_fee_wei),
            PRIORITY_FEE_WEI: str(10**9),
        }
        with self.database.transaction() as tx:
            for name, value in values.items():
                tx.execute(
                    "INSERT INTO observations (name, value, observed_at) VALUES"
                    " (%(name)s, %(value)s, %(now)s) ON CONFLICT DO NOTHING",
                    name=name,
                    value=value,
                    now=self.now,
                )

    def order(self, eth: str = "0.05") -> Check:
        """One more transfer is wanted: a payment comes in and a batch is opened over it."""
        self.look()
        self.payment("7", eth)
        self.deliver_now("payments")
        return self.check()

    def order_token(self, usdt: int = 50) -> None:
        """One more transfer of USDT is wanted: a new client has as much, and is to be paid it."""
        self.look()
        client_id = str(next(self._token_clients))
        self.client(client_id, address=self.new_address(), threshold_usd=1)
        with self.database.transaction() as tx:
            converted(tx, client_id, usdt * 10**6)
        assert client_id in self.pay_out()

    def new_address(self) -> str:
        """An address nobody has used."""
        return to_checksum_address("0x" + secrets.token_hex(20))

    def deliver_now(self, queue: str) -> None:
        """Deliver what waits in one queue."""
        due = [each for each in self.queue if each.queue == queue]
        self.queue = [each for each in self.queue if each.queue != queue]
        for outgoing in due:
            self.step(outgoing)

    def deliver(self, queue: str, message: Any) -> list[Outgoing]:
        """As in production, but the chain is asked for real; unwell, the message comes again."""
        try:
            if queue == "chain-requests":
                return self._asked(message)
            return super().deliver(queue, message)
        except RetryLater as unwell:
            self.retried.append(str(unwell))
            self.queue.append(Outgoing(queue, message, RETRY_SECONDS))
            return []

    def _asked(self, message: Any) -> list[Outgoing]:
        from microbatch.hostpay import outbound  # noqa: PLC0415 - as the door does

        return outbound.answer(message, self.node, self.now)

    # --- time ---------------------------------------------------------------------------------

    def step(self, outgoing: Outgoing) -> None:
        """Deliver one message; a delayed one lies aside until its time has come."""
        if outgoing.delay_seconds:
            due = self.now + timedelta(seconds=outgoing.delay_seconds)
            self.later.append((due, replace(outgoing, delay_seconds=0)))
        else:
            super().step(outgoing)

    def reconcile(self) -> list[Outgoing]:
        """As in production, but nobody asks for observations here: `look` makes them."""
        sent = super().reconcile()
        self.queue = [each for each in self.queue if type(each.message).__name__ not in ASKS]
        return sent

    def settle(self) -> None:
        """Deliver everything that is due now, and what comes of it."""
        for _ in range(STEPS_MAX):
            if not self.queue:
                return
            self.step(self.queue.pop(0))
        raise AssertionError("messages go round without end")

    def live(self, rounds: int, *, seconds: int = 15) -> None:
        """Rounds of some seconds: a block (if any is mined), the reconciler, what is due."""
        for _ in range(rounds):
            self.now += timedelta(seconds=seconds)
            self.chain.mine()
            self.look()
            self.reconcile()
            self.queue += [outgoing for due, outgoing in self.later if due <= self.now]
            self.later = [(due, outgoing) for due, outgoing in self.later if due > self.now]
            self.settle()

    def until(self, state: str, rounds: int = 200) -> dict[str, Any]:
        """Step by step until the newest transfer is in this state; its row."""
        for _ in range(rounds * 10):
            rows = self.rows("SELECT * FROM transfers ORDER BY created_at DESC LIMIT 1")
            if rows and rows[0]["state"] == state:
                return rows[0]
            if self.queue:
                self.step(self.queue.pop(0))
            else:
                self.live(1)
        raise AssertionError(f"no transfer became {state}: {self.transfers()}")

    # --- books and chain ----------------------------------------------------------------------

    def transfers(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM transfers ORDER BY nonce NULLS LAST, created_at")

    def attempts(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM transfer_attempts ORDER BY nonce, attempt_no")

    def count(self, tag: str = "latest") -> int:
        """The wallet's transactions on the real chain."""
        return int(self.anvil.rpc("eth_getTransactionCount", self.wallet, tag), 16)

    def received(self, address: str) -> int:
        """What an address has on the real chain, in wei."""
        return int(self.anvil.rpc("eth_getBalance", address, "latest"), 16)

    def tokens(self, address: str) -> int:
        """What an address has on the real chain, in micro-USDT."""
        return deploy.usdt_balance(self.anvil.url, address)

    def paid_to(self, transfer: dict[str, Any]) -> int:
        """What the transfer's payee has on the real chain, in the units of what is paid."""
        found = self.tokens if transfer["token"] else self.received
        return found(transfer["to_address"])

    def assert_money_is_where_it_belongs(self) -> None:
        """By the chain: nobody has more than once what he should have, and only who should."""
        transfers = self.transfers()
        found = [self.paid_to(transfer) for transfer in transfers]
        for transfer, units in zip(transfers, found, strict=True):
            assert units <= transfer["amount_units"], f"paid more than once: {units} {transfer}"
        (given,) = self.rows("SELECT coalesce(sum(convertible_wei), 0) AS wei FROM payments")
        eth = [
            units for transfer, units in zip(transfers, found, strict=True) if not transfer["token"]
        ]
        assert sum(eth) <= given["wei"], f"customers paid for twice: {transfers}"
        for transfer, units in zip(transfers, found, strict=True):
            assert units in self._booked(transfer), f"not as booked: {units} {transfer}"

    def _booked(self, transfer: dict[str, Any]) -> tuple[int, ...]:
        """What its payee may have by the books."""
        amount = int(transfer["amount_units"])
        if transfer["state"] in ("signed", "broadcast", "parked"):
            return (0, amount)
        on_chain = transfer["state"] == "mined" and transfer["tx_hash"] is not None
        return (amount,) if transfer["state"] in DONE or on_chain else (0,)

    def assert_books_agree(self) -> None:
        """Nothing paid twice, nothing lost: every payee has what the books say, or nothing."""
        self.assert_money_is_where_it_belongs()
        ours = {row["tx_hash"] for row in self.attempts()}
        sent = {each.tx_hash for wallet in self.signers for each in self.proxy.transactions(wallet)}
        assert sent <= ours, "every byte that left stands in the books"
        broken = broken_invariants(self.database)
        assert not broken, f"invariants do not hold: {broken}"

    def assert_all_paid_once(self) -> None:
        """Every transfer is confirmed, by one transaction each, on nonces without a gap."""
        self.assert_books_agree()
        transfers = self.transfers()
        unpaid = [row for row in transfers if row["state"] not in DONE]
        assert not unpaid, f"not paid: {unpaid}"
        assert [row["nonce"] for row in transfers] == list(range(len(transfers))), transfers
        assert self.count() == len(transfers), "the wallet has sent others"

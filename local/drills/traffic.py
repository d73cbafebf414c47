"""What goes on during a drill: payments of every kind come in, and the schedules run."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.customer import Customer
from local.nowpayments import notification
from microbatch.money import ETH_DECIMALS

STRANGER = "7099"  # no client of ours: what it pays is held
DOLLARS_PER_ETH = 2000  # of invoices: about the local feed's price
CENT = Decimal("0.01")
SCHEDULES = {"reconciler": 1.0, "threshold_check": 2.0, "payout_scheduler": 1.5}  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client, and what each of its payments is."""

    client_id: str
    strategy: str
    wants: str
    address: str
    eth: str
    threshold_usd: str = "0"

    @property
    def fields(self) -> dict[str, str]:
        """For the operator's act."""
        currency, network = self.wants.split("/")
        return {
            "client_id": self.client_id,
            "wallet_address": self.address,
            "payout_currency": currency,
            "payout_network": network,
            "payout_strategy": self.strategy,
            "payout_threshold_usd": self.threshold_usd,
        }


# One of every way in which somebody is paid. The addresses are well-known ones, nobody's here.
CLIENTS = (
    Client(
        client_id="7001",
        strategy="threshold",
        wants="usdt/eth",
        address="0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        eth="0.0123",
        threshold_usd="20",
    ),
    Client(
        client_id="7002",
        strategy="threshold",
        wants="btc/btc",
        address="bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        eth="0.0234",
        threshold_usd="30",
    ),
    Client(
        client_id="7003",
        strategy="instant",
        wants="eth/eth",
        address="0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        eth="0.0171",
    ),
    Client(
        client_id="7004",
        strategy="instant",
        wants="xmr/xmr",
        address="44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2"
        "wfn3RVGQBEP3A",
        eth="0.0231",
    ),
    Client(
        client_id="7005",
        strategy="instant",
        wants="usdt/eth",
        address="0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        eth="0.0242",
    ),
)


class Senders:
    """Whoever sends us notifications, and sends again what we did not take."""

    def __init__(self, customer: Customer) -> None:
        self._customer = customer
        self._ids = itertools.count(time.time_ns() // 1_000_000)
        self._waves = 0
        self.refused = 0
        self.untaken: list[dict[str, Any]] = []
        self.credited: dict[str, str] = {}  # payment id → client, of what must be credited
        self.held: set[str] = set()  # of what must be held
        self.received_wei: Counter[str] = Counter()  # by client

    def wave(self) -> None:
        """A payment for every client, one of them sent twice, and one for a stranger."""
        self._waves += 1
        for client in CLIENTS:
            amount = Decimal(client.eth) + Decimal(self._waves).scaleb(-8)
            fields = self._notification(client.client_id, amount)
            self.credited[str(fields["payment_id"])] = client.client_id
            self.received_wei[client.client_id] += int(amount.scaleb(ETH_DECIMALS))
            self._send(fields)
            if client is CLIENTS[self._waves % len(CLIENTS)]:
                self._send(fields)
        stranger = self._notification(STRANGER, Decimal("0.004"))
        self.held.add(str(stranger["payment_id"]))
        self._send(stranger)

    def send_again(self) -> None:
        """What was not taken, once more."""
        untaken, self.untaken = self.untaken, []
        for fields in untaken:
            self._send(fields)

    def _notification(self, client_id: str, amount: Decimal) -> dict[str, Any]:
        invoice_usd = (amount * DOLLARS_PER_ETH).quantize(CENT)
        return notification(next(self._ids), int(client_id), amount, invoice_usd)

    def _send(self, fields: dict[str, Any]) -> None:
        try:
            status = self._customer.notify(fields)[0]
        except OSError:
            status = 0
        if status != 200:
            self.refused += 1
            self.untaken.append(fields)


class Clock:
    """Starts the functions that schedules start: more often than AWS does, as the day is shorter.

    One that fails is started again when its time comes.
    """

    def __init__(self, customer: Customer) -> None:
        self._customer = customer
        self._running = threading.Event()
        self._ended = threading.Event()
        self.failures: Counter[str] = Counter()
        self._threads = [
            threading.Thread(target=self._start_again_and_again, args=each, daemon=True)
            for each in SCHEDULES.items()
        ]

    def __enter__(self) -> "Clock":
        self._running.set()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._running.set()
        for thread in self._threads:
            thread.join()

    def stopped(self, look: Callable[[], bool]) -> bool:
        """What a look shows while no schedule runs: they ask the outside all the time."""
        self._running.clear()
        try:
            return look()
        finally:
            self._running.set()

    def _start_again_and_again(self, stage: str, seconds: float) -> None:
        while not self._ended.wait(seconds):
            self._running.wait()
            if self._ended.is_set():
                return
            try:
                self._customer.invoke(stage)
            except Exception:  # whatever it is: it is what a drill is for
                self.failures[stage] += 1

"""A finished exchange with its host payment, and the messages that made them, once more."""

import time
from collections.abc import Iterator
from typing import Any

from microbatch.messages import (
    BroadcastRequested,
    ExchangeCreated,
    ExchangeRequested,
    ExchangeStatusRequested,
    Message,
    PaymentExecutionRequest,
    PaymentExecutionResponse,
    ReceiptRequested,
    StatusCheckRequest,
    StatusCheckResponse,
)
from microbatch.money import ETH_DECIMALS, coins, text_from_units
from tests.e2e.world import World


class Exchanged:
    """The rows of one that paid ETH in."""

    def __init__(self, world: World, swap: dict[str, Any]) -> None:
        self.swap = swap
        self.transfer = world.one("SELECT * FROM transfers WHERE swap_id = %(id)s", id=self.id)
        self.attempt = world.one(
            "SELECT * FROM transfer_attempts WHERE unique_id = %(id)s",
            id=self.transfer["unique_id"],
        )
        self.now = int(time.time())

    @property
    def id(self) -> str:
        return str(self.swap["swap_id"])

    @property
    def exchange_id(self) -> str:
        return str(self.swap["cn_api_id"])

    @property
    def amount_text(self) -> str:
        return text_from_units(int(self.swap["from_amount_units"]), ETH_DECIMALS)

    @property
    def amount(self) -> float:
        return float(coins(int(self.swap["from_amount_units"]), ETH_DECIMALS))

    def exchange_request(self) -> ExchangeRequested:
        return ExchangeRequested(**self._wanted(), payout_extra_id=self.swap["payout_extra_id"])

    def created(self) -> ExchangeCreated:
        return ExchangeCreated(
            **self._wanted(),
            cn_api_id=self.exchange_id,
            payin_address=self.swap["payin_address"],
            payin_extra_id="",
            to_amount=f"{self.swap['expected_to_amount']:f}",
        )

    def paying(self) -> tuple[Any, ...]:
        """The fields that every message about its host payment has."""
        coin, address = ("eth", "eth"), self.swap["payin_address"]
        return (self.id, self.exchange_id, *coin, self.amount, address, self.now)

    def payment(self) -> Iterator[tuple[str, Message]]:
        """From its reservation to the question how the exchange stands, as ours signed them."""
        unique_id, exchange_id, *rest = self.paying()
        waiting = StatusCheckResponse(unique_id, exchange_id, "waiting", *rest)
        yield "hostpay-status-check", StatusCheckRequest(*self.paying())
        yield "hostpay-status-response", waiting
        yield "hostpay-payment-execute", PaymentExecutionRequest(*self.paying())
        yield from self._chain_requests()
        yield "hostpay-payment-response", self._confirmed()
        question = ExchangeStatusRequested(
            timestamp=self.now, swap_id=self.id, cn_api_id=self.exchange_id
        )
        yield "swap-monitor", question

    def _wanted(self) -> dict[str, Any]:
        pair = ("from_currency", "from_network", "to_currency", "to_network")
        return {
            "timestamp": self.now,
            "swap_id": self.id,
            **{name: self.swap[name] for name in pair},
            "from_amount": self.amount_text,
            "payout_address": self.swap["payout_address"],
            "refund_address": self.swap["refund_address"],
        }

    def _chain_requests(self) -> Iterator[tuple[str, Message]]:
        tx_hash, wallet = self.transfer["tx_hash"], self.transfer["wallet"]
        yield (
            "chain-requests",
            BroadcastRequested(
                timestamp=self.now,
                unique_id=self.id,
                tx_hash=tx_hash,
                raw_transaction=bytes(self.attempt["raw_transaction"]),
            ),
        )
        yield (
            "chain-requests",
            ReceiptRequested(timestamp=self.now, unique_id=self.id, wallet=wallet, tx_hash=tx_hash),
        )

    def _confirmed(self) -> PaymentExecutionResponse:
        return PaymentExecutionResponse(
            self.id,
            self.exchange_id,
            self.transfer["tx_hash"],
            "success",
            float(self.transfer["gas_used"]),
            self.transfer["block_number"],
            self.now,
        )

"""Every message of a finished conversion, sent again: nothing changes and nothing is paid."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from local import verdict
from microbatch.messages import (
    BatchOrder,
    BatchResult,
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
    TransferLogsRequested,
)
from microbatch.money import ETH_DECIMALS, USDT_DECIMALS, coins, text_from_units
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy")

COPIES = 2
ETH_ON_ETHEREUM = ("eth", "eth")


class Conversion:
    """The rows of a finished one, and the messages that made it."""

    def __init__(self, world: World) -> None:
        newest = (
            "SELECT * FROM batches WHERE state = 'distributed' ORDER BY created_at DESC LIMIT 1"
        )
        self.batch = world.one(newest)
        batch_id = self.batch["batch_id"]
        self.swap, self.transfer = world.swap_of(batch_id), world.transfer_of(batch_id)
        self.attempt = world.one(
            "SELECT * FROM transfer_attempts WHERE unique_id = %(id)s",
            id=self.transfer["unique_id"],
        )
        self.receipt = world.rows("SELECT * FROM token_receipts WHERE swap_id = %(id)s", id=self.id)
        self.now = int(time.time())

    @property
    def id(self) -> str:
        return str(self.swap["swap_id"])

    @property
    def exchange_id(self) -> str:
        return str(self.swap["cn_api_id"])

    def messages(self) -> Iterator[tuple[str, Message]]:
        """From its creation at the exchange to its distribution, as ours signed them."""
        yield "swap-results", self._created()
        yield "hostpay-batch", self._batch_order()
        yield "hostpay-status-check", StatusCheckRequest(*self._paying())
        yield "hostpay-status-response", self._waiting()
        yield "hostpay-payment-execute", PaymentExecutionRequest(*self._paying())
        yield from self._chain_requests()
        yield "hostpay-payment-response", self._confirmed()
        yield (
            "swap-monitor",
            ExchangeStatusRequested(
                timestamp=self.now, swap_id=self.id, cn_api_id=self.exchange_id
            ),
        )
        yield "microbatch-response", self._result()

    def exchange_request(self) -> ExchangeRequested:
        return ExchangeRequested(**self._wanted())

    def _wanted(self) -> dict[str, Any]:
        return {
            "timestamp": self.now,
            "swap_id": self.id,
            "from_currency": "eth",
            "from_network": "eth",
            "to_currency": "usdt",
            "to_network": "eth",
            "from_amount": text_from_units(int(self.batch["claimed_wei"]), ETH_DECIMALS),
            "payout_address": self.swap["payout_address"],
            "refund_address": self.swap["refund_address"],
        }

    def _created(self) -> ExchangeCreated:
        return ExchangeCreated(
            **self._wanted(),
            cn_api_id=self.exchange_id,
            payin_address=self.swap["payin_address"],
            payin_extra_id="",
            to_amount=f"{self.swap['expected_to_amount']:f}",
        )

    def _amount(self) -> float:
        return float(coins(int(self.batch["claimed_wei"]), ETH_DECIMALS))

    def _paying(self) -> tuple[Any, ...]:
        address = self.swap["payin_address"]
        return (self.id, self.exchange_id, *ETH_ON_ETHEREUM, self._amount(), address, self.now)

    def _batch_order(self) -> BatchOrder:
        return BatchOrder(
            batch_conversion_id=str(self.batch["batch_id"]),
            cn_api_id=self.exchange_id,
            from_currency="eth",
            from_network="eth",
            from_amount=self._amount(),
            payin_address=self.swap["payin_address"],
            timestamp=self.now,
        )

    def _waiting(self) -> StatusCheckResponse:
        unique_id, exchange_id, *rest = self._paying()
        return StatusCheckResponse(unique_id, exchange_id, "waiting", *rest)

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

    def logs_request(self, token: str) -> TransferLogsRequested:
        return TransferLogsRequested(
            timestamp=self.now,
            swap_id=self.id,
            cn_api_id=self.exchange_id,
            token=token,
            to_address=self.swap["payout_address"],
            tx_hash=self.swap["payout_hash"],
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

    def _result(self) -> BatchResult:
        arrived = coins(int(self.swap["received_units"]), USDT_DECIMALS)
        return BatchResult(
            str(self.batch["batch_id"]),
            self.exchange_id,
            self.swap["payout_hash"],
            float(arrived),
            self.now,
        )


@pytest.fixture
def conversion(world: World) -> Conversion:
    return Conversion(world)


def test_its_messages_sent_again_change_nothing(world: World, conversion: Conversion) -> None:
    books, wallet = world.digests(), verdict.wallet_on_chain(world)
    logs = ("chain-requests", conversion.logs_request(world.endpoints.usdt_address))
    for queue, message in (*conversion.messages(), logs):
        for _ in range(COPIES):
            world.put(queue, world.body(queue, message))

    world.until_quiet()

    assert world.digests() == books
    assert verdict.wallet_on_chain(world) == wallet


def test_its_notifications_sent_again_change_nothing(world: World, conversion: Conversion) -> None:
    books = world.digests()
    bodies = world.rows(
        "SELECT notification FROM payments WHERE batch_id = %(id)s",
        id=conversion.batch["batch_id"],
    )
    for row in bodies * COPIES:
        assert world.post(bytes(row["notification"])) == (200, '{"status": "accepted"}')

    world.until_quiet()

    assert bodies
    assert world.digests() == books


def test_its_exchange_ordered_again_is_one_that_nobody_pays(
    world: World, conversion: Conversion
) -> None:
    books, wallet = world.digests(), verdict.wallet_on_chain(world)
    world.put("swap-create", world.body("swap-create", conversion.exchange_request()))

    world.until_quiet()

    assert {name: digest for name, digest in world.digests().items() if name != "exchanges"} == {
        name: digest for name, digest in books.items() if name != "exchanges"
    }
    made = world.rows("SELECT * FROM exchanges WHERE swap_id = %(id)s", id=conversion.id)
    assert [row["cn_api_id"] for row in made if row["is_current"]] == [conversion.exchange_id]
    assert len(made) > 1
    assert verdict.wallet_on_chain(world) == wallet

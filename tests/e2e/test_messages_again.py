"""Every message of a finished conversion, sent again: nothing changes and nothing is paid."""

from collections.abc import Iterator

import pytest

from local import verdict
from microbatch.messages import BatchOrder, BatchResult, Message, TransferLogsRequested
from microbatch.money import USDT_DECIMALS, coins
from tests.e2e.exchanged import Exchanged
from tests.e2e.world import World

pytestmark = pytest.mark.usefixtures("tidy", "at_rest")

COPIES = 2


class Conversion(Exchanged):
    """The rows of a finished one, and the messages that made it."""

    def __init__(self, world: World) -> None:
        newest = (
            "SELECT * FROM batches WHERE state = 'distributed' ORDER BY created_at DESC LIMIT 1"
        )
        self.batch = world.one(newest)
        super().__init__(world, world.swap_of(self.batch["batch_id"]))

    def messages(self) -> Iterator[tuple[str, Message]]:
        """From its creation at the exchange to its distribution, as ours signed them."""
        yield "swap-results", self.created()
        yield "hostpay-batch", self._batch_order()
        yield from self.payment()
        yield "microbatch-response", self._result()

    def logs_request(self, token: str) -> TransferLogsRequested:
        return TransferLogsRequested(
            timestamp=self.now,
            swap_id=self.id,
            cn_api_id=self.exchange_id,
            token=token,
            to_address=self.swap["payout_address"],
            tx_hash=self.swap["payout_hash"],
        )

    def _batch_order(self) -> BatchOrder:
        return BatchOrder(
            batch_conversion_id=str(self.batch["batch_id"]),
            cn_api_id=self.exchange_id,
            from_currency="eth",
            from_network="eth",
            from_amount=self.amount,
            payin_address=self.swap["payin_address"],
            timestamp=self.now,
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

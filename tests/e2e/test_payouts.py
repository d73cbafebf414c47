"""Clients are paid on the running stack: once, through an exchange, or not at all and not less."""

from collections.abc import Iterator
from typing import Any

import pytest

from local import onchain, verdict
from local.contracts.rpc import Rpc
from local.day import ABROAD, WALLETS
from microbatch.messages import HostPayOrder, Message, QuoteObserved, QuoteRequested
from tests.e2e.exchanged import Exchanged
from tests.e2e.world import World

# whoever reached a threshold in other tests is paid before these begin
pytestmark = pytest.mark.usefixtures("tidy", "at_rest")

COPIES = 2
RIPPLE, MEMO = "rN7n7otQDd6FczFgLdSqtcsAUxDkw6fzRH", "4711"
BITCOIN = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
ACCOUNT = "SELECT * FROM client_accounts WHERE client_id = %(id)s"


class PaidAbroad(Exchanged):
    """A payout that an exchange has made, and the messages that made it."""

    def messages(self) -> Iterator[tuple[str, Message]]:
        """From its quote to the question whether it is finished, as ours signed them."""
        yield "swap-quote", QuoteRequested(**self._quoted())
        quote = {name: value for name, value in self._quoted().items() if name != "payout_address"}
        yield (
            "swap-results",
            QuoteObserved(
                **quote,
                minimum="0.001",
                maximum="",
                estimated_amount=f"{self.swap['expected_to_amount']:f}",
                address_problem="",
            ),
        )
        yield "swap-create", self.exchange_request()
        yield "swap-results", self.created()
        yield "hostpay-trigger", HostPayOrder(*self.paying())
        yield from self.payment()

    def _quoted(self) -> dict[str, Any]:
        pair = ("from_currency", "from_network", "to_currency", "to_network")
        return {
            "timestamp": self.now,
            "swap_id": self.id,
            **{name: self.swap[name] for name in pair},
            "amount": self.amount_text,
            "payout_address": self.swap["payout_address"],
        }


def test_a_client_is_paid_once_although_everything_is_delivered_again(world: World) -> None:
    before, paid_before = verdict.wallet_on_chain(world), world.exchange_says("payouts")
    fields = world.notification("0.0141", ABROAD)
    count = len(world.rows("SELECT 1 FROM payouts"))
    for _ in range(COPIES):
        assert world.notify(fields)[0] == 200
        world.invoke("payout_scheduler")
    world.until("its payout is there", lambda: len(world.rows("SELECT 1 FROM payouts")) > count)
    payout = world.until_payout_is("completed", ABROAD)
    books, wallet = digests_but_exchanges(world), verdict.wallet_on_chain(world)

    paid = PaidAbroad(world, world.swap_of(payout["payout_id"]))
    for queue, message in paid.messages():
        for _ in range(COPIES):
            world.put(queue, world.body(queue, message))
    assert world.notify(fields)[0] == 200
    world.invoke("payout_scheduler")
    world.until_quiet()

    assert digests_but_exchanges(world) == books
    assert verdict.wallet_on_chain(world) == wallet
    assert wallet.nonce == before.nonce + 1
    (delivered,) = world.exchange_says("payouts")[len(paid_before) :]
    assert (delivered["address"], delivered["amount"], delivered["hash"]) == (
        WALLETS[ABROAD],
        payout["delivered"],
        payout["delivered_hash"],
    )
    assert world.payments([str(fields["payment_id"])])[0]["state"] == "paid"


def test_usdt_goes_abroad_and_what_was_delivered_is_noted(world: World) -> None:
    paid_before = world.exchange_says("payouts")
    add_client(world, "990144", "xrp", RIPPLE, payout_extra_id=MEMO)
    ids = converted(world, "990144")

    open_payout(world, "990144")
    payout = world.until_payout_is("completed", "990144")

    (delivered,) = world.exchange_says("payouts")[len(paid_before) :]
    assert (delivered["currency"], delivered["address"], delivered["extraId"]) == (
        "xrp",
        RIPPLE,
        MEMO,
    )
    assert (delivered["amount"], delivered["hash"]) == (
        payout["delivered"],
        payout["delivered_hash"],
    )
    rows = world.payments(ids)
    assert {row["state"] for row in rows} == {"paid"}
    units = sum(row["share_microusdt"] for row in rows)
    swap = world.swap_of(payout["payout_id"])
    assert moved(world, swap) == f"{units} micro-USDT to {swap['payin_address'].lower()}"
    assert world.one(ACCOUNT, id="990144")["paid_microusdt"] == units == payout["amount_units"]


def test_usdt_that_an_exchange_refunds_is_the_clients_again(world: World) -> None:
    paid_before = world.exchange_says("payouts")
    add_client(world, "990145", "btc", BITCOIN)
    ids = converted(world, "990145")
    before = verdict.wallet_on_chain(world)

    world.script(kind="outcome", outcome="refunded")
    open_payout(world, "990145")
    payout = world.until_payout_is("released", "990145")

    came_back, swap = payout["refunded_units"], world.swap_of(payout["payout_id"])
    assert (payout["reason"], swap["state"]) == ("refunded", "refunded")
    assert 0 < came_back < payout["amount_units"]
    assert moved(world, swap).startswith(f"{payout['amount_units']} micro-USDT to ")
    lost = payout["amount_units"] - came_back
    assert before.usdt_units - verdict.wallet_on_chain(world).usdt_units == lost
    account = world.one(ACCOUNT, id="990145")
    assert (account["available_microusdt"], account["payout_loss_microusdt"]) == (came_back, lost)
    assert {row["state"] for row in world.payments(ids)} == {"converted"}
    assert world.exchange_says("payouts") == paid_before
    world.invoke("payout_scheduler")
    world.until_quiet()
    assert world.payout_of("990145") == payout  # and not tried again at once


def add_client(world: World, client_id: str, coin: str, address: str, **rest: str) -> None:
    """A client of another coin than ours, whose address the exchange has called valid."""
    world.operate(
        "clients add",
        client_id=client_id,
        wallet_address=address,
        payout_currency=coin,
        payout_network=coin,
        payout_strategy="threshold",
        payout_threshold_usd="20",
        **rest,
    )
    world.invoke("reconciler")
    state = "SELECT address_state FROM clients WHERE client_id = %(id)s"
    world.until(
        "the address is verified",
        lambda: world.one(state, id=client_id)["address_state"] == "verified",
    )


def converted(world: World, client_id: str) -> list[str]:
    """Ids of payments that have become USDT."""
    ids = world.pay("0.0123", "0.0091", client_id=client_id)
    world.until_batch_is("distributed", world.open_batch())
    assert {row["state"] for row in world.payments(ids)} == {"converted"}
    return ids


def open_payout(world: World, client_id: str) -> None:
    """The scheduler comes round until it knows the pair's range and has claimed."""

    def opened() -> bool:
        world.invoke("payout_scheduler")
        return bool(world.payout_of(client_id))

    world.until(f"a payout of {client_id} is there", opened)


def moved(world: World, swap: dict[str, Any]) -> str:
    """What the transaction for this swap took from our wallet to whom."""
    transfer = world.one("SELECT tx_hash FROM transfers WHERE swap_id = %(id)s", id=swap["swap_id"])
    ends = world.endpoints
    rpc = Rpc(ends.own_rpc_url)
    return onchain.moved(rpc, ends.usdt_address, ends.host_wallet, transfer["tx_hash"])


def digests_but_exchanges(world: World) -> dict[str, str]:
    """An exchange ordered again is one more at the provider, which nobody pays."""
    return {name: digest for name, digest in world.digests().items() if name != "exchanges"}

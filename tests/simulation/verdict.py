"""At the end: every payment is where it may be, and chain, exchange and bus agree to the unit."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from microbatch.codec import authentic_payload, decode
from microbatch.messages import QUEUES, EventOccurred
from tests.simulation import ends
from tests.simulation.books import Page
from tests.simulation.chain.ledger import Chain
from tests.simulation.outcome import Wrong
from tests.simulation.people import People
from tests.simulation.secrets_and_events import SIGNING_KEYS
from tests.simulation.seen_over_time import rows_by
from tests.simulation.world import FLOAT_UNITS, FLOAT_WEI, World

FINAL_EVENTS = {
    "distributed": "batch.completed",
    "released": "batch.released",
    "parked": "batch.parked",
}
PAYOUT_EVENTS = {
    "completed": "payout.completed",
    "released": "payout.failed",
    "rerouted": "payout.rerouted",
    "parked": "payout.parked",
}


class Verdict:
    """The last look."""

    def __init__(self, world: World, page: Page, people: People, checks: list[Any]) -> None:
        self.world, self.page, self.people = world, page, people
        self._checks = checks

    def give(self) -> None:
        """Raises Wrong."""
        ends.look_at_what_came_in(self.page, self.people)
        ends.look_at_where_it_ended(self.page, self.world, self._checks)
        self._wallets_agree()
        self._clients_agree()
        self._exchanges_agree()
        self._everything_was_told()

    # --- the chain -------------------------------------------------------------------------------

    def _wallets_agree(self) -> None:
        """What the wallets have is what the books say came in and went out."""
        chain, page = self.world.chain, self.page
        mined = [row for row in page.transfers if row["block_number"] is not None]
        paid = [row for row in mined if row["state"] in ("confirmed", "settled")]
        gas_wei = sum(row["gas_used"] * row["effective_gas_price_wei"] for row in mined)
        wei = FLOAT_WEI * len(self.world.wallets) + self._arrived_wei() - gas_wei
        wei += self._came_back("eth") - _sum(paid, "eth")
        has_wei = sum(chain.wei(wallet) for wallet in self.world.wallets)
        if has_wei != wei:
            raise Wrong("the_wallet_agrees_to_the_wei", f"has {has_wei}, books say {wei}")
        units = FLOAT_UNITS + self._received_units() + self._came_back("usdt") - _sum(paid, "usdt")
        has_units = sum(chain.units(wallet) for wallet in self.world.wallets)
        if has_units != units:
            raise Wrong("the_wallet_agrees_to_the_unit", f"has {has_units}, books say {units}")

    def _arrived_wei(self) -> int:
        """Of payments: by the books, but for those of which we were told two things."""
        booked = rows_by(self.page.payments, "payment_id")
        told_two_things = self.people.conflicting()
        return sum(
            booked[payment_id]["received_wei"]
            if payment_id in booked.keys() - told_two_things
            else wei
            for payment_id, wei in self.people.deposited.items()
        )

    def _came_back(self, currency: str) -> int:
        """Refunds, by the books; of one that a person has to look at, by the chain."""
        swaps = rows_by(self.page.swaps, "cn_api_id")
        total = 0
        for exchange in self.world.office.exchanges.values():
            if not exchange.refund_hash or exchange.pair.source != currency:
                continue
            swap = swaps[exchange.exchange_id]
            if swap["state"] == "refunded":
                total += swap["refunded_units"]
            else:
                total += int(exchange.refund_amount.scaleb(18 if currency == "eth" else 6))
        return total

    def _received_units(self) -> int:
        """USDT of batches, by the books; of one that a person has to look at, by the chain."""
        swaps = rows_by(self.page.swaps, "cn_api_id")
        total = 0
        for delivery in self.world.office.deliveries:
            swap = swaps.get(delivery.exchange_id)
            if swap is None or swap["context"] != "batch":
                continue
            finished = swap["state"] == "finished"
            total += swap["received_units"] if finished else int(delivery.amount.scaleb(6))
        return total

    # --- clients ---------------------------------------------------------------------------------

    def _clients_agree(self) -> None:
        """Every address has got exactly what the books say it was paid."""
        due: Counter[tuple[str, str]] = Counter()
        for payout in self.page.payouts:
            if payout["state"] == "completed" and payout["kind"] == "direct":
                due[payout["to_address"].lower(), payout["from_currency"]] += payout["amount_units"]
        for delivery in self.world.office.deliveries:
            if delivery.pair.on_our_chain and delivery.address.lower() not in self.world.wallets:
                units = int(delivery.amount.scaleb(18 if delivery.pair.target == "eth" else 6))
                due[delivery.address.lower(), delivery.pair.target] += units
        addresses = {payout["to_address"].lower() for payout in self.page.payouts}
        for address in sorted(addresses):
            got = _got(self.world.chain, address)
            said = {currency: due[address, currency] for currency in got}
            if got != said:
                raise Wrong("clients_get_what_the_books_say", f"{address}: {got}, books: {said}")

    def _exchanges_agree(self) -> None:
        """What exchanges have paid clients is what the books say, and nobody else was paid."""
        payouts = rows_by(self.page.payouts, "unique_id")
        swaps = rows_by(self.page.swaps, "cn_api_id")
        for delivery in self.world.office.deliveries:
            swap = swaps.get(delivery.exchange_id)
            if swap is None:
                raise Wrong("an_exchange_paid_is_in_the_books", str(delivery))
            if swap["context"] == "batch":
                continue
            payout = payouts[swap["swap_id"]]
            wanted = (payout["to_address"].lower(), payout["to_extra_id"])
            if (delivery.address.lower(), delivery.extra_id) != wanted:
                raise Wrong("the_client_is_paid_at_its_address", f"{delivery}, {payout}")
            said = self.world.api.said(delivery.exchange_id)
            booked = (payout["delivered_hash"], Decimal(payout["delivered"] or 0))
            if payout["state"] != "completed" or booked not in said:
                raise Wrong("a_delivery_is_booked", f"{delivery}, {said}, {payout}")

    # --- the bus ---------------------------------------------------------------------------------

    def _everything_was_told(self) -> None:
        told = {
            (name, _subject(detail["data"])): detail["data"] for name, detail in self.world.bus.told
        }
        lost = {event_in(body) for queue, body in self.world.sqs.lost if queue == "events"}
        missing = [each for each in self._due_events() if each not in told.keys() | lost]
        if missing:
            raise Wrong("everything_is_told", f"nobody was told of {missing}")
        for payout in self.page.payouts:
            if payout["state"] == "completed":
                detail = told.get(("payout.completed", payout["payout_id"]))
                if detail is not None and (detail["amount_units"], detail["to_address"]) != (
                    str(payout["amount_units"]),
                    payout["to_address"],
                ):
                    raise Wrong("what_is_told_is_so", f"{detail}, {payout}")

    def _due_events(self) -> list[tuple[str, str]]:
        page = self.page
        waiting = ends.behind_parked_transfers(page)
        due = [("payment.accumulated", row["payment_id"]) for row in page.payments]
        due += [("payment.held", row["payment_id"]) for row in page.held]
        due += [("batch.opened", row["batch_id"]) for row in page.batches]
        for names, subject, rows in (
            (FINAL_EVENTS, "batch_id", page.batches),
            (PAYOUT_EVENTS, "payout_id", page.payouts),
        ):
            ended = [row for row in rows if row["state"] in names or row[subject] not in waiting]
            due += [(names[row["state"]], row[subject]) for row in ended]
        return due


def _subject(data: dict[str, Any]) -> str:
    for name in ("payout_id", "batch_id", "payment_id", "client_id"):
        if name in data:
            return str(data[name])
    raise AssertionError(data)


def event_in(body: str) -> tuple[str, str]:
    """Name and subject of the event in a message."""
    key = SIGNING_KEYS[QUEUES["events"].key].encode()
    message = decode(EventOccurred, authentic_payload(json.loads(body)["token"], [key]))
    return message.name, _subject(json.loads(message.detail))


def _sum(transfers: list[dict[str, Any]], currency: str) -> int:
    return sum(row["amount_units"] for row in transfers if row["currency"] == currency)


def _got(chain: Chain, address: str) -> dict[str, int]:
    return {"eth": chain.wei(address), "usdt": chain.units(address)}

"""One running stack, used from outside and read where facts stand: books, chain, queues."""

import itertools
import json
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from functools import cache
from typing import Any

import requests

from local import nowpayments
from local.contracts.deploy import DEFAULT_ETH_USD
from local.customer import Customer
from local.day import SHOP
from local.endpoints import Endpoints
from microbatch import messages
from microbatch.messages import QUEUES, Message
from microbatch.operations.invariants import ALL as INVARIANTS

BOOKS = (
    "clients",
    "payments",
    "held_payments",
    "batches",
    "swaps",
    "exchanges",
    "token_receipts",
    "wallets",
    "transfers",
    "transfer_nonces",
    "transfer_attempts",
    "payouts",
)
CONVERSION_SECONDS = 60.0
POLL_SECONDS = 0.1
CENT = Decimal("0.01")
MONEY_MOVING = ("threshold_check", "payout_scheduler")  # schedules that begin something
SCHEDULED = ("reconciler", *MONEY_MOVING)
SCHEDULE_FIELDS = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
QUIET_LOOKS = 3  # a message that a function has in hand is in no queue for a moment

_payment_ids = itertools.count(time.time_ns() // 1_000_000)  # nobody has used these


class World(Customer):
    """A customer who also looks behind the counter."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._client = cache(super()._client)  # type: ignore[method-assign]
        super().__init__(endpoints)
        self._http = requests.Session()
        self._http.trust_env = False

    # --- payments -------------------------------------------------------------------------------

    def notification(self, eth: str, client_id: str = SHOP, **rest: Any) -> dict[str, Any]:
        """Of a payment that nobody has heard of yet, invoiced at what it is worth."""
        amount = Decimal(eth)
        invoice_usd = (amount * DEFAULT_ETH_USD).quantize(CENT)
        return nowpayments.notification(
            next(_payment_ids), int(client_id), amount, invoice_usd, **rest
        )

    def pay(self, *eth: str, client_id: str = SHOP) -> list[str]:
        """Ids of payments that have arrived in the books, pending."""
        notifications = [self.notification(amount, client_id) for amount in eth]
        for fields in notifications:
            assert self.notify(fields)[0] == 200
        ids = [str(fields["payment_id"]) for fields in notifications]
        self.until("the payments are stored", lambda: len(self.payments(ids)) == len(ids))
        assert {row["state"] for row in self.payments(ids)} == {"pending"}
        return ids

    def payments(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        """Their rows, in the order in which shares are given out."""
        return self.rows(
            "SELECT * FROM payments WHERE payment_id = ANY(%(ids)s) ORDER BY payment_id",
            ids=list(ids),
        )

    def one(self, sql: str, **params: Any) -> dict[str, Any]:
        """The only row there is."""
        (row,) = self.rows(sql, **params)
        return row

    # --- batches --------------------------------------------------------------------------------

    def open_batch(self) -> str:
        """The id of a batch over everything pending."""
        check = self.invoke("threshold_check")
        assert check["decision"] == "open", check
        return str(check["batch_id"])

    def until_batch_is(self, state: str, batch_id: str) -> None:
        """Wait for it, and for the last message about it."""
        self.until(f"batch {batch_id} is {state}", lambda: self.batch(batch_id)["state"] == state)
        self.until_quiet()

    def batch(self, batch_id: str) -> dict[str, Any]:
        return self.one("SELECT * FROM batches WHERE batch_id = %(id)s", id=batch_id)

    def swap_of(self, batch_id: str) -> dict[str, Any]:
        return self.one("SELECT * FROM swaps WHERE owner_id = %(id)s", id=batch_id)

    def transfer_of(self, batch_id: str) -> dict[str, Any]:
        swap_id = self.swap_of(batch_id)["swap_id"]
        return self.one("SELECT * FROM transfers WHERE swap_id = %(id)s", id=swap_id)

    # --- payouts --------------------------------------------------------------------------------

    def payout_of(self, client_id: str) -> dict[str, Any]:
        """The newest payout of a client; nothing when there is none."""
        newest = "SELECT * FROM payouts WHERE client_id = %(id)s ORDER BY created_at DESC LIMIT 1"
        return next(iter(self.rows(newest, id=client_id)), {})

    def until_payout_is(self, state: str, client_id: str) -> dict[str, Any]:
        """The newest payout of a client, once it is so and the last message about it is gone."""
        arrived = f"the payout of {client_id} is {state}"
        self.until(arrived, lambda: self.payout_of(client_id).get("state") == state)
        self.until_quiet()
        return self.payout_of(client_id)

    # --- schedules ------------------------------------------------------------------------------

    def hold_schedules(self) -> None:
        """From now on batches and payouts begin when a test says so; the reconciler goes on."""
        scheduler = self._client("scheduler")
        left = {self.endpoints.functions[stage] for stage in MONEY_MOVING}
        for entry in scheduler.list_schedules()["Schedules"]:
            found = scheduler.get_schedule(Name=entry["Name"], GroupName=entry["GroupName"])
            function = found["Target"]["Arn"].partition(":function:")[2]
            if function in left:
                assert found["State"] == "ENABLED"
                given = {name: found[name] for name in SCHEDULE_FIELDS}
                scheduler.update_schedule(**given, State="DISABLED")
                left.remove(function)
        assert left == set()
        self.until_quiet()  # one may have begun something a moment ago

    # --- books and queues -----------------------------------------------------------------------

    def digests(self) -> dict[str, str]:
        """One digest over every byte of each table that money stands in."""
        return {
            table: self.one(
                f"SELECT md5(coalesce(string_agg(row::text, E'\\n' ORDER BY row::text), ''))"
                f" AS digest FROM {table} AS row"
            )["digest"]
            for table in BOOKS
        }

    def broken_invariants(self) -> list[str]:
        return [name for name, query in INVARIANTS.items() if self.rows(query)]

    def put(self, queue: str, body: str) -> None:
        """A message nobody of ours has sent."""
        self._client("sqs").send_message(QueueUrl=self.endpoints.queues[queue], MessageBody=body)

    def body(self, queue: str, message: Message) -> str:
        """A message as ours would sign it for this queue."""
        return messages.body(message, self.secret(QUEUES[queue].key).encode())

    def take_dead_letters(self, queue: str) -> list[tuple[str, str]]:
        """(body, reason) of what is in its dead-letter queue, which is then empty."""
        client, url = self._client("sqs"), self.endpoints.queues[queue] + "-dlq"
        taken = []
        while found := client.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in found:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                reason = message["MessageAttributes"].get("reason", {}).get("StringValue", "")
                taken.append((message["Body"], reason))
        return taken

    def dead_letters(self) -> dict[str, int]:
        """How many there are, of the queues that have any."""
        depths = {queue: self.depth(queue, dead=True) for queue in self.endpoints.queues}
        return {queue: depth for queue, depth in depths.items() if depth}

    def until_quiet(self, seconds: float = CONVERSION_SECONDS) -> None:
        """Wait until no queue has held anything for a few looks."""
        looks = itertools.count()
        empty_since = 0

        def quiet() -> bool:
            nonlocal empty_since
            look = next(looks)
            if any(self.depth(queue) for queue in self.endpoints.queues):
                empty_since = look + 1
            return look + 1 - empty_since >= QUIET_LOOKS

        self.until("the queues are empty", quiet, seconds)

    def until_at_rest(self) -> None:
        """Let schedules do whatever they find, until a round of them moves no book any more.

        What differs afterwards is somebody else's doing, whenever the next of them runs.
        """

        def rested() -> bool:
            before = self.digests()
            for stage in SCHEDULED:
                self.invoke(stage)
                self.until_quiet()
            return self.digests() == before

        self.until("schedules move nothing", rested)

    def until(
        self, what: str, arrived: Callable[[], bool], seconds: float = CONVERSION_SECONDS
    ) -> None:
        deadline = time.monotonic() + seconds
        while not arrived():
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
            time.sleep(POLL_SECONDS)

    def until_none(self, what: str, query: str, seconds: float = CONVERSION_SECONDS) -> None:
        """Wait until a query finds no row any more; if it goes on, those that are left are told."""
        deadline = time.monotonic() + seconds
        while left := self.rows(query):
            assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}; left: {left}"
            time.sleep(POLL_SECONDS)

    # --- the exchange ---------------------------------------------------------------------------

    def script(self, **fields: Any) -> None:
        """Something that shall go wrong at the exchange."""
        self._exchange("POST", "faults", json.dumps(fields))

    def scripted(self) -> list[dict[str, Any]]:
        """What is still to go wrong."""
        found: list[dict[str, Any]] = self._exchange("GET", "faults")
        return found

    def unscript(self) -> None:
        self._exchange("DELETE", "faults")

    def _exchange(self, method: str, what: str, body: str | None = None) -> Any:
        url = f"{self.endpoints.own_changenow_url}/_control/{what}"
        answer = self._http.request(method, url, data=body, timeout=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

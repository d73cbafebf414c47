"""A day on the local stack, in phases, and what each of them has used of AWS."""

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from bench.aws_prices import LAMBDA_LOG_BYTES, Use
from cdk.stages import BY_NAME, CONSUMER
from local import nowpayments
from local.aws import trail
from local.aws.deployment import PREFIX
from local.aws.emulator import ACCOUNT, REGION
from local.customer import Customer
from local.day import CHANNEL, SAVER, SHOP, WALLETS
from tests.fakes.lambda_event import delivered

PAYERS = (SHOP, CHANNEL, SAVER)
PAYMENT_ETH, PAYMENT_USD = Decimal("0.0121"), Decimal("24.2")
ARRIVAL_SECONDS = 300.0
QUIET_LOOKS = 4
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
TEN = 10  # messages that SQS hands over at once
RUSHES = (1, 10, 100)  # payments that have come when a function is called

CPU_GB = Decimal(1769) / 1024  # of memory: that of a function that has one processor
PRICED = ("sqs:SendMessage", "sqs:ChangeMessageVisibility", "events:PutEvents")
WAIT_MILLISECONDS = 10  # for the answer to one of these


@dataclass(frozen=True, slots=True)
class Phase:
    """What happened between two moments, and how many of its unit there were."""

    units: int
    invocations: list[trail.Invocation]
    requests: Counter[tuple[str, str, str]]  # (stage, action, queue or "")
    log_bytes: Counter[str]  # by function

    def use(self, only: set[str] | None = None) -> Use:
        """What one unit used, of these functions or of all."""
        chosen = [each for each in self.invocations if only is None or stage(each) in only]
        asked = Counter[tuple[str, str]]()
        for (caller, action, queue), count in self.requests.items():
            if action in PRICED and (only is None or _for_whom(caller, queue) in only):
                asked[caller, action] += count
        calls = Counter(stage(each) for each in chosen)
        tens = sum(math.ceil(each.records / TEN) for each in chosen if each.queue)
        polled = 2 * tens  # received, and deleted
        used = Use(
            api_requests=Decimal(sum(1 for each in chosen if "webhook" in each.function)),
            invocations=Decimal(len(chosen)),
            gb_seconds=self._gb_seconds(calls, asked),
            sqs_requests=Decimal(
                polled + sum(times for (_, what), times in asked.items() if what.startswith("sqs:"))
            ),
            events=Decimal(sum(each.records for each in chosen if BY_NAME[stage(each)].publishes)),
            log_bytes=Decimal(
                sum(size for name, size in self.log_bytes.items() if only is None or name in only)
                + sum(LAMBDA_LOG_BYTES for each in chosen if not BY_NAME[stage(each)].is_quiet)
            ),
        )
        return used.times(Decimal(1) / self.units)

    def cpu_milliseconds(self) -> dict[str, Decimal]:
        """Processor time of a usual call, by stage; of warm ones, where there are any."""
        times: dict[bool, dict[str, list[int]]] = {False: {}, True: {}}
        for each in self.invocations:
            times[each.is_cold].setdefault(stage(each), []).append(each.cpu_milliseconds)
        usual = times[True] | times[False]
        return {name: Decimal(sum(found)) / len(found) for name, found in usual.items()}

    def _gb_seconds(self, calls: Counter[str], asked: Counter[tuple[str, str]]) -> Decimal:
        # How long a call takes here says nothing about AWS; how much processor it needs does. A
        # function gets a whole one with CPU_GB, so that it pays for it alike with any memory.
        computing = sum(
            (calls[name] * used for name, used in self.cpu_milliseconds().items()), Decimal(0)
        )
        waiting = sum(
            count * WAIT_MILLISECONDS * Decimal(BY_NAME[caller].memory_mb) / 1024
            for (caller, _), count in asked.items()
        )
        return (computing * CPU_GB + waiting) / 1000


def stage(invocation: trail.Invocation) -> str:
    """The stage that an invocation was of."""
    return stage_named(invocation.function)


class Day:
    """A stack, and what is done on it to be counted."""

    def __init__(self, folder: Path, customer: Customer, payments: int) -> None:
        self._folder, self._customer, self._payments = folder, customer, payments
        self._payment_ids = itertools.count(5_000_000_000)

    def run(self) -> dict[str, Phase]:
        """The phases, by what their unit is; all is done once before, so functions are warm."""
        self._prepare()
        self._pay(1, len(PAYERS))
        self._convert()
        self._pay_out()
        return {
            **{
                f"payment, {rush} at once": self._counted(
                    self._payments, partial(self._pay, rush, self._payments)
                )
                for rush in RUSHES
            },
            "batch": self._counted(1, self._convert),
            "payout": self._counted(len(PAYERS), self._pay_out),
        }

    def _prepare(self) -> None:
        """Clients and observations; nothing runs by itself from now on."""
        for client_id in PAYERS:
            self._customer.operate(
                "clients add",
                client_id=client_id,
                wallet_address=WALLETS[client_id],
                payout_currency="usdt",
                payout_network="eth",
                payout_strategy="threshold",
                payout_threshold_usd="20",
            )
        schedules = self._customer._client("scheduler")  # noqa: SLF001
        for each in schedules.list_schedules()["Schedules"]:
            found = schedules.get_schedule(Name=each["Name"])
            kept = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")
            schedules.update_schedule(State="DISABLED", **{name: found[name] for name in kept})
        self._customer.invoke("reconciler")
        self._until("observations", lambda: self._count("observations") > 8)
        self._until_quiet()

    def _pay(self, rush: int, payments: int) -> None:
        """Payments, of which so many have come each time that a function is called."""
        stored = self._count("payments")
        with self._unread("payments", "events"):
            for number in range(payments):
                client_id = PAYERS[number % len(PAYERS)]
                fields = nowpayments.notification(
                    next(self._payment_ids), int(client_id), PAYMENT_ETH, PAYMENT_USD
                )
                if self._customer.notify(fields)[0] != 200:
                    raise RuntimeError(f"payment {number} was refused")
            self._hand_over("payments", rush)
            self._hand_over("events", rush)
        if self._count("payments") != stored + payments:
            raise RuntimeError("not every payment was stored")
        self._until_quiet()

    def _hand_over(self, queue: str, rush: int) -> None:
        """As AWS does it once so many have come: received by tens, one call, deleted by tens."""
        sqs = self._customer._client("sqs")  # noqa: SLF001
        url, arn = self._customer.endpoints.queues[queue], QUEUE_ARN + PREFIX + queue
        at_once = min(rush, CONSUMER[queue].batch_size)
        while received := list(self._received(sqs, url, at_once)):
            records = [delivered(each, arn) for each in received]
            failed = self._customer.invoke(CONSUMER[queue].name, {"Records": records})
            if failed["batchItemFailures"]:
                raise RuntimeError(f"{queue}: {failed}")
            for first in range(0, len(received), TEN):
                handles = [each["ReceiptHandle"] for each in received[first : first + TEN]]
                sqs.delete_message_batch(
                    QueueUrl=url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": handle}
                        for number, handle in enumerate(handles)
                    ],
                )

    @staticmethod
    def _received(sqs: Any, url: str, at_once: int) -> Iterator[dict[str, Any]]:
        left = at_once
        while left:
            found = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=min(left, TEN), AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])  # fmt: skip
            yield from found
            left -= len(found)
            if not found:
                return

    def _convert(self) -> None:
        done = "batches WHERE state = 'distributed'"
        before = self._count(done)
        if self._customer.invoke("threshold_check")["decision"] != "open":
            raise RuntimeError("no batch was opened")
        self._until("the batch", lambda: self._count(done) > before)
        self._until_quiet()

    def _pay_out(self) -> None:
        done = "payouts WHERE state = 'completed'"
        before = self._count(done)
        self._customer.invoke("payout_scheduler")
        self._until("payouts", lambda: self._count(done) == before + len(PAYERS))
        self._until_quiet()

    def _counted(self, units: int, act: Callable[[], None]) -> Phase:
        began, logged = len(list(trail.read(self._folder))), self._log_bytes()
        act()
        entries = list(trail.read(self._folder))[began:]
        requests = [each for each in entries if isinstance(each, trail.Request)]
        ours = [each for each in requests if each.caller.startswith(PREFIX)]
        return Phase(
            units,
            [each for each in entries if isinstance(each, trail.Invocation)],
            Counter((stage_named(each.caller), each.action, _queue(each)) for each in ours),
            self._log_bytes() - logged,
        )

    @contextmanager
    def _unread(self, *queues: str) -> Iterator[None]:
        """No function is called by these queues."""
        functions = self._customer._client("lambda")  # noqa: SLF001
        found = functions.list_event_source_mappings()["EventSourceMappings"]
        ids = {each["EventSourceArn"].rpartition(PREFIX)[2]: each["UUID"] for each in found}
        for queue in queues:
            functions.update_event_source_mapping(UUID=ids[queue], Enabled=False)
        try:
            yield
        finally:
            for queue in queues:
                functions.update_event_source_mapping(UUID=ids[queue], Enabled=True)

    def _log_bytes(self) -> Counter[str]:
        files = (self._folder / "logs" / "functions").glob("*.log")
        return Counter({stage_named(file.stem): file.stat().st_size for file in files})

    def _count(self, rows: str) -> int:
        (found,) = self._customer.rows(f"SELECT count(*) AS number FROM {rows}")
        return int(found["number"])

    def _until_quiet(self) -> None:
        looks = iter(range(QUIET_LOOKS))
        queues = self._customer.endpoints.queues

        def quiet() -> bool:
            nonlocal looks
            if any(self._customer.depth(queue) for queue in queues):
                looks = iter(range(QUIET_LOOKS))
            return next(looks, None) is None

        self._until("quiet queues", quiet)

    def _until(self, what: str, arrived: Callable[[], bool]) -> None:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while not arrived():
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {ARRIVAL_SECONDS:.0f} s for {what}")
            time.sleep(0.25)


def _queue(request: trail.Request) -> str:
    return request.resource.rpartition(PREFIX)[2] if request.action.startswith("sqs:") else ""


def _for_whom(caller: str, queue: str) -> str:
    """Who is the reason for a request: events are sent for the sake of whoever publishes them."""
    return CONSUMER[queue].name if queue == "events" else caller


def stage_named(function: str) -> str:
    """The stage of a function's name."""
    return function.removeprefix(PREFIX).replace("-", "_")
